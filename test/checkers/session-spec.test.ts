import { describe, expect, it } from 'vitest';
import type { Command, Stamp } from '../../server/state/command.js';
import type { Applied } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { put } from '../node/requests.js';
import { SessionSpec } from './session-spec.js';

type Lie = (applied: Applied) => Applied;

const TERM = 2;
const PERIOD_MS = 10_000;
const honest: Lie = (applied) => applied;

/** A log that a real state machine applies, and may lie about. A moment passes between two entries, or as much as is said. */
class Log {
  readonly machine = StateMachine.create({ members: [] });
  readonly spec = new SessionSpec();
  #index = 0;
  #atMs = 0;

  take(command: Command, { stamp, lie = honest, afterMs = 1 }: { stamp?: Stamp; lie?: Lie; afterMs?: number } = {}) {
    this.#index += 1;
    this.#atMs += afterMs;
    const applied = lie(this.machine.apply(command, TERM, this.#index, stamp));
    return this.spec.take({ index: this.#index, term: TERM, atMs: this.#atMs, command, stamp, applied });
  }

  /** What is found wrong with a write of session 1, by check. */
  write(sequence: number, { settled = 0, lie = honest }: { settled?: number; lie?: Lie } = {}): readonly string[] {
    const { complaints } = this.take(put('a', `${sequence}`), { stamp: { session: 1, sequence, settled }, lie });
    return complaints.map(({ checker }) => checker);
  }

  passes(ms: number, { lie = honest, afterMs = PERIOD_MS }: { lie?: Lie; afterMs?: number } = {}): readonly string[] {
    const { complaints } = this.take({ kind: 'clusterTime', term: TERM, ms }, { lie, afterMs });
    return complaints.map(({ message }) => message);
  }
}

function logWithSession(ttlMs = 3000): Log {
  const log = new Log();
  expect(log.take({ kind: 'sessionOpen', clientName: '', ttlMs }).complaints).toEqual([]);
  return log;
}

const isReplay: Lie = (applied) => ({ ...applied, isReplay: true });
const takenAnew: Lie = ({ outcome, revision, events, writes }) => ({ outcome, revision, events, writes });

describe('a log whose sessions are as they should be', () => {
  it('has writes that take effect, come again, and are refused', () => {
    const log = logWithSession();
    const effects = [
      log.take(put('a', '1'), { stamp: { session: 1, sequence: 1, settled: 0 } }),
      log.take(put('a', '1'), { stamp: { session: 1, sequence: 1, settled: 0 } }),
      log.take(put('a', '3'), { stamp: { session: 1, sequence: 3, settled: 0 } }),
      log.take(put('a', '1'), { stamp: { session: 1, sequence: 1, settled: 1 } }),
      log.take(put('a', '4'), { stamp: { session: 1, sequence: 4, settled: 3 } }),
      log.take(put('a', '5'), { stamp: { session: 9, sequence: 1, settled: 0 } }),
      log.take(put('a', '6')),
    ];
    expect(effects.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(effects.map(({ takesEffect }) => takesEffect)).toEqual([true, false, false, false, true, false, true]);
    expect(log.spec.counts).toMatchObject({ opened: 1, writes: 2, again: 1, refused: 3 });
  });

  it('has a session that ends when its time is over, and no earlier', () => {
    const log = logWithSession();
    expect(log.passes(10_000)).toEqual([]);
    expect(log.write(1)).toEqual([]);
    expect(log.passes(20_000)).toEqual([]);
    expect(log.spec.counts.expired).toBe(0);
    expect(log.passes(30_000)).toEqual([]);
    expect(log.spec.counts.expired).toBe(1);
    expect(log.write(2)).toEqual([]);
  });

  it('has a full window', () => {
    const log = logWithSession();
    for (let sequence = 1; sequence <= 1025; sequence += 1) expect(log.write(sequence)).toEqual([]);
    expect(log.spec.counts).toMatchObject({ writes: 1024, refused: 1 });
  });
});

describe('what is wrong with a log:', () => {
  it('a write that is applied when it comes again', () => {
    const log = logWithSession();
    log.write(1);
    const revision = log.machine.revision;
    expect(log.write(1, { lie: takenAnew })).toEqual(['session-once']);
    const event = { type: 'put', revision: { main: revision + 1, sub: 0 } } as unknown as Applied['events'][number];
    expect(log.write(1, { lie: (applied) => ({ ...applied, events: [event] }) })).toEqual(['session-once']);
  });

  it('a write that is not applied in its turn', () => {
    expect(logWithSession().write(1, { lie: isReplay })).toEqual(['session-once']);
  });

  it('a write out of its turn, of a session that is not there, or with no room for its reply', () => {
    const ok: Lie = (applied) => ({ ...applied, outcome: { ok: true, result: { kind: 'void' } } });
    const log = logWithSession();
    expect(log.write(2, { lie: ok })).toEqual(['session-once']);
    expect(new Log().write(1, { lie: ok })).toEqual(['session-once']);
  });

  it('a reply that is another one the second time', () => {
    const log = logWithSession();
    log.write(1);
    log.take(put('b', 'x'));
    const later: Lie = (applied) => ({ ...applied, revision: log.machine.revision });
    expect(log.write(1, { lie: later })).toEqual(['session-reply']);
    const other: Lie = (applied) => ({ ...applied, outcome: { ok: true, result: { kind: 'void' } } });
    expect(log.write(1, { lie: other })).toEqual(['session-reply']);
    const lost: Lie = (applied) => ({ ...applied, outcome: { ok: false, code: 'REPLY_TOO_OLD', detail: '' } });
    expect(log.write(1, { lie: lost })).toEqual([]);
  });

  it('a session that ends early, late or on its own', () => {
    const ended = (...expired: number[]): Lie => {
      return (applied) => ({ ...applied, outcome: { ok: true, result: { kind: 'clusterTime', expired } } });
    };
    expect(logWithSession().passes(10_000, { lie: ended(1) })).toEqual([
      'entry 2/2, clusterTime: ended sessions [1], and should have ended []',
    ]);
    const log = logWithSession();
    log.passes(10_000);
    expect(log.passes(20_000, { lie: ended() })).toEqual([
      'entry 2/3, clusterTime: ended sessions [], and should have ended [1]',
    ]);
  });

  it('a time that runs ahead of the true one', () => {
    const log = logWithSession();
    expect(log.passes(10_000, { afterMs: 10 })).toEqual([]);
    expect(log.passes(20_000, { afterMs: 10 })[0]).toMatch(/the cluster's time is 20000, 199\d\d ms ahead/);
  });
});
