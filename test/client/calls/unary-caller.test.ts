import { PutResponse, RangeResponse } from '@quorate/proto/etcd/kv.js';
import { describe, expect, it } from 'vitest';
import type { CallerEvent, CallerStats, CallOptions } from '../../../client/calls/caller.js';
import { UnaryCaller } from '../../../client/calls/unary-caller.js';
import { MemberRotation } from '../../../client/core/member-rotation.js';
import { isQuorateError, type QuorateError } from '../../../client/core/quorate-error.js';
import type { CallStatus, Connection, Stream, UnaryDone, UnaryOptions } from '../../../client/transport/transport.js';
import { ByteWriter } from '../../../client/wire/byte-writer.js';
import type { KeyValue } from '../../../client/wire/key-value.js';
import { type PutResult, readOne, readPut } from '../../../client/wire/kv-answers.js';
import { writePutRequest, writeRangeRequest } from '../../../client/wire/kv-requests.js';
import { VirtualClock } from '../../node/virtual-clock.js';

const writer = new ByteWriter();
const putAnswer = PutResponse.encode(PutResponse.fromPartial({ header: { revision: 7n } })).finish();
const getAnswer = RangeResponse.encode(RangeResponse.fromPartial({ header: { revision: 8n } })).finish();

/** How a member answers: at once, or never. */
type Answer = Uint8Array | CallStatus | 'silence';

const status = (name: CallStatus['name'], text: string, more: Partial<CallStatus> = {}): CallStatus => ({
  name,
  text,
  wasSent: true,
  ...more,
});
const notSent = status('UNAVAILABLE', 'no connection', { wasSent: false });
const lost = status('UNAVAILABLE', 'Connection dropped');
const noLeader = status('UNAVAILABLE', 'etcdserver: no leader');

interface Seen {
  readonly member: string;
  readonly method: string;
  readonly options: UnaryOptions;
}

class Setup {
  readonly clock = new VirtualClock();
  readonly seen: Seen[] = [];
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
  readonly caller: UnaryCaller;
  token = 'old';
  refreshes = 0;
  refresh: () => Promise<void> = async () => {
    this.refreshes += 1;
    this.token = 'new';
  };

  /** `answers`: of the attempts in turn; the last one goes for all that follow. */
  constructor(...answers: readonly Answer[]) {
    const random = { below: (bound: number) => bound - 1 };
    this.caller = new UnaryCaller({
      rotation: new MemberRotation(['a:1', 'b:1'], { below: () => 0 }),
      connectionTo: (member) => this.#connection(member, answers),
      tokens: { metadata: () => ({ token: this.token }), refresh: () => this.refresh() },
      namespaceLength: 0,
      timeoutMs: 5_000,
      clock: this.clock,
      random,
      stats: this.stats,
      onEvent: (event) => this.events.push(event),
    });
  }

  put(options: CallOptions = {}): Promise<PutResult> {
    writePutRequest(writer, undefined, 'k', 'v', {});
    return this.caller.call(
      { kind: 'put', isWrite: true, consistency: undefined, body: writer.finish(), decode: readPut },
      options,
    );
  }

  get(options: CallOptions = {}): Promise<KeyValue | null> {
    writeRangeRequest(writer, undefined, 'k', {});
    return this.caller.call(
      { kind: 'range', isWrite: false, consistency: 'linearizable', body: writer.finish(), decode: readOne },
      options,
    );
  }

  get members(): readonly string[] {
    return this.seen.map(({ member }) => member);
  }

  #connection(member: string, answers: readonly Answer[]): Connection {
    return {
      unary: (method: string, _request: Uint8Array, options: UnaryOptions, done: UnaryDone) => {
        const answer = answers[Math.min(this.seen.length, answers.length - 1)] ?? lost;
        this.seen.push({ member, method, options });
        const end = (how: Answer): void => {
          if (how instanceof Uint8Array) done(status('OK', ''), how);
          else if (how !== 'silence') done(how, undefined);
        };
        this.clock.defer(() => end(answer));
        return () => this.clock.defer(() => end(status('CANCELLED', 'given up', { wasSent: answer !== notSent })));
      },
      stream: (): Stream => {
        throw new Error('no streams here');
      },
      close: () => undefined,
    };
  }
}

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

