/** An exchange without a wire, over a member whose answers the test gives: what is taken, told, bounded and refused. */
import {
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  type RangeRequest_SortOrder,
  TxnRequest,
} from '@quorate/proto/etcd/kv.js';
import { ClientFrame, type Request } from '@quorate/proto/quorate/v1/session.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../server/lib/logger.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { encodeMessage } from '../../server/rpc/codec.js';
import { LongCalls } from '../../server/rpc/long-calls.js';
import { RequestGate } from '../../server/rpc/request-gate.js';
import { requestsInFlightMax } from '../../server/rpc/session-exchange.js';
import { MemberSessions } from '../../server/rpc/session-source.js';
import type { KeyValue } from '../../server/state/result.js';
import { VirtualClock } from '../node/virtual-clock.js';
import { NO_GRANTS } from './fake-grants.js';
import { FakeLeases } from './fake-leases.js';
import { FakeMember, header } from './fake-member.js';
import { FakeSessions, LEADERSHIP, sessionInfo } from './fake-sessions.js';
import {
  type Asked,
  describe as told,
  MemoryClient,
  openFrame,
  putting,
  reading,
  request,
  requestsFrame,
} from './session-client.js';

let clock: VirtualClock;
let member: FakeMember;
let sessions: FakeSessions;
let leases: FakeLeases;
let gate: RequestGate;
let longCalls: LongCalls;
let source: MemberSessions;
let errors: string[];

beforeEach(() => {
  clock = new VirtualClock();
  member = new FakeMember();
  sessions = new FakeSessions();
  leases = new FakeLeases();
  gate = new RequestGate();
  longCalls = new LongCalls();
  errors = [];
  const logger = { ...silentLogger, error: (message: string) => errors.push(message) };
  const limits = { maxRequestBytes: 1000, maxTxnOps: 2 };
  source = new MemberSessions({ member, sessions, leases, grants: NO_GRANTS, gate, longCalls, clock, logger, limits });
});

