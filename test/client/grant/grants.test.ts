/** Locks, semaphores and elections of the SDK on a member in this process: who gets what, when, and what is told of the end. */
import {
  CoordinationDefinition,
  GrantDescribeRequest,
  GrantDescribeResponse,
  GrantForceRequest,
} from '@quorate/proto/quorate/v1/coordination.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, connect, fence, get, isQuorateError, put } from '../../../client/index.js';
import { type Clock, systemClock, type Timer } from '../../../client/lib/clock.js';
import { type RunningServer, startServer } from '../../../server/index.js';

let server: RunningServer;
let one: Client;
let two: Client;
let names = 0;
/** A name that nobody has used. */
const fresh = (): string => `n${(names += 1)}`;
const nothing = (): void => undefined;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  server = await startServer({ dataDir: ':memory:' });
  one = await connect(server, { timeout: 15_000 });
  two = await connect(server, { timeout: 15_000 });
});
/** The clock of the system, with the timers that would keep a process alive. */
class CountingClock implements Clock {
  readonly pending = new Set<Timer>();
  readonly now = (): number => systemClock.now();
  readonly wallTime = (): number => systemClock.wallTime();
  readonly defer = (callback: () => void): void => systemClock.defer(callback);

  setTimer(callback: () => void, ms: number): Timer {
    const inner = systemClock.setTimer(() => {
      this.pending.delete(timer);
      callback();
    }, ms);
    const timer = {
      cancel: (): void => {
        this.pending.delete(timer);
        inner.cancel();
      },
    };
    this.pending.add(timer);
    return timer;
  }
}

afterAll(async () => {
  await Promise.all([one.close(), two.close()]);
  await server.stop();
});

function ask(method: string, request: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    server.door.unary(
      `/${CoordinationDefinition.fullName}/${method}`,
      request,
      { timeoutMs: 10_000 },
      (status, answer) =>
        status.name === 'OK' && answer !== undefined ? resolve(answer) : reject(new Error(status.text)),
    );
  });
}

async function force(name: string, token: number): Promise<void> {
  await ask(
    'Force',
    GrantForceRequest.encode({ name: Buffer.from(name), token: BigInt(token), reason: 'a test' }).finish(),
  );
}

async function queueOf(name: string): Promise<{ granted: number; waiting: number }> {
  const request = GrantDescribeRequest.encode({
    name: Buffer.from(name),
    rangeEnd: Buffer.alloc(0),
    limit: 0,
  }).finish();
  const [queue] = GrantDescribeResponse.decode(await ask('Describe', request)).queues;
  return { granted: queue?.granted.length ?? 0, waiting: queue?.waitingCount ?? 0 };
}

async function untilWaiting(name: string, waiting: number): Promise<void> {
  while ((await queueOf(name)).waiting !== waiting) await pause(5);
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (isQuorateError(error) ? error.code : String(error)),
  );