async function failureOf(setup: Setup, call: Promise<unknown>, ms = 10_000): Promise<QuorateError> {
  const error = errorOf(call);
  await setup.clock.advance(ms);
  return error;
}

describe('calls one by one', () => {
  it('are answered', async () => {
    const setup = new Setup(putAnswer, getAnswer);
    const done = setup.put();
    await setup.clock.settle();
    expect(await done).toEqual({ revision: 7 });
    const got = setup.get({ timeout: 500 });
    await setup.clock.settle();
    expect(await got).toBeNull();
    expect(setup.seen.map(({ method }) => method)).toEqual(['/etcdserverpb.KV/Put', '/etcdserverpb.KV/Range']);
    expect(setup.seen.map(({ options }) => options.timeoutMs)).toEqual([5_000, 500]);
    expect(setup.stats).toMatchObject({ sent: 2, retries: 0, seenRevision: 8 });
  });

  it('that are writes are never sent again once they may have happened', async () => {
    const setup = new Setup(lost);
    expect(await failureOf(setup, setup.put())).toMatchObject({
      code: 'UNAVAILABLE',
      outcome: 'unknown',
      attempts: 1,
      member: 'a:1',
    });
    expect(setup.members).toEqual(['a:1']);
  });

  it('that are writes are sent again, elsewhere, while they surely did not happen', async () => {
    const setup = new Setup(notSent, noLeader, putAnswer);
    const done = setup.put();
    await setup.clock.advance(1_000);
    expect(await done).toEqual({ revision: 7 });
    expect(setup.members).toEqual(['a:1', 'b:1', 'a:1']);
    expect(setup.events).toEqual([
      { kind: 'retry', member: 'a:1', code: 'UNAVAILABLE' },
      { kind: 'retry', member: 'b:1', code: 'NO_LEADER' },
    ]);
  });

  it('that are reads are asked again whatever happened', async () => {
    const setup = new Setup(lost, lost, getAnswer);
    const got = setup.get();
    await setup.clock.advance(1_000);
    expect(await got).toBeNull();
    expect(setup.members).toEqual(['a:1', 'b:1', 'a:1']);
  });

  it.each<[string, CallStatus, Partial<QuorateError>]>([
    ['etcd refuses', status('NOT_FOUND', 'etcdserver: requested lease not found'), { code: 'LEASE_NOT_FOUND' }],
    [
      'etcd has no room',
      status('RESOURCE_EXHAUSTED', 'etcdserver: mvcc: database space exceeded'),
      { code: 'NO_SPACE' },
    ],
    [
      'a member of Quorate names the code',
      status('OUT_OF_RANGE', 'x', { quorateCode: 'COMPACTED' }),
      { code: 'COMPACTED' },
    ],
    ['the call is unknown', status('UNIMPLEMENTED', 'unknown method'), { code: 'UNIMPLEMENTED' }],
  ])('end at once when %s', async (_name, refusal, expected) => {
    const setup = new Setup(refusal);
    expect(await failureOf(setup, setup.put())).toMatchObject({ ...expected, outcome: 'notApplied', attempts: 1 });
  });

  it.each<[string, CallStatus, Partial<QuorateError>]>([
    ['times out', status('UNAVAILABLE', 'etcdserver: request timed out'), { code: 'UNAVAILABLE' }],
    ['loses its leader', status('UNAVAILABLE', 'etcdserver: leader changed'), { code: 'LEADER_CHANGED' }],
    ['says something new', status('DATA_LOSS', 'boom'), { code: 'UNRECOGNIZED' }],
    ['names doubt', status('UNAVAILABLE', 'x', { quorateCode: 'OUTCOME_UNKNOWN' }), { code: 'OUTCOME_UNKNOWN' }],
  ])('leave the outcome of a write open when the member %s', async (_name, refusal, expected) => {
    const setup = new Setup(refusal);
    expect(await failureOf(setup, setup.put())).toMatchObject({ ...expected, outcome: 'unknown', attempts: 1 });
  });

  it('carry a doubt through to the end', async () => {
    const setup = new Setup(noLeader, lost);
    expect(await failureOf(setup, setup.put())).toMatchObject({ outcome: 'unknown', attempts: 2 });
  });

  it('give up when their time is over, and say whether they were sent', async () => {
    const silent = new Setup('silence');
    expect(await failureOf(silent, silent.put({ timeout: 300 }))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      outcome: 'unknown',
      attempts: 1,
    });
    // The next call turns to another member.
    void errorOf(silent.put());
    expect(silent.members).toEqual(['a:1', 'b:1']);

    // A read is as good as never asked.
    expect(await failureOf(silent, silent.get({ timeout: 300 }))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      outcome: 'notApplied',
      retryable: true,
    });

    const unreachable = new Setup(notSent);
    const error = await failureOf(unreachable, unreachable.put({ timeout: 300 }));
    expect(error).toMatchObject({ outcome: 'notApplied', retryable: true, attempts: 0 });
  });

  it('that are reads leave a member that says nothing', async () => {
    const setup = new Setup(status('DEADLINE_EXCEEDED', 'late'), getAnswer);
    const got = setup.get();
    await setup.clock.advance(100);
    expect(await got).toBeNull();
    expect(setup.seen.map(({ member, options }) => [member, options.timeoutMs])).toEqual([
      ['a:1', 2_000],
      ['b:1', 2_000],
    ]);
  });

  it('are given up by their signal', async () => {
    const setup = new Setup('silence');
    const controller = new AbortController();
    const error = errorOf(setup.put({ signal: controller.signal }));
    await setup.clock.advance(10);
    controller.abort('enough');
    await setup.clock.advance(10);
    expect(await error).toMatchObject({ code: 'CANCELED', outcome: 'unknown', cause: 'enough' });
  });

  it('stop retrying when there were too many retries', async () => {
    const setup = new Setup(lost);
    const errors = Array.from({ length: 100 }, () => errorOf(setup.get()));
    await setup.clock.advance(10_000);
    for (const error of await Promise.all(errors)) expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    expect(setup.stats.retries).toBeLessThanOrEqual(50 + 100 * 0.2);
  });

  it('fetch a new token once for all that need it', async () => {
    const expired = status('UNAUTHENTICATED', 'etcdserver: invalid auth token');
    const setup = new Setup(expired, putAnswer);
    const done = setup.put();
    await setup.clock.advance(100);
    await done;
    expect(setup.seen.map(({ options }) => options.metadata)).toEqual([{ token: 'old' }, { token: 'new' }]);
  });

  it('end with what became of the token', async () => {
    const { QuorateError: Refused } = await import('../../../client/core/quorate-error.js');
    const setup = new Setup(status('UNAUTHENTICATED', 'etcdserver: invalid auth token'));
    setup.refresh = () => Promise.reject(new Refused('AUTHENTICATION_FAILED'));
    expect(await failureOf(setup, setup.put())).toMatchObject({ code: 'AUTHENTICATION_FAILED', outcome: 'notApplied' });
  });

  it('finish before the client closes, and none begin after', async () => {
    const setup = new Setup(putAnswer);
    const done = setup.put();
    const closed = setup.caller.close(1_000);
    expect(await errorOf(setup.put())).toMatchObject({ code: 'CLOSED' });
    await setup.clock.settle();
    await closed;
    expect(await done).toEqual({ revision: 7 });

    const silent = new Setup('silence');
    const error = errorOf(silent.put());
    const late = silent.caller.close(100);
    await silent.clock.advance(200);
    await late;
    expect(await error).toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
  });
});
