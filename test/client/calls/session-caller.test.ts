import { Outcome } from '@quorate/proto/quorate/v1/session.js';
import { describe, expect, it } from 'vitest';
import type { CallerEvent, CallerStats, CallOptions } from '../../../client/calls/caller.js';
import type { Opening } from '../../../client/calls/opening.js';
import { SessionCaller } from '../../../client/calls/session-caller.js';
import { leaseId, revision } from '../../../client/core/ids.js';
import { MemberRotation } from '../../../client/core/member-rotation.js';
import { isQuorateError, type QuorateError } from '../../../client/core/quorate-error.js';
import { silentLogger } from '../../../client/lib/logger.js';
import { ByteWriter } from '../../../client/wire/byte-writer.js';
import type { KeyValue } from '../../../client/wire/key-value.js';
import { type PutResult, readOne, readPut } from '../../../client/wire/kv-answers.js';
import { writePutRequest, writeRangeRequest } from '../../../client/wire/kv-requests.js';
import type { Consistency, Request } from '../../../client/wire/request.js';
import { VirtualClock } from '../../node/virtual-clock.js';
import { FakeCluster, failure } from '../fake-cluster.js';
import { mulberry } from '../mulberry.js';

const writer = new ByteWriter();

function put(key: string, value = 'v', isRefused = false): Request<PutResult> {
  writePutRequest(writer, undefined, key, value, isRefused ? { lease: leaseId('0000000000000001') } : {});
  return { kind: 'put', isWrite: true, consistency: undefined, body: writer.finish(), decode: readPut };
}

function get(key: string, consistency: Consistency = 'linearizable'): Request<KeyValue | null> {
  writeRangeRequest(writer, undefined, key, {});
  return { kind: 'range', isWrite: false, consistency, body: writer.finish(), decode: readOne };
}

class Setup {
  readonly clock = new VirtualClock();
  readonly cluster: FakeCluster;
  readonly events: CallerEvent[] = [];
  readonly stats: CallerStats = {
    inFlight: 0,
    waiting: 0,
    sent: 0,
    retries: 0,
    frames: 0,
    reconnects: 0,
    seenRevision: 0,
  };
  readonly caller: SessionCaller;

  constructor(addresses: readonly string[] = ['a:1', 'b:1', 'c:1'], below: (bound: number) => number = () => 0) {
    this.cluster = new FakeCluster(this.clock, addresses);
    this.caller = new SessionCaller({
      rotation: new MemberRotation(addresses, { below }),
      connectionTo: (address) => this.cluster.connect(address),
      metadata: () => ({}),
      clientName: 'test',
      namespaceLength: 0,
      timeoutMs: 5_000,
      clock: this.clock,
      random: { below },
      logger: silentLogger,
      stats: this.stats,
      onEvent: (event) => this.events.push(event),
    });
  }

  static async open(addresses?: readonly string[]): Promise<Setup> {
    const setup = new Setup(addresses);
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(10);
    expect(await opening).toBe('session');
    return setup;
  }

  put(key: string, value?: string, options: CallOptions = {}): Promise<PutResult> {
    return this.caller.call(put(key, value), options);
  }

  version(key: string): number {
    return this.cluster.store.get(key)?.version ?? 0;
  }

  /** Sequence numbers and kinds of what a member got. */
  arrivals(address: string): readonly string[] {
    return this.cluster.member(address).requests.map(({ sequence, request }) => `${request?.$case} ${sequence}`);
  }
}

/** The error that a call ends with. */
const errorOf = (call: Promise<unknown>): Promise<QuorateError> =>
  call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => {
      if (!isQuorateError(error)) throw error;
      return error;
    },
  );

