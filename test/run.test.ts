import { describe, expect, it } from 'vitest';
import { exitCodes, FatalError, type ExitReason } from '../server/exit-reason.js';
import { InvariantError } from '../server/lib/assert.js';
import type { Clock } from '../server/lib/clock.js';
import { createDeferred, type Deferred } from '../server/lib/deferred.js';
import { silentLogger } from '../server/lib/logger.js';
import { run, stopTimeoutMs, type HostProcess, type RunningServer } from '../server/run.js';

class FakeProcess implements HostProcess {
  readonly environment = {};
  out = '';
  err = '';
  signal: (name: string) => void = () => undefined;
  uncaught: (error: unknown) => void = () => undefined;
  timers: { readonly callback: () => void; readonly ms: number }[] = [];

  constructor(readonly args: readonly string[] = []) {}

  readonly clock: Clock = {
    now: () => 0,
    wallTime: () => 0,
    defer: (callback) => callback(),
    setTimer: (callback, ms) => {
      this.timers.push({ callback, ms });
      return { cancel: () => undefined };
    },
  };
  printOut(text: string): void {
    this.out += text;
  }
  printError(text: string): void {
    this.err += text;
  }
  createLogger() {
    return { ...silentLogger, flush: () => Promise.resolve() };
  }
  onSignal(listener: (name: string) => void): void {
    this.signal = listener;
  }
  onUncaught(listener: (error: unknown) => void): void {
    this.uncaught = listener;
  }
}

class FakeServer implements RunningServer {
  readonly clientUrls = [];
  readonly peerUrls = [];
  readonly sessions = { open: () => expect.unreachable('nobody asks') };
  readonly door = {
    unary: () => expect.unreachable('nobody asks'),
    stream: () => expect.unreachable('nobody asks'),
  };
  readonly ended: Deferred<ExitReason> = createDeferred();
  readonly done = this.ended.promise;
  readonly stopped: Deferred<void> = createDeferred();
  stops = 0;

  stop(): Promise<void> {
    this.stops += 1;
    return this.stopped.promise;
  }
}

const neverStarts = (): Promise<RunningServer> => Promise.reject(new Error('must not start'));

describe('before anything starts', () => {
  it('prints the version of the package', async () => {
    const host = new FakeProcess(['--version']);
    expect(await run(host, neverStarts)).toBe('stopped');
    expect(host.out).toMatch(/^quorate \d+\.\d+\.\d+\n$/);
  });

  it('prints the flags', async () => {
    const host = new FakeProcess(['--help']);
    expect(await run(host, neverStarts)).toBe('stopped');
    expect(host.out).toContain('--data-dir');
  });

  it('refuses a wrong configuration with all its problems', async () => {
    const host = new FakeProcess(['--nonsense', '--max-txn-ops=0']);
    expect(await run(host, neverStarts)).toBe('badConfig');
    expect(host.err).toContain('--nonsense is unknown');
    expect(host.err).toContain('--max-txn-ops: "0": must be an integer from 1 to 65536');
  });
});

describe('the reason for the end', () => {
  const failures: readonly (readonly [name: string, error: Error, reason: ExitReason])[] = [
    ['a fatal error names its own', new FatalError('dataDirLocked', 'held by pid 7'), 'dataDirLocked'],
    ['a broken invariant', new InvariantError('applied > commit'), 'invariantBroken'],
    ['anything else', new TypeError('x is undefined'), 'unexpected'],
  ];

  it.each(failures)('%s, when the start fails', async (_, error, reason) => {
    expect(await run(new FakeProcess(), () => Promise.reject(error))).toBe(reason);
  });

  it.each(failures)('%s, when nobody caught it later: at once, without a stop', async (_, error, reason) => {
    const host = new FakeProcess();
    const server = new FakeServer();
    const ended = run(host, () => Promise.resolve(server));
    host.uncaught(error);
    expect(await ended).toBe(reason);
    expect(server.stops).toBe(0);
  });

  it('is what the member says when it ends by itself', async () => {
    const server = new FakeServer();
    server.ended.resolve('storageWriteFailed');
    expect(await run(new FakeProcess(), () => Promise.resolve(server))).toBe('storageWriteFailed');
  });
});

describe('a signal', () => {
  it('stops the member, then the process', async () => {
    const host = new FakeProcess();
    const server = new FakeServer();
    const ended = run(host, () => Promise.resolve(server));
    host.signal('SIGTERM');
    server.stopped.resolve();
    expect(await ended).toBe('stopped');
    expect(server.stops).toBe(1);
  });

  it('during the start takes effect when the start is over', async () => {
    const host = new FakeProcess();
    const started = createDeferred<RunningServer>();
    const server = new FakeServer();
    const ended = run(host, () => started.promise);
    host.signal('SIGINT');
    server.stopped.resolve();
    started.resolve(server);
    expect(await ended).toBe('stopped');
  });

  it('a second time leaves at once', async () => {
    const host = new FakeProcess();
    const ended = run(host, () => Promise.resolve(new FakeServer()));
    host.signal('SIGINT');
    host.signal('SIGINT');
    expect(await ended).toBe('stopForced');
  });

  it('leaves after five seconds when the stop hangs', async () => {
    const host = new FakeProcess();
    const ended = run(host, () => Promise.resolve(new FakeServer()));
    host.signal('SIGTERM');
    expect(host.timers.map(({ ms }) => ms)).toEqual([stopTimeoutMs]);
    host.timers[0]?.callback();
    expect(await ended).toBe('stopForced');
  });

  it('and a stop that fails is a failure', async () => {
    const host = new FakeProcess();
    const server = new FakeServer();
    const ended = run(host, () => Promise.resolve(server));
    host.signal('SIGTERM');
    server.stopped.reject(new FatalError('storageWriteFailed', 'fsync: EIO'));
    expect(await ended).toBe('storageWriteFailed');
  });
});

it('exit codes are distinct, and only an orderly stop is 0', () => {
  const codes = Object.values(exitCodes);
  expect(new Set(codes).size).toBe(codes.length);
  expect(Object.entries(exitCodes).filter(([, code]) => code === 0)).toEqual([['stopped', 0]]);
});