describe('a mutex', () => {
  it('is held by one, then by the next, with a higher token', async () => {
    const name = fresh();
    const first = await one.mutex(name).acquire();
    expect(first.state).toBe('held');
    expect(first.remainingMs).toBeGreaterThan(5_000);
    first.assertHeld();
    const second = two.mutex(name).acquire();
    await untilWaiting(`mutex/${name}`, 1);
    expect(await first.release()).toBe(true);
    expect([first.state, first.remainingMs]).toEqual(['released', 0]);
    expect(() => first.assertHeld()).toThrow(expect.objectContaining({ code: 'GRANT_LOST' }));
    const next = await second;
    expect(next.token).toBeGreaterThan(first.token);
    await next.release();
    expect(await queueOf(`mutex/${name}`)).toEqual({ granted: 0, waiting: 0 });
  });

  it('that is being given back is not relied on any more: somebody else may have it before the answer comes', async () => {
    const lock = await one.mutex(fresh()).acquire();
    const releasing = lock.release();
    expect([lock.state, lock.remainingMs]).toEqual(['released', 0]);
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'GRANT_LOST' }));
    expect(await codeOf(one.txn().require(lock).then(put('k', 'v')).commit())).toBe('GRANT_LOST');
    expect(await releasing).toBe(true);
  });

  it('that is given back is never told to be lost', async () => {
    const locks = await Promise.all(Array.from({ length: 20 }, () => one.mutex(fresh()).acquire()));
    await pause(20);
    expect(await Promise.all(locks.map((lock) => lock.release()))).toEqual(locks.map(() => true));
    await pause(20);
    expect(locks.filter(({ signal }) => signal.aborted).length).toBe(0);
  });

  it('is given back at the end of a block', async () => {
    const name = fresh();
    // What `await using` does: the import rules' parser does not know it yet.
    const lock = await one.mutex(name).acquire();
    await lock[Symbol.asyncDispose]();
    expect(lock.state).toBe('released');
    expect(await queueOf(`mutex/${name}`)).toEqual({ granted: 0, waiting: 0 });
  });

  it('that is taken is not waited for by a try, which leaves nothing', async () => {
    const name = fresh();
    const lock = await one.mutex(name).acquire();
    expect(await two.mutex(name).tryAcquire()).toBeNull();
    expect(await queueOf(`mutex/${name}`)).toEqual({ granted: 1, waiting: 0 });
    await lock.release();
    const taken = await two.mutex(name).tryAcquire();
    expect(taken?.state).toBe('held');
    await taken?.release();
  });

  it('is refused at once to an object that has it, and inside its own run', async () => {
    const name = fresh();
    const mutex = one.mutex(name);
    const lock = await mutex.acquire();
    expect(await codeOf(mutex.acquire())).toBe('GRANT_OWNED');
    await lock.release();
    const inside = await mutex.run(() => codeOf(one.mutex(name).acquire()));
    expect(inside).toBe('GRANT_OWNED');
    expect(await codeOf(one.mutex(name).run(() => undefined))).toBe('ok');
  });

  it('serves two tasks of one process in turn', async () => {
    const name = fresh();
    let inside = 0;
    let most = 0;
    const task = (): Promise<void> =>
      one.mutex(name).run(async () => {
        inside += 1;
        most = Math.max(most, inside);
        await pause(3);
        inside -= 1;
      });
    await Promise.all(Array.from({ length: 20 }, task));
    expect(most).toBe(1);
  });

  it('leaves nothing of a wait that ran out of time or was given up', async () => {
    const name = fresh();
    const lock = await one.mutex(name).acquire();
    expect(await codeOf(two.mutex(name).acquire({ timeout: 60 }))).toBe('DEADLINE_EXCEEDED');
    const aborter = new AbortController();
    const waiting = codeOf(two.mutex(name).acquire({ signal: aborter.signal }));
    await untilWaiting(`mutex/${name}`, 1);
    aborter.abort();
    expect(await waiting).toBe('CANCELED');
    await untilWaiting(`mutex/${name}`, 0);
    await lock.release();
    expect(await queueOf(`mutex/${name}`)).toEqual({ granted: 0, waiting: 0 });
  });

  it('is lost when an operator takes it, and the next one has it', async () => {
    const name = fresh();
    const lock = await one.mutex(name).acquire();
    const next = two.mutex(name).acquire();
    await untilWaiting(`mutex/${name}`, 1);
    const lost = new Promise((resolve) => lock.signal.addEventListener('abort', () => resolve(lock.signal.reason)));
    await force(`mutex/${name}`, lock.token);
    expect(await lost).toMatchObject({ code: 'GRANT_LOST' });
    expect(lock.state).toBe('lost');
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'GRANT_LOST' }));
    expect(await lock.release()).toBe(false);
    await (await next).release();
  });

  it('is lost with its lease, and so is the place of who waits with one', async () => {
    const name = fresh();
    const lease = await one.lease.grant({ ttl: 60_000 });
    const other = await two.lease.grant({ ttl: 60_000 });
    const lock = await one.mutex(name).acquire({ lease });
    const waiting = codeOf(two.mutex(name).acquire({ lease: other }));
    await untilWaiting(`mutex/${name}`, 1);
    await other.revoke();
    expect(await waiting).toMatch(/^(LEASE_LOST|GRANT_LOST)$/);
    await lease.revoke();
    expect(lock.state).toBe('lost');
    expect(await queueOf(`mutex/${name}`)).toEqual({ granted: 0, waiting: 0 });
  });

  it('is refused as a loss where the cluster knows already that the lease is over', async () => {
    const lease = await one.lease.grant({ ttl: 60_000 });
    await two.lease.revoke(lease.id);
    expect(await codeOf(one.mutex(fresh()).acquire({ lease }))).toBe('LEASE_LOST');
  });

  it('shares one lease with the other locks of its client, and gives it back when all are idle', async () => {
    const client = await connect(server);
    const locks = await Promise.all(
      [fresh(), fresh(), fresh()].map((name) => client.mutex(name).acquire({ ttl: 2_000 })),
    );
    expect(client.stats().leases).toBe(1);
    await Promise.all(locks.map((lock) => lock.release()));
    while (client.stats().leases > 0) await pause(50);
    await client.close();
  });

  it('that runs a body keeps what the body throws, and waits for its end', async () => {
    const name = fresh();
    const failure = new Error('mine');
    await expect(
      one.mutex(name).run(async (lock) => {
        await lock.release();
        throw failure;
      }),
    ).rejects.toBe(failure);
    let ended = false;
    const run = codeOf(
      one.mutex(name).run(async (lock) => {
        await force(`mutex/${name}`, lock.token);
        await new Promise<void>((resolve) => lock.signal.addEventListener('abort', () => resolve()));
        await pause(20);
        ended = true;
      }),
    );
    expect([await run, ended]).toEqual(['GRANT_LOST', true]);
  });
});