describe('a session', () => {
  it('sends everything of one tick in one frame', async () => {
    const { caller, clock, cluster, stats } = await Setup.open();
    const chained = caller.call(get('k'), {}).then(() => undefined);
    const calls = [caller.call(put('k'), {}), Promise.resolve().then(() => caller.call(put('l'), {})), chained];
    await clock.advance(10);
    await Promise.all(calls);
    expect(cluster.member('a:1').frames.map(({ requests }) => requests.length)).toEqual([3]);
    expect(stats).toMatchObject({ sent: 3, frames: 1, retries: 0, seenRevision: 3 });
  });

  it('answers puts and gets', async () => {
    const setup = await Setup.open();
    const done = setup.put('k', 'hello');
    await setup.clock.advance(10);
    expect(await done).toEqual({ revision: 2 });
    const got = setup.caller.call(get('k'), {});
    const none = setup.caller.call(get('none'), {});
    await setup.clock.advance(10);
    expect((await got)?.text()).toBe('hello');
    expect(await none).toBeNull();
  });

  it('tells members what is settled', async () => {
    const setup = await Setup.open();
    for (const key of ['a', 'b', 'c']) {
      const done = setup.put(key);
      await setup.clock.advance(10);
      await done;
    }
    expect(setup.cluster.member('a:1').frames.map(({ settled }) => settled)).toEqual([0n, 1n, 2n]);
  });

  it('goes to the leader, and follows it', async () => {
    const setup = new Setup();
    setup.cluster.leader = 'c:1';
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(20);
    await opening;
    expect(setup.events.map((event) => ('member' in event ? `${event.kind} ${event.member}` : event.kind))).toEqual([
      'connected a:1',
      'leaderChanged',
      'connected c:1',
    ]);
    setup.cluster.elect('b:1');
    await setup.clock.advance(20);
    const done = setup.put('k');
    await setup.clock.advance(10);
    await done;
    expect(setup.arrivals('b:1')).toEqual(['put 1']);
    expect(setup.stats.reconnects).toBe(0);
  });

  it('leaves nothing in doubt when it moves', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ delayMs: 100 });
    const early = setup.put('early');
    await setup.clock.advance(2);
    setup.cluster.elect('b:1');
    await setup.clock.advance(10);
    const late = setup.put('late');
    await setup.clock.advance(200);
    await Promise.all([early, late]);
    expect(setup.arrivals('a:1')).toEqual(['put 1']);
    expect(setup.arrivals('b:1')).toEqual(['put 2']);
  });

  it('moves on after a while even when the old stream still owes', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ delayMs: 60_000 });
    const stuck = setup.put('k');
    await setup.clock.advance(2);
    setup.cluster.elect('b:1');
    await setup.clock.advance(1_100);
    expect(await stuck).toEqual({ revision: 2 });
    expect(setup.version('k')).toBe(1);
  });

  it('keeps itself from expiring while nobody writes, and only then', async () => {
    const setup = await Setup.open();
    await setup.clock.advance(250_000);
    expect(setup.arrivals('a:1')).toEqual(['keepSession 1', 'keepSession 2']);
    const done = setup.put('k');
    await setup.clock.advance(60_000);
    await done;
    expect(setup.arrivals('a:1')).toEqual(['keepSession 1', 'keepSession 2', 'put 3']);
  });
});