/** Promises have had their say. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

async function opened(): Promise<MemoryClient> {
  const client = new MemoryClient(source);
  client.open();
  await settle();
  return client;
}

function goodbye({ heard }: MemoryClient): string | undefined {
  return heard.goodbye?.failure && told(heard.goodbye.failure);
}

function puts(from: number, count: number): Request[] {
  return Array.from({ length: count }, (_, at) => request(from + at, putting('k'), from + at));
}

function kv(bytes: number): KeyValue {
  return { key: 'k', value: 'x'.repeat(bytes), createRevision: 1, modRevision: 1, version: 1, lease: 0n };
}

function answer(read: number, ...kvs: readonly KeyValue[]): void {
  sessions.reads[read]?.answer.resolve({ header, kvs, more: false, count: kvs.length });
}

describe('an exchange begins', () => {
  it('with a new session, which is welcomed with its bounds and who leads', async () => {
    const { heard } = await opened();
    expect(sessions.registered).toEqual(['test']);
    expect(heard.welcome).toEqual({
      protocolVersion: 1,
      sessionId: 7n,
      clusterId: header.clusterId,
      memberId: header.memberId,
      leadership: { leaderId: 2n, term: 5n, clientUrls: ['http://two'] },
      sessionTtlMs: 300_000n,
      windowReplies: 1024,
      windowBytes: 1_048_576n,
      requestsInFlight: 1024,
      appliedSequence: 0n,
    });
  });

  it('with a session that the client has, and tells how far that has come', async () => {
    sessions.onFind = async (id) => sessionInfo(id, { applied: 41, settled: 40, ttlMs: 9 });
    const client = new MemoryClient(source);
    client.open({ sessionId: 12n });
    await settle();
    expect(client.heard.welcome).toMatchObject({ sessionId: 12n, appliedSequence: 41n, sessionTtlMs: 9n });
    client.send(puts(42, 1));
    expect(sessions.writes[0]?.stamp).toEqual({ session: 12, sequence: 42, settled: 40 });
  });

  it('and answers what came before the welcome after it', async () => {
    const client = new MemoryClient(source);
    client.open();
    client.send(puts(1, 2));
    client.send(puts(3, 1));
    expect(client.isPaused).toBe(true);
    expect(sessions.writes).toHaveLength(0);
    await settle();
    expect(sessions.writes.map(({ stamp }) => stamp.sequence)).toEqual([1, 2, 3]);
    expect(client.isPaused).toBe(false);
  });

  it.each<[string, () => Parameters<MemoryClient['open']>[0], string]>([
    ['another version', () => ({ protocolVersion: 2 }), 'UNSUPPORTED_VERSION NOT_APPLIED'],
    [
      'a session that is not there',
      () => {
        sessions.onFind = async () => undefined;
        return { sessionId: 12n };
      },
      'SESSION_EXPIRED NOT_APPLIED',
    ],
    ['an id that no session has', () => ({ sessionId: 2n ** 64n - 1n }), 'SESSION_EXPIRED NOT_APPLIED'],
    [
      'nobody who leads',
      () => {
        sessions.onRegister = () => Promise.reject(new QuorateError('DEADLINE_EXCEEDED'));
        return {};
      },
      'DEADLINE_EXCEEDED NOT_APPLIED again',
    ],
    [
      'a learner',
      () => {
        member.isLearner = true;
        return {};
      },
      'NOT_ON_LEARNER NOT_APPLIED again',
    ],
  ])('not, with %s', async (_, open, code) => {
    const client = new MemoryClient(source);
    const known = sessions.onFind;
    sessions.onFind = async (id) => (Number.isSafeInteger(id) ? known(id) : undefined);
    client.open(open());
    await settle();
    expect(goodbye(client)).toBe(code);
    expect(client.heard.isEnded).toBe(true);
    client.send(puts(1, 1));
    expect(sessions.writes).toHaveLength(0);
  });
});

describe('a frame that makes no sense', () => {
  it.each<[string, () => Buffer]>([
    ['garbage', () => Buffer.from([0xff])],
    ['a second opening', () => openFrame()],
    ['a number that was used', () => requestsFrame(puts(1, 1))],
    ['a number that does not rise', () => requestsFrame([request(9, putting('k'), 2), request(8, putting('k'), 3)])],
    ['a number that no integer is', () => requestsFrame([request(2 ** 60, putting('k'), 2)])],
    ['something settled that no integer is', () => requestsFrame([], 2n ** 63n)],
  ])('ends the exchange: %s', async (_, frame) => {
    const client = await opened();
    client.send(puts(1, 1));
    client.exchange.receive(frame());
    expect(goodbye(client)).toBe('INVALID_FRAME NOT_APPLIED');
    expect(client.heard.isEnded).toBe(true);
    expect(sessions.writes[0]?.isAbandoned).toBe(true);
    expect(gate.bytesHeld).toBe(0);
    sessions.answerWrites();
    await settle();
    expect(client.heard.replies).toEqual([]);
  });

  it('ends the exchange: requests before it is opened, and a kind of a later release', async () => {
    const early = new MemoryClient(source);
    early.send(puts(1, 1));
    expect(goodbye(early)).toBe('INVALID_FRAME NOT_APPLIED');
    const client = await opened();
    client.exchange.receive(Buffer.from([0x7a, 0]));
    expect(goodbye(client)).toBe('UNIMPLEMENTED NOT_APPLIED');
  });
});

describe('requests', () => {
  it('of one frame are asked in one turn, in order, and answered in one frame', async () => {
    const client = await opened();
    client.send(puts(1, 3), 0n);
    expect(sessions.writes.map(({ stamp }) => stamp)).toEqual(
      [1, 2, 3].map((sequence) => ({ session: 7, sequence, settled: 0 })),
    );
    sessions.answerWrites();
    await settle();
    expect(client.heard.batches.map((batch) => batch.map(({ number }) => Number(number)))).toEqual([[1, 2, 3]]);
    expect(client.heard.replyTo(2)).toMatchObject({ $case: 'put', value: { header: { revision: 9007199254740991n } } });
  });

  it('are answered as they are done, not as they came', async () => {
    const client = await opened();
    client.send([request(1, reading('a')), ...puts(2, 1)]);
    sessions.answerWrites();
    await settle();
    answer(0, kv(1));
    await settle();
    expect(client.heard.replies.map(({ number }) => Number(number))).toEqual([2, 1]);
  });

  it('tell what is settled, which never falls', async () => {
    const client = await opened();
    client.send(puts(10, 1), 9n);
    client.send(puts(11, 1), 4n);
    expect(sessions.writes.map(({ stamp }) => stamp.settled)).toEqual([9, 9]);
  });

  it('are waited for as long as their client says, from when they came', async () => {
    const client = await opened();
    await clock.advance(1000);
    client.send([request(1, putting('k'), 1, 250), request(2, putting('k'), 2), request(3, reading('k'), 0, 30)]);
    expect(sessions.writes.map(({ options }) => options?.deadline)).toEqual([1250, undefined]);
    expect(sessions.reads[0]?.options?.deadline).toBe(1030);
  });

  it('of every kind reach the member as what they are', async () => {
    const client = await opened();
    const read = TxnRequest.fromPartial({
      success: [{ request: { $case: 'requestRange', value: { key: Buffer.from('k') } } }],
    });
    const asked: readonly (readonly [Asked, number])[] = [
      [putting('k', 'v', { lease: 5n, prevKv: true }), 1],
      [{ $case: 'deleteRange', value: DeleteRangeRequest.fromPartial({ key: Buffer.from('k') }) }, 2],
      [{ $case: 'txn', value: read }, 3],
      [{ $case: 'compact', value: CompactionRequest.fromPartial({ revision: 4n, physical: true }) }, 4],
      [{ $case: 'leaseGrant', value: { ID: 0n, TTL: 9n } }, 5],
      [{ $case: 'leaseRevoke', value: { ID: 8n } }, 6],
      [{ $case: 'void', value: {} }, 7],
      [{ $case: 'keepSession', value: {} }, 8],
      [{ $case: 'txn', value: read }, 0],
      [{ $case: 'leaseKeepAlive', value: { ID: 8n } }, 0],
      [{ $case: 'leaseTimeToLive', value: { ID: 8n, keys: true } }, 0],
    ];
    client.send(asked.map(([each, sequence], at) => request(at + 1, each, sequence)));
    expect(sessions.writes.map(({ command, physical }) => [command.kind, physical])).toEqual([
      ['put', false],
      ['deleteRange', false],
      ['txn', false],
      ['compact', true],
      ['leaseGrant', false],
      ['leaseRevoke', false],
      ['void', false],
      ['void', false],
    ]);
    expect(sessions.writes[0]?.command).toMatchObject({ key: 'k', value: 'v', lease: 5n, prevKv: true });
    expect(sessions.writes[4]?.command).toEqual({ kind: 'leaseGrant', id: 77n, ttlMs: 9000 });
    const answers = [
      { kind: 'put', answer: { header, prevKv: kv(1) } },
      { kind: 'deleteRange', answer: { header, deleted: 3, prevKvs: [] } },
      { kind: 'txn', answer: { header, succeeded: true, results: [] } },
      { kind: 'compact', header },
      { kind: 'leaseGrant', answer: { header, id: 77n, ttl: 9n } },
      { kind: 'leaseRevoke', header },
      { kind: 'void' },
      { kind: 'void' },
    ] as const;
    answers.forEach((each, at) => sessions.writes[at]?.answer.resolve(each));
    await settle();
    const kinds = [...client.heard.replies]
      .sort((a, b) => Number(a.number - b.number))
      .map(({ reply }) => reply?.$case);
    expect(kinds).toEqual([
      ...['put', 'deleteRange', 'txn', 'compact', 'leaseGrant', 'leaseRevoke', 'void', 'void'],
      ...['txn', 'leaseKeepAlive', 'leaseTimeToLive'],
    ]);
    expect(member.asked).toMatchObject([{ method: 'txn' }]);
    expect(leases.asked).toEqual([
      ['keepAlive', 8n],
      ['timeToLive', { id: 8n, keys: true }],
    ]);
  });

  it.each([
    [undefined, { kind: 'linearizable' }],
    [{ $case: 'linearizable', value: {} } as const, { kind: 'linearizable' }],
    [{ $case: 'serializable', value: {} } as const, { kind: 'serializable' }],
    [{ $case: 'session', value: { seenRevision: 12n } } as const, { kind: 'session', seenRevision: 12 }],
    [{ $case: 'maxStalenessMs', value: 900n } as const, { kind: 'maxStaleness', ms: 900 }],
  ])('that read say how fresh the answer must be: %o', async (consistency, expected) => {
    const client = await opened();
    client.send([request(1, reading('k', consistency, { revision: 3n }))]);
    expect(sessions.reads[0]).toMatchObject({ consistency: expected, query: { key: 'k', revision: 3 } });
  });
});

describe('a request that is refused', () => {
  const deep = TxnRequest.fromPartial({
    success: [{ request: { $case: 'requestPut', value: { key: Buffer.from('a') } } }],
  });
  it.each<[string, Asked | undefined, number, string]>([
    ['a write without a number', putting('k'), 0, 'INVALID_SEQUENCE NOT_APPLIED'],
    ['a read with a number', reading('k'), 4, 'INVALID_SEQUENCE NOT_APPLIED'],
    ['a transaction that writes, without a number', { $case: 'txn', value: deep }, 0, 'INVALID_SEQUENCE NOT_APPLIED'],
    ['a number that no integer is', putting('k'), 2 ** 60, 'INVALID_SEQUENCE NOT_APPLIED'],
    ['a read of nothing', reading(''), 0, 'EMPTY_KEY NOT_APPLIED'],
    [
      'a read in no order',
      reading('k', undefined, { sortOrder: 9 as RangeRequest_SortOrder }),
      0,
      'INVALID_SORT_OPTION NOT_APPLIED',
    ],
  ])('is told so, and nobody is asked: %s', async (_, asked, sequence, code) => {
    const client = await opened();
    client.send([request(1, asked, sequence)]);
    await settle();
    expect(client.heard.failureOf(1)).toBe(code);
    expect([sessions.writes, sessions.reads, member.asked]).toEqual([[], [], []]);
  });

  it.each<[string, Asked | undefined, string]>([
    ['without a key', putting(''), 'EMPTY_KEY'],
    ['too large', putting('k', 'x'.repeat(1000)), 'REQUEST_TOO_LARGE'],
    [
      'with too many operations',
      {
        $case: 'txn',
        value: TxnRequest.fromPartial({ compare: [1, 2, 3].map(() => Compare.fromPartial({ key: Buffer.from('k') })) }),
      },
      'TOO_MANY_OPS',
    ],
    ['of a lease for too long', { $case: 'leaseGrant', value: { ID: 1n, TTL: 101n } }, 'LEASE_TTL_TOO_LARGE'],
    ['of a kind that nobody knows', undefined, 'UNIMPLEMENTED'],
  ])('takes its number all the same, so that those after it leave no hole: %s', async (_, asked, code) => {
    const client = await opened();
    client.send([request(1, asked, 1), request(2, putting('k'), 2)]);
    expect(sessions.writes.map(({ command, stamp }) => [command.kind, stamp.sequence])).toEqual([
      ['void', 1],
      ['put', 2],
    ]);
    sessions.writes[0]?.answer.resolve({ kind: 'void' });
    await settle();
    expect(client.heard.failureOf(1)).toBe(`${code} NOT_APPLIED`);
  });

  it('is told what was applied under its number, if anything was, and the fault when nobody knows', async () => {
    const client = await opened();
    client.send([request(1, putting(''), 1), request(2, putting(''), 2)]);
    sessions.writes[0]?.answer.resolve({ kind: 'put', answer: { header, prevKv: undefined } });
    sessions.writes[1]?.answer.reject(new QuorateError('OUTCOME_UNKNOWN'));
    await settle();
    expect(client.heard.replyTo(1)?.$case).toBe('put');
    expect(client.heard.failureOf(2)).toBe('EMPTY_KEY NOT_APPLIED');
  });

  it('by the member is told what became of it', async () => {
    const client = await opened();
    client.send(puts(1, 3));
    client.send([request(4, reading('k'))]);
    sessions.writes[0]?.answer.reject(new QuorateError('OUTCOME_UNKNOWN'));
    sessions.writes[1]?.answer.reject(new QuorateError('SEQUENCE_GAP', '2, the next one is 1'));
    sessions.writes[2]?.answer.reject(new TypeError('secret'));
    sessions.reads[0]?.answer.reject(new TypeError('secret'));
    await settle();
    expect([1, 2, 3, 4].map((number) => client.heard.failureOf(number))).toEqual([
      'OUTCOME_UNKNOWN UNKNOWN again',
      'SEQUENCE_GAP NOT_APPLIED again',
      'OUTCOME_UNKNOWN UNKNOWN again',
      'OUTCOME_UNKNOWN NOT_APPLIED again',
    ]);
    expect(client.heard.replyTo(2)).toMatchObject({ value: { detail: '2, the next one is 1' } });
    expect(JSON.stringify(client.heard.frames, (_, value: unknown) => String(value))).not.toContain('secret');
    expect(errors).toHaveLength(2);
  });
});

describe('a request that is given up', () => {
  it('is taken back from the member and gets no reply', async () => {
    const client = await opened();
    client.send(puts(1, 2));
    client.send([request(3, reading('k'))]);
    client.send([
      request(4, { $case: 'cancel', value: { number: 1n } }),
      request(5, { $case: 'cancel', value: { number: 3n } }),
    ]);
    expect(sessions.writes.map(({ isAbandoned }) => isAbandoned)).toEqual([true, false]);
    sessions.answerWrites();
    answer(0);
    await settle();
    expect(client.heard.replies.map(({ number }) => Number(number))).toEqual([2]);
    expect(gate.bytesHeld).toBe(0);
  });

  it('is none of an unknown number, and none that was answered', async () => {
    const client = await opened();
    client.takesMore = false;
    client.send(puts(1, 1));
    sessions.answerWrites();
    client.send([request(2, { $case: 'cancel', value: { number: 99n } })]);
    await settle();
    client.send([request(3, { $case: 'cancel', value: { number: 1n } })]);
    expect(client.heard.replies.map(({ number }) => Number(number))).toEqual([1]);
  });
});

describe('what a client can make a member hold', () => {
  it(`is ${requestsInFlightMax} requests: then it is read no further, until there is room`, async () => {
    const client = await opened();
    client.send(puts(1, requestsInFlightMax - 1));
    expect(client.isPaused).toBe(false);
    client.send(puts(requestsInFlightMax, 40));
    expect(sessions.writes).toHaveLength(requestsInFlightMax);
    expect(client.isPaused).toBe(true);
    sessions.writes[0]?.answer.resolve({ kind: 'void' });
    await settle();
    expect(sessions.writes).toHaveLength(requestsInFlightMax + 1);
    expect(client.isPaused).toBe(true);
    sessions.answerWrites();
    await settle();
    sessions.answerWrites();
    await settle();
    expect(client.heard.replies).toHaveLength(requestsInFlightMax + 39);
    expect(client.isPaused).toBe(false);
    expect(gate.bytesHeld).toBe(0);
  });

  it('is not more because the client takes no replies', async () => {
    const client = await opened();
    client.takesMore = false;
    client.exchange.drained();
    client.send(puts(1, 1));
    sessions.answerWrites();
    await settle();
    expect(client.heard.replies).toHaveLength(1);
    client.send(puts(2, requestsInFlightMax));
    sessions.answerWrites();
    await settle();
    expect(client.heard.replies).toHaveLength(1);
    expect(client.isPaused).toBe(true);
    client.takesMore = true;
    client.exchange.drained();
    await settle();
    expect(client.heard.replies).toHaveLength(requestsInFlightMax + 1);
    expect(client.isPaused).toBe(false);
  });

  it('is not more because it gives requests up whose replies it does not take', async () => {
    const client = await opened();
    client.takesMore = false;
    client.send([request(1, reading('k'))]);
    answer(0);
    await settle();
    const each = 500;
    for (let round = 0; round < 4; round += 1) {
      const from = 2 + round * each * 2;
      const reads = Array.from({ length: each }, (_, at) => request(from + at, reading('k')));
      client.send(reads);
      for (const read of sessions.reads) read.answer.resolve({ header, kvs: [], more: false, count: 0 });
      await settle();
      client.send(reads.map(({ number }, at) => request(from + each + at, { $case: 'cancel', value: { number } })));
    }
    expect(sessions.reads).toHaveLength(1 + requestsInFlightMax);
    expect(client.isPaused).toBe(true);
  });

  it('is bounded for all clients by the gate, which refuses each request of a frame', async () => {
    const client = await opened();
    const other = await opened();
    gate.hold(512 * 1024 * 1024);
    client.send(puts(1, 2));
    await settle();
    expect([1, 2].map((number) => client.heard.failureOf(number))).toEqual([
      'TOO_MANY_REQUESTS NOT_APPLIED again',
      'TOO_MANY_REQUESTS NOT_APPLIED again',
    ]);
    gate.release(512 * 1024 * 1024);
    other.send(puts(1, 1));
    expect(sessions.writes).toHaveLength(1);
  });

  it('counts a large answer until the client takes it', async () => {
    const client = await opened();
    client.takesMore = false;
    client.send([request(1, reading('a')), request(2, reading('b'))]);
    const frame = gate.bytesHeld;
    answer(0, kv(100_000));
    answer(1, kv(100_000));
    await settle();
    expect(client.heard.replies).toHaveLength(1);
    expect(gate.bytesHeld).toBeGreaterThan(200_000 + frame);
    client.exchange.drained();
    await settle();
    expect(gate.bytesHeld).toBeGreaterThan(100_000);
    expect(gate.bytesHeld).toBeLessThan(150_000);
    client.exchange.close();
    expect(gate.bytesHeld).toBe(0);
  });
});

describe('replies', () => {
  it('that are many are written in frames of a bounded size, some in each turn', async () => {
    const client = await opened();
    const count = 200;
    client.send(Array.from({ length: count }, (_, at) => request(at + 1, reading('k'))));
    for (let read = 0; read < count; read += 1) answer(read, kv(10_000));
    await settle();
    expect(client.heard.batches.length).toBeGreaterThan(5);
    expect(client.heard.replies.length).toBeLessThan(count);
    expect(Math.max(...client.heard.batches.map((batch) => batch.length))).toBeLessThan(10);
    await clock.settle();
    expect(client.heard.replies).toHaveLength(count);
  });

  it('that are large come alone, and later than those that pass them by', async () => {
    const client = await opened();
    client.send([request(1, reading('a')), request(2, reading('b')), request(3, putting('k'), 1)]);
    const many = Array.from({ length: 300 }, () => kv(10_000));
    answer(0, ...many);
    answer(1, kv(1));
    await settle();
    sessions.answerWrites();
    await settle();
    expect(client.heard.batches.map((batch) => batch.map(({ number }) => Number(number)))).toEqual([[2], [3]]);
    await expect.poll(() => client.heard.replies.length).toBe(3);
    expect(client.heard.replyTo(1)).toMatchObject({ $case: 'range', value: { count: 300n } });
    const large = client.heard.replyTo(1);
    expect(large?.$case === 'range' && large.value.kvs.length).toBe(300);
    expect(gate.bytesHeld).toBe(0);
  });

  it('that are too large are refused: a read was not, a write was applied', async () => {
    const client = await opened();
    const value = 'x'.repeat(1024 * 1024);
    const huge = Array.from({ length: 130 }, () => ({ ...kv(0), value }));
    client.send([request(1, reading('a')), request(2, putting('k'), 1)]);
    answer(0, ...huge);
    sessions.writes[0]?.answer.resolve({ kind: 'deleteRange', answer: { header, deleted: 130, prevKvs: huge } });
    await settle();
    expect(client.heard.failureOf(1)).toBe('RESPONSE_TOO_LARGE NOT_APPLIED');
    expect(client.heard.failureOf(2)).toBe('RESPONSE_TOO_LARGE APPLIED');
  });
});

describe('who leads', () => {
  it('is told when it changes, and only then', async () => {
    const client = await opened();
    const tell = (leadership: typeof LEADERSHIP): void =>
      sessions.listeners.forEach((listener) => listener(leadership));
    tell(LEADERSHIP);
    tell({ ...LEADERSHIP, leader: 0n });
    await settle();
    tell({ ...LEADERSHIP, leader: 3n, term: 6 });
    await settle();
    const named = {
      ...LEADERSHIP,
      leader: 3n,
      term: 6,
      members: [{ id: 3n, name: '', peerUrls: [], clientUrls: ['http://three'] }],
    };
    tell(named);
    await settle();
    expect(client.heard.leaderships).toEqual([
      { leaderId: 0n, term: 5n, clientUrls: [] },
      { leaderId: 3n, term: 6n, clientUrls: [] },
      { leaderId: 3n, term: 6n, clientUrls: ['http://three'] },
    ]);
    client.exchange.close();
    expect(sessions.listeners.size).toBe(0);
  });

  it('is told once, as it is, to a client that did not listen', async () => {
    const client = await opened();
    client.takesMore = false;
    client.send(puts(1, 1));
    sessions.answerWrites();
    await settle();
    for (const term of [6, 7, 8]) sessions.listeners.forEach((listener) => listener({ ...LEADERSHIP, term }));
    await settle();
    client.exchange.drained();
    await settle();
    expect(client.heard.leaderships.map(({ term }) => Number(term))).toEqual([8]);
  });
});

describe('an exchange ends', () => {
  it('when the member stops: what is in flight is answered, what came later is refused, and then it says why', async () => {
    const client = await opened();
    client.send(puts(1, 2));
    const stopped = gate.close();
    longCalls.stop();
    expect(client.isPaused).toBe(true);
    client.send(puts(3, 1));
    await settle();
    expect(client.heard.goodbye).toBeUndefined();
    sessions.answerWrites();
    await settle();
    await stopped;
    expect(client.heard.replies.map(({ number, reply }) => [Number(number), reply?.$case])).toEqual([
      [1, 'put'],
      [2, 'put'],
    ]);
    expect(goodbye(client)).toBe('STOPPED NOT_APPLIED again');
    expect(client.heard.isEnded).toBe(true);
  });

  it('when the member stops, and those that were not taken are told so', async () => {
    const client = await opened();
    client.send(puts(1, requestsInFlightMax + 2));
    void gate.close();
    longCalls.stop();
    await settle();
    expect(client.heard.failureOf(requestsInFlightMax + 2)).toBe('STOPPED NOT_APPLIED again');
    sessions.answerWrites();
    await settle();
    expect(client.heard.replies).toHaveLength(requestsInFlightMax + 2);
    expect(client.heard.isEnded).toBe(true);
  });

  it('at once at a member that has stopped, and while it begins', async () => {
    const opening = new MemoryClient(source);
    sessions.onRegister = () => new Promise(() => undefined);
    opening.open();
    longCalls.stop();
    expect(goodbye(opening)).toBe('STOPPED NOT_APPLIED again');
    expect(goodbye(new MemoryClient(source))).toBe('STOPPED NOT_APPLIED again');
  });

  it('when the client has said all, and has its replies', async () => {
    const client = await opened();
    client.send(puts(1, 1));
    client.exchange.halfClosed();
    await settle();
    expect(client.heard.isEnded).toBe(false);
    sessions.answerWrites();
    await settle();
    expect(client.heard.replies).toHaveLength(1);
    expect(client.heard.isEnded).toBe(true);
    expect(client.heard.goodbye).toBeUndefined();
  });

  it('when the client is gone: what is in flight is given up, whatever is not taken is forgotten', async () => {
    const client = await opened();
    client.send(puts(1, requestsInFlightMax));
    client.send(puts(requestsInFlightMax + 1, 10));
    client.exchange.close();
    client.exchange.close();
    expect(sessions.writes.every(({ isAbandoned }) => isAbandoned)).toBe(true);
    expect(gate.bytesHeld).toBe(0);
    await settle();
    expect(client.heard.replies).toEqual([]);
    longCalls.stop();
    expect(client.heard.goodbye).toBeUndefined();
  });

  it('when the client is gone before it is welcome', async () => {
    const client = new MemoryClient(source);
    client.open();
    client.send(puts(1, 1));
    client.exchange.close();
    await settle();
    expect(client.heard.frames).toEqual([]);
    expect([sessions.writes, sessions.listeners.size, gate.bytesHeld]).toEqual([[], 0, 0]);
  });
});

it('an empty frame of requests only settles', async () => {
  const client = await opened();
  client.exchange.receive(
    encodeMessage(ClientFrame, { frame: { $case: 'requests', value: { requests: [], settled: 5n } } }),
  );
  client.send(puts(6, 1));
  expect(sessions.writes[0]?.stamp.settled).toBe(5);
  sessions.answerWrites();
  await settle();
  expect(gate.bytesHeld).toBe(0);
});