describe('several names', () => {
  it('are taken all or none, in whatever order they are asked for', async () => {
    const [a, b, c] = [fresh(), fresh(), fresh()] as [string, string, string];
    const lock = await one.mutex(b).acquire();
    expect(await two.multiLock([c, b, a]).tryAcquire()).toBeNull();
    const all = two.multiLock([c, b, a]).acquire();
    await untilWaiting(`mutex/${b}`, 1);
    await lock.release();
    const held = await all;
    expect(await one.mutex(a).tryAcquire()).toBeNull();
    await held.release();
    const turns = [one.multiLock([a, b, c]), two.multiLock([c, b, a]), one.multiLock([b, a]), two.multiLock([c, b])];
    expect(await Promise.all(turns.map((each) => codeOf(each.run(() => pause(2)))))).toEqual(['ok', 'ok', 'ok', 'ok']);
  });
});

describe('a read-write lock', () => {
  it('is shared by readers, and no reader passes a writer that waits', async () => {
    const name = fresh();
    const readers = await Promise.all([one.rwLock(name).read(), two.rwLock(name).read()]);
    const writing = one.rwLock(name).write();
    await untilWaiting(`rwLock/${name}`, 1);
    const late = two.rwLock(name).read();
    await untilWaiting(`rwLock/${name}`, 2);
    await Promise.all(readers.map((reader) => reader.release()));
    const writer = await writing;
    expect(await queueOf(`rwLock/${name}`)).toEqual({ granted: 1, waiting: 1 });
    await writer.release();
    expect((await late).token).toBeGreaterThan(writer.token);
    await (await late).release();
  });

  it('does not make a writer of a reader', async () => {
    const lock = one.rwLock(fresh());
    const reader = await lock.read();
    expect(await codeOf(lock.write())).toBe('GRANT_OWNED');
    await reader.release();
  });
});