describe('exactly once', () => {
  it.each(['beforeApply', 'afterApply'] as const)('when the stream is cut %s', async (cut) => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ cut });
    const calls = [setup.put('k'), setup.put('k')];
    await setup.clock.advance(100);
    expect(await Promise.all(calls)).toEqual([{ revision: 2 }, { revision: 3 }]);
    expect(setup.version('k')).toBe(2);
    expect(setup.arrivals('b:1')).toEqual(['put 1', 'put 2']);
    expect(setup.stats).toMatchObject({ retries: 2, reconnects: 1 });
  });

  it('when members refuse for a while', async () => {
    const setup = await Setup.open();
    let refusals = 5;
    setup.cluster.member('a:1').fault = () => {
      refusals -= 1;
      return refusals >= 0 ? { refuse: failure('NO_LEADER', Outcome.NOT_APPLIED, true) } : undefined;
    };
    const calls = ['x', 'y', 'z'].map((key) => setup.put(key));
    await setup.clock.advance(2_000);
    expect(await Promise.all(calls)).toEqual([{ revision: 2 }, { revision: 3 }, { revision: 4 }]);
  });

  it('with more writes than the session keeps replies', async () => {
    const setup = new Setup();
    setup.cluster.windowReplies = 3;
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(10);
    await opening;
    const calls = Array.from({ length: 20 }, () => setup.put('k'));
    await setup.clock.advance(200);
    await Promise.all(calls);
    expect(setup.version('k')).toBe(20);
  });

  it('over random faults: every error says the truth', async () => {
    const below = mulberry(11);
    const setup = new Setup(['a:1', 'b:1', 'c:1'], below);
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(10);
    await opening;
    let isFaulty = true;
    for (const member of setup.cluster.members.values()) {
      member.fault = () => {
        if (!isFaulty) return undefined;
        switch (below(80)) {
          case 0:
            return { cut: 'beforeApply' };
          case 1:
            return { cut: 'afterApply' };
          case 2:
            return { refuse: failure('TOO_MANY_REQUESTS', Outcome.NOT_APPLIED, true) };
          case 3:
            return { refuse: failure('OUTCOME_UNKNOWN', Outcome.UNKNOWN, true) };
          case 4:
            return { delayMs: below(400) };
          default:
            return undefined;
        }
      };
    }
    const tally = { sure: 0, unknown: 0 };
    const keys = ['k0', 'k1', 'k2'];
    const known = new Map(keys.map((key) => [key, { sure: 0, unknown: 0 }]));
    for (let round = 0; round < 150; round += 1) {
      for (let count = below(6); count >= 0; count -= 1) {
        const key = keys[below(keys.length)] ?? 'k0';
        const counts = known.get(key) ?? tally;
        const call = setup.put(key, 'v', { timeout: 20 + below(1_000) });
        call.then(
          () => (counts.sure += 1),
          (error: QuorateError) => (counts.unknown += error.outcome === 'unknown' ? 1 : 0),
        );
      }
      await setup.clock.advance(below(40));
      if (below(10) === 0) setup.cluster.elect(`${'abc'[below(3)] ?? 'a'}:1`);
    }
    await setup.clock.advance(2_000);
    isFaulty = false;
    await setup.clock.advance(20_000);
    setup.caller.count();
    expect(setup.stats).toMatchObject({ inFlight: 0, waiting: 0 });
    for (const [key, { sure, unknown }] of known) {
      expect(setup.version(key)).toBeGreaterThanOrEqual(sure);
      expect(setup.version(key)).toBeLessThanOrEqual(sure + unknown);
      tally.sure += sure;
      tally.unknown += unknown;
    }
    expect(tally.sure).toBeGreaterThan(100);
    expect(tally.unknown).toBeGreaterThan(5);
  });
});

