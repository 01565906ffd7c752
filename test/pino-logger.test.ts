import { describe, expect, it } from 'vitest';
import { createLogger, type LogLevel } from '../server/pino-logger.js';

function linesOf(isTerminal: boolean, level: LogLevel, log: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  const write = (line: string): void => {
    text += line;
  };
  log(createLogger(level, { isTerminal, write, flush: () => Promise.resolve() }));
  return text;
}

describe('for machines', () => {
  it('writes one JSON object a line, with 64-bit ids in hex', () => {
    const text = linesOf(false, 'info', (log) => log.warn('no leader', { member: 0xfedc_ba98_7654_3210n, term: 3 }));
    const { time, ...rest }: Record<string, unknown> = JSON.parse(text);
    expect(rest).toEqual({ level: 'warn', msg: 'no leader', member: 'fedcba9876543210', term: 3 });
    expect(new Date(String(time)).getTime()).toBeGreaterThan(0);
  });

  it('shows errors with their causes', () => {
    const error = new Error('cannot save', { cause: new RangeError('EIO') });
    const line: unknown = JSON.parse(linesOf(false, 'info', (log) => log.error('fatal', { error })));
    expect(line).toMatchObject({ error: { name: 'Error', message: 'cannot save', cause: { message: 'EIO' } } });
  });

  it('leaves out what is below the level', () => {
    expect(linesOf(false, 'warn', (log) => log.info('quiet'))).toBe('');
  });
});

describe('for a terminal', () => {
  it('writes a short line', () => {
    const text = linesOf(true, 'debug', (log) => log.debug('applied', { index: 7, name: 'm1' }));
    expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} DEBUG applied index=7 name="m1"\n$/);
  });

  it('never lets a value break the line or reach the terminal as a control sequence', () => {
    const forged = 'x\n12:00:00.000 INFO  all is well\u001b[2J\u009b2J\u007f';
    const text = linesOf(true, 'info', (log) => log.info('user', { name: forged, error: new Error(forged) }));
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(text.split('\n').filter((line) => /^\d\d:/.test(line))).toHaveLength(1);
  });

  it('shows the stack of an error and of its cause', () => {
    const error = new Error('cannot save', { cause: new RangeError('EIO') });
    const text = linesOf(true, 'info', (log) => log.error('fatal', { error }));
    expect(text).toContain('Error: cannot save\n        at ');
    expect(text).toContain('caused by: RangeError: EIO\n        at ');
  });
});