describe('a semaphore', () => {
  it('has so many permits, and each holder knows which', async () => {
    const name = fresh();
    const gpu = one.semaphore(name, { permits: 3 });
    const two_ = await gpu.acquire({ weight: 2 });
    const third = await gpu.acquire();
    expect([two_.slots, third.slots]).toEqual([[0, 1], [2]]);
    expect(await gpu.tryAcquire()).toBeNull();
    await two_.release();
    const next = await two.semaphore(name, { permits: 3 }).acquire();
    expect(next.slots).toEqual([0]);
    expect(await codeOf(two.semaphore(name, { permits: 4 }).acquire())).toBe('INVALID_GRANT');
    await Promise.all([third.release(), next.release()]);
  });

  it('needs a number of permits', () => {
    expect(() => one.semaphore('x', { permits: 0 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('a transaction', () => {
  it('runs under a grant that is current, and is fenced after it', async () => {
    const name = fresh();
    const lock = await one.mutex(name).acquire();
    const done = await one.txn().require(lock).then(put(name, 'v'), get(name)).commit();
    expect(done.ok && done.results[1]?.text()).toBe('v');
    // Another client cannot know that the grant is over: the cluster does.
    const held = { token: lock.token, guards: lock.guards, assertHeld: nothing };
    await lock.release();
    expect(await codeOf(one.txn().require(lock).then(put(name, 'w')).commit())).toBe('GRANT_LOST');
    expect(await codeOf(two.txn().require(held).then(put(name, 'w')).commit())).toBe('FENCED');
    expect((await one.kv.get(name))?.text()).toBe('v');
  });

  it('keeps a mark that only rises', async () => {
    const [name, mark] = [fresh(), fresh()];
    const old = await one.mutex(name).acquire();
    await old.release();
    const lock = await two.mutex(name).acquire();
    expect((await two.txn().then(fence(mark, lock), put(name, 'new')).commit()).ok).toBe(true);
    expect(await codeOf(one.txn().then(fence(mark, old), put(name, 'old')).commit())).toBe('FENCED');
    expect((await one.kv.get(name))?.text()).toBe('new');
    expect((await one.kv.get(mark))?.text()).toBe(`${lock.token}`);
    await lock.release();
  });
});

describe('an election', () => {
  it('has one leader at a time, and tells who it is', async () => {
    const name = fresh();
    const aborter = new AbortController();
    const seen: (string | undefined)[] = [];
    const terms: number[] = [];
    const watching = (async () => {
      for await (const now of two.election(name).observe({ signal: aborter.signal })) {
        seen.push(now === null ? undefined : Buffer.from(now.leader.value).toString());
        if (now !== null) terms.push(now.term);
      }
    })();
    const first = await one.election(name).lead(
      async (term) => {
        await term.proclaim('one, ready');
        while (!seen.includes('one, ready')) await pause(5);
        return term.token;
      },
      { value: 'one' },
    );
    const second = await two.election(name).lead(
      async (term) => {
        while (!seen.includes('two')) await pause(5);
        return term.token;
      },
      { value: 'two' },
    );
    expect(second).toBeGreaterThan(first);
    while (seen.at(-1) !== undefined) await pause(5);
    aborter.abort();
    await watching;
    expect(terms).toEqual(terms.toSorted((a, b) => a - b));
  });

  it('begins a new term when one was lost, after the work of that one has settled', async () => {
    const name = fresh();
    let running = 0;
    const tokens: number[] = [];
    await one.election(name).lead(async (term) => {
      running += 1;
      expect(running).toBe(1);
      tokens.push(term.token);
      if (tokens.length === 1) {
        await force(`election/${name}`, term.token);
        await new Promise<void>((resolve) => term.signal.addEventListener('abort', () => resolve()));
        await pause(30);
      }
      running -= 1;
    });
    expect(tokens).toHaveLength(2);
    expect(tokens[1]).toBeGreaterThan(tokens[0] ?? Infinity);
  });

  it('gives up on work that does not end with its term, and does not begin another one beside it', async () => {
    const name = fresh();
    const election = one.election(name);
    let end = nothing;
    const stuck = new Promise<void>((resolve) => {
      end = resolve;
    });
    const led = codeOf(
      election.lead(
        async (term) => {
          await force(`election/${name}`, term.token);
          await stuck;
        },
        { stopTimeout: 30 },
      ),
    );
    expect(await led).toBe('TERM_OVERRUN');
    expect(await codeOf(election.lead(nothing))).toBe('GRANT_OWNED');
    end();
    await pause(5);
    expect(await codeOf(election.lead(nothing))).toBe('ok');
  });

  it('whose leader names somebody who does not wait goes on under it, and meanwhile does not rely on that', async () => {
    await one.election(fresh()).lead(async (term) => {
      const resigning = codeOf(term.resign({ to: 'nobody' }));
      expect(() => term.assertHeld()).toThrow(expect.objectContaining({ code: 'GRANT_LOST' }));
      expect(await resigning).toBe('GRANT_NOT_FOUND');
      term.assertHeld();
      expect(term.state).toBe('held');
    });
  });

  it('is led by the highest priority, and by whom the leader names', async () => {
    const name = fresh();
    const order: string[] = [];
    let handOver: (to: string) => void = nothing;
    const to = new Promise<string>((resolve) => {
      handOver = resolve;
    });
    const leading = one.election(name).lead(async (term) => {
      await term.resign({ to: await to });
    });
    while ((await queueOf(`election/${name}`)).granted === 0) await pause(5);
    const candidates = ['low', 'high', 'named'].map((who, place) =>
      two.election(name).lead(
        () => {
          order.push(who);
        },
        { priority: place === 1 ? 5 : 0, value: who },
      ),
    );
    await untilWaiting(`election/${name}`, 3);
    const request = GrantDescribeRequest.encode({
      name: Buffer.from(`election/${name}`),
      rangeEnd: Buffer.alloc(0),
      limit: 0,
    });
    const [queue] = GrantDescribeResponse.decode(await ask('Describe', request.finish())).queues;
    handOver(queue?.waiting.find(({ value }) => value.toString() === 'named')?.attempt ?? '');
    await leading;
    await Promise.all(candidates);
    expect(order).toEqual(['named', 'high', 'low']);
  });

  it('ends when its signal is aborted while it waits', async () => {
    const name = fresh();
    const lock = await one.mutex(name).acquire();
    const aborter = new AbortController();
    let end = nothing;
    const held = one.election(name).lead(() => new Promise<void>((resolve) => (end = resolve)));
    while ((await queueOf(`election/${name}`)).granted === 0) await pause(5);
    const waiting = codeOf(two.election(name).lead(nothing, { signal: aborter.signal }));
    await untilWaiting(`election/${name}`, 1);
    aborter.abort();
    expect(await waiting).toBe('CANCELED');
    end();
    await held;
    await lock.release();
  });
});

describe('a client that is closed', () => {
  it('leaves no timer behind, whether its grants were given back or not', async () => {
    const clock = new CountingClock();
    const client = await connect(server, { clock });
    await client.mutex(fresh()).run(nothing);
    await client.mutex(fresh()).acquire({ ttl: 20_000 });
    expect(clock.pending.size).toBeGreaterThan(0);
    await client.close();
    await pause(50);
    expect(clock.pending.size).toBe(0);
  });
});