describe('the outcome of a failure', () => {
  it('is unknown for a write that was sent, which is voided behind the back of its caller', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = ({ request }) => (request?.$case === 'put' ? { delayMs: 1_000 } : undefined);
    const error = errorOf(setup.put('k', 'v', { timeout: 100 }));
    await setup.clock.advance(200);
    expect(await error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'unknown', attempts: 1, member: 'a:1' });
    expect(setup.arrivals('a:1')).toEqual(['put 1', 'cancel 0', 'void 1']);
    await setup.clock.advance(2_000);
    expect(setup.version('k')).toBe(0);
    setup.caller.count();
    expect(setup.stats).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('is settled in as much time as it takes: that of the caller is over', async () => {
    const setup = new Setup(['a:1'], (bound) => bound - 1);
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(10);
    await opening;
    const isTooLate = (timeoutMs: number): boolean => timeoutMs > 0 && timeoutMs < 100;
    // A member ends its wait for the log with the time that it was given, and then cannot tell.
    setup.cluster.member('a:1').fault = ({ timeoutMs }) =>
      isTooLate(timeoutMs) ? { refuse: failure('OUTCOME_UNKNOWN', Outcome.UNKNOWN, true) } : undefined;
    const lost = errorOf(setup.put('k', 'v', { timeout: 50 }));
    await setup.clock.advance(200);
    expect(await lost).toMatchObject({ outcome: 'unknown' });
    const put = setup.put('k', 'w');
    await setup.clock.advance(2_000);
    setup.caller.count();
    expect(setup.stats).toMatchObject({ inFlight: 0, waiting: 0 });
    expect(await put).toHaveProperty('revision');
  });

  it('is notApplied for a write that never left', async () => {
    const setup = await Setup.open();
    for (const member of setup.cluster.members.values()) member.stop();
    await setup.clock.advance(10);
    const error = errorOf(setup.put('k', 'v', { timeout: 1_000 }));
    await setup.clock.advance(1_100);
    expect(await error).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      outcome: 'notApplied',
      retryable: true,
      attempts: 0,
      detail: 'no member could be reached',
    });
  });

  it('is notApplied for a write that was surely refused until its time was over', async () => {
    const setup = new Setup(['a:1'], (bound) => bound - 1);
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(10);
    await opening;
    setup.cluster.member('a:1').fault = () => ({ refuse: failure('NO_LEADER', Outcome.NOT_APPLIED, true) });
    const error = errorOf(setup.put('k', 'v', { timeout: 300 }));
    await setup.clock.advance(400);
    expect(await error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'notApplied', retryable: true });
    expect((await error).attempts).toBeGreaterThan(1);
  });

  it('of what the store refuses is notApplied, and is told without a retry', async () => {
    const setup = await Setup.open();
    const error = errorOf(setup.caller.call(put('k', 'v', true), {}));
    await setup.clock.advance(10);
    expect(await error).toMatchObject({
      code: 'LEASE_NOT_FOUND',
      outcome: 'notApplied',
      attempts: 1,
      retryable: false,
    });
  });

  it('of a refusal after a lost reply is settled by a void first', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ cut: 'beforeApply' });
    setup.cluster.leader = 'b:1';
    setup.cluster.member('b:1').fault = ({ request }) =>
      request?.$case === 'put' ? { refuse: failure('REQUEST_TOO_LARGE') } : undefined;
    const error = errorOf(setup.put('k'));
    await setup.clock.advance(100);
    expect(await error).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'notApplied', attempts: 2 });
    expect(setup.arrivals('b:1')).toEqual(['put 1', 'void 1']);
  });

  it('of a refusal after a write that came through is no failure at all', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ cut: 'afterApply' });
    setup.cluster.member('b:1').fault = ({ request }) =>
      request?.$case === 'put' ? { refuse: failure('REQUEST_TOO_LARGE') } : undefined;
    const done = setup.put('k');
    await setup.clock.advance(100);
    expect(await done).toEqual({ revision: 2 });
  });

  it('is applied where only the reply is gone', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ refuse: failure('REPLY_TOO_LARGE', Outcome.APPLIED) });
    const error = errorOf(setup.put('k'));
    await setup.clock.advance(10);
    expect(await error).toMatchObject({ code: 'REPLY_TOO_LARGE', outcome: 'applied', retryable: false });
  });

  it('of a read is notApplied', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ delayMs: 10_000 });
    const error = errorOf(setup.caller.call(get('k'), { timeout: 50 }));
    await setup.clock.advance(100);
    expect(await error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'notApplied' });
    expect(setup.arrivals('a:1')).toEqual(['read 0', 'cancel 0']);
  });
});

describe('a signal', () => {
  it('gives a call up, and says why', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ delayMs: 1_000 });
    const controller = new AbortController();
    const error = errorOf(setup.put('k', 'v', { signal: controller.signal }));
    await setup.clock.advance(10);
    controller.abort('enough');
    expect(await error).toMatchObject({ code: 'CANCELED', outcome: 'unknown', cause: 'enough' });
  });

  it('that is aborted already keeps the call from being made', async () => {
    const setup = await Setup.open();
    const error = await errorOf(setup.put('k', 'v', { signal: AbortSignal.abort('no') }));
    expect(error).toMatchObject({ code: 'CANCELED', outcome: 'notApplied', cause: 'no' });
    await setup.clock.advance(10);
    expect(setup.arrivals('a:1')).toEqual([]);
  });

  it('is left alone when the call is over', async () => {
    const setup = await Setup.open();
    const { signal } = new AbortController();
    let listeners = 0;
    const counting = Object.assign(Object.create(signal) as AbortSignal, {
      addEventListener: () => (listeners += 1),
      removeEventListener: () => (listeners -= 1),
    });
    Object.defineProperty(counting, 'aborted', { value: false });
    const done = setup.put('k', 'v', { signal: counting });
    expect(listeners).toBe(1);
    await setup.clock.advance(10);
    await done;
    expect(listeners).toBe(0);
  });
});

describe('reads that any member may answer', () => {
  const reads = (setup: Setup, address: string): number =>
    setup.arrivals(address).filter((arrival) => arrival === 'read 0').length;

  async function read(setup: Setup, count: number, consistency: Consistency = 'session'): Promise<void> {
    const calls = Array.from({ length: count }, () => setup.caller.call(get('k', consistency), { timeout: 20_000 }));
    await setup.clock.advance(10);
    await Promise.all(calls);
  }

  it('are spread over all of them', async () => {
    const setup = await Setup.open();
    await read(setup, 3);
    await read(setup, 30);
    for (const address of ['a:1', 'b:1', 'c:1']) expect(reads(setup, address)).toBeGreaterThanOrEqual(10);
    expect(setup.cluster.sessions.size).toBe(1);
  });

  it.each<Consistency>(['linearizable', { revision: revision(1_000) }])(
    'are not those like %j',
    async (consistency) => {
      const setup = await Setup.open();
      await read(setup, 3, consistency);
      await read(setup, 30, consistency);
      expect(reads(setup, 'a:1')).toBe(33);
    },
  );

  it('are asked elsewhere when a member cannot answer, says nothing, or is gone', async () => {
    const setup = await Setup.open();
    await read(setup, 3);
    setup.cluster.member('b:1').fault = () => ({ refuse: failure('STOPPED', Outcome.NOT_APPLIED, true) });
    setup.cluster.member('c:1').isSilent = true;
    const calls = Array.from({ length: 9 }, () => setup.caller.call(get('k', 'session'), { timeout: 20_000 }));
    await setup.clock.advance(4_000);
    await Promise.all(calls);
    setup.cluster.member('b:1').stop();
    await setup.clock.advance(10);
    await read(setup, 9);
    expect(setup.arrivals('a:1').length).toBeGreaterThanOrEqual(9 + 9);
  });

  it('come back to a member after a while', async () => {
    const setup = await Setup.open();
    await read(setup, 3);
    setup.cluster.member('b:1').cut();
    await setup.clock.advance(10);
    const before = reads(setup, 'b:1');
    await read(setup, 9);
    expect(reads(setup, 'b:1')).toBe(before);
    await setup.clock.advance(1_100);
    await read(setup, 9);
    await read(setup, 9);
    expect(reads(setup, 'b:1')).toBeGreaterThan(before);
  });

  it('are given up like any other', async () => {
    const setup = await Setup.open();
    await read(setup, 3);
    for (const member of setup.cluster.members.values()) member.fault = () => ({ delayMs: 10_000 });
    const errors = Array.from({ length: 3 }, () => errorOf(setup.caller.call(get('k', 'session'), { timeout: 100 })));
    await setup.clock.advance(200);
    for (const error of await Promise.all(errors)) {
      expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'notApplied' });
    }
    expect(setup.arrivals('b:1').at(-1)).toBe('cancel 0');
  });

  it('end with the client', async () => {
    const setup = await Setup.open();
    await read(setup, 3);
    for (const member of setup.cluster.members.values()) member.fault = () => ({ delayMs: 10_000 });
    const errors = Array.from({ length: 3 }, () => errorOf(setup.caller.call(get('k', 'session'), {})));
    await setup.clock.advance(5);
    const closed = setup.caller.close(100);
    await setup.clock.advance(200);
    await closed;
    for (const error of await Promise.all(errors)) expect(error).toMatchObject({ code: 'CLOSED' });
    for (const member of setup.cluster.members.values()) expect(member.streams.size).toBe(0);
  });

  it('go on in a new session', async () => {
    const setup = await Setup.open();
    await read(setup, 3);
    setup.cluster.sessions.clear();
    for (const member of setup.cluster.members.values()) member.cut();
    await setup.clock.advance(2_000);
    await read(setup, 3);
    await read(setup, 9);
    expect(setup.cluster.sessions.size).toBe(1);
  });
});

describe('members in trouble', () => {
  it('that say nothing are left', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').isSilent = true;
    const done = setup.put('k', 'v', { timeout: 10_000 });
    await setup.clock.advance(5_000);
    expect(await done).toEqual({ revision: 2 });
    expect(setup.events).toContainEqual({
      kind: 'reconnecting',
      member: 'a:1',
      reason: 'it owes answers and says nothing',
    });
  });

  it('that know no leader, as they are cut off from the others, are left for one that does', async () => {
    const setup = await Setup.open();
    const cutOff = setup.cluster.member('a:1');
    cutOff.knowsLeader = false;
    cutOff.fault = () => ({ refuse: failure('LEADER_CHANGED', Outcome.NOT_APPLIED, true) });
    cutOff.tellLeadership();
    // The next one that is asked says nothing.
    setup.cluster.member('b:1').isSilent = true;
    setup.cluster.leader = 'c:1';
    const done = setup.put('k', 'v', { timeout: 20_000 });
    await setup.clock.advance(20_000);
    expect(await done).toEqual({ revision: 2 });
    expect(setup.version('k')).toBe(1);
    expect(cutOff.streams.size).toBe(0);
  });

  it('that know no leader for a moment are not left', async () => {
    const setup = await Setup.open();
    const member = setup.cluster.member('a:1');
    member.knowsLeader = false;
    member.tellLeadership();
    await setup.clock.advance(2_900);
    member.knowsLeader = true;
    member.tellLeadership();
    await setup.clock.advance(20_000);
    expect(setup.events.filter(({ kind }) => kind === 'connected')).toHaveLength(1);
  });

  it('that accept a stream and say nothing are left too', async () => {
    const setup = new Setup();
    setup.cluster.member('a:1').isSilent = true;
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(4_000);
    expect(await opening).toBe('session');
  });

  it('are all tried at the start, until the time is over', async () => {
    const setup = new Setup();
    setup.cluster.member('a:1').isUp = false;
    setup.cluster.member('b:1').isUp = false;
    const opening = setup.caller.start(5_000);
    await setup.clock.advance(200);
    expect(await opening).toBe('session');

    const none = new Setup();
    for (const member of none.cluster.members.values()) member.isUp = false;
    const error = errorOf(none.caller.start(1_000));
    await none.clock.advance(1_100);
    expect(await error).toMatchObject({ code: 'UNAVAILABLE', outcome: 'notApplied' });
    expect(await errorOf(none.put('k'))).toMatchObject({ code: 'CLOSED' });
  });

  it('that offer no sessions are known as such', async () => {
    const setup = new Setup();
    setup.cluster.member('a:1').isPlain = true;
    const opening: Promise<Opening> = setup.caller.start(5_000);
    await setup.clock.advance(10);
    expect(await opening).toBe('plain');
  });

  it('that tell nonsense are left', async () => {
    const setup = await Setup.open();
    for (const stream of setup.cluster.member('a:1').streams) {
      stream.say({ $case: 'goodbye', value: {} });
    }
    await setup.clock.advance(10);
    expect(setup.events).toContainEqual({
      kind: 'reconnecting',
      member: 'a:1',
      reason: 'a frame that makes no sense: a failure without a reason',
    });
    expect(setup.events.at(-1)).toMatchObject({ kind: 'connected' });
  });
});

describe('an expired session', () => {
  it('leaves what was sent in doubt, and begins anew', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ delayMs: 50 });
    const sent = errorOf(setup.put('sent'));
    await setup.clock.advance(2);
    setup.cluster.sessions.clear();
    setup.cluster.member('a:1').fault = () => undefined;
    const also = errorOf(setup.put('also'));
    await setup.clock.advance(100);
    expect(await sent).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'unknown' });
    expect(await also).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'unknown' });
    expect(setup.events).toContainEqual({ kind: 'sessionExpired' });
    const later = setup.put('later');
    await setup.clock.advance(100);
    expect(await later).toEqual({ revision: 2 });
  });

  it('is left on every stream when the leader, who is turned to, is the first to say so', async () => {
    const setup = await Setup.open();
    setup.cluster.sessions.clear();
    // The move begins with the session that is over; the present stream has nothing to say of its own accord.
    setup.cluster.elect('b:1');
    await setup.clock.advance(20);
    expect(setup.events).toContainEqual({ kind: 'sessionExpired' });
    const later = setup.put('later');
    await setup.clock.advance(100);
    expect(await later).toEqual({ revision: 2 });
    expect(setup.events.filter(({ kind }) => kind === 'sessionExpired')).toHaveLength(1);
  });

  it('that a reply tells of is over once, also while the leader is turned to', async () => {
    const setup = await Setup.open();
    setup.cluster.member('b:1').latencyMs = 30;
    setup.cluster.elect('b:1');
    await setup.clock.advance(5);
    setup.cluster.sessions.clear();
    const sent = errorOf(setup.put('sent'));
    await setup.clock.advance(5);
    expect(await sent).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'unknown' });
    const later = setup.put('later');
    await setup.clock.advance(300);
    expect(await later).toEqual({ revision: 2 });
    expect(setup.events.filter(({ kind }) => kind === 'sessionExpired')).toHaveLength(1);
  });

  it('costs nothing when nothing was under way', async () => {
    const setup = await Setup.open();
    const first = setup.put('k');
    await setup.clock.advance(10);
    await first;
    setup.cluster.member('a:1').cut();
    setup.cluster.sessions.clear();
    await setup.clock.advance(10);
    const later = setup.put('k');
    await setup.clock.advance(100);
    expect(await later).toEqual({ revision: 3 });
  });
});

describe('closing', () => {
  it('lets calls finish, takes no more, and ends the stream', async () => {
    const setup = await Setup.open();
    const done = setup.put('k');
    const closed = setup.caller.close(1_000);
    expect(await errorOf(setup.put('k'))).toMatchObject({ code: 'CLOSED', outcome: 'notApplied' });
    await setup.clock.advance(10);
    await closed;
    expect(await done).toEqual({ revision: 2 });
    expect(setup.cluster.member('a:1').streams.size).toBe(0);
  });

  it('does not wait for ever, and says what is in doubt', async () => {
    const setup = await Setup.open();
    setup.cluster.member('a:1').fault = () => ({ delayMs: 60_000 });
    const error = errorOf(setup.put('k'));
    const closed = setup.caller.close(500);
    await setup.clock.advance(600);
    await closed;
    expect(await error).toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
  });

  it('at once when nothing waits, and twice without harm', async () => {
    const setup = await Setup.open();
    await setup.caller.close(1_000);
    await setup.caller.close(1_000);
  });
});
