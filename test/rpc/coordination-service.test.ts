/** quorate.v1.Coordination and the grants of a session through a real client: fields, refusals, limits. */
import { type Client, Metadata } from '@grpc/grpc-js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import {
  CoordinationDefinition,
  GrantAcquireRequest,
  GrantMode,
  GrantObserveRequest,
  GrantObserveResponse,
} from '@quorate/proto/quorate/v1/coordination.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../server/rpc/codec.js';
import type { UnaryMethod } from '../../server/rpc/unary-calls.js';
import { callOn } from './call-on.js';
import { refusalOf } from './door.js';
import { GrpcClient, request } from './session-client.js';
import { serveMember, type ServedMember } from './served-member.js';

const { acquire, release, proclaim, force, describe: describeNames, observe } = CoordinationDefinition.methods;
const passBytes = (bytes: Buffer): Buffer => bytes;

let member: ServedMember;
let client: Client;
beforeEach(async () => {
  member = await serveMember();
  client = member.connect();
  for (const ID of [1n, 2n, 3n])
    await callOn(client, LeaseDefinition, LeaseDefinition.methods.leaseGrant, { ID, TTL: 60n });
});
afterEach(() => member.close());

const call = <Request, Response>(method: UnaryMethod<Request, Response>, asked: Request, timeoutMs?: number) =>
  callOn(client, CoordinationDefinition, method, asked, timeoutMs);

function wish(attempt: string, lease: bigint, rest: Partial<GrantAcquireRequest> = {}): GrantAcquireRequest {
  return { ...GrantAcquireRequest.fromPartial({ attempt, lease, names: [Buffer.from('n')] }), ...rest };
}

const gets = (attempt: string, lease: bigint, rest?: Partial<GrantAcquireRequest>) =>
  call(acquire, wish(attempt, lease, rest));

const queueOf = async (name = 'n') => {
  const { queues } = await call(describeNames, { name: Buffer.from(name), rangeEnd: Buffer.alloc(0), limit: 0 });
  const [queue] = queues;
  return { granted: queue?.granted ?? [], waiting: queue?.waiting ?? [] };
};

async function untilWaiting(count: number): Promise<void> {
  while ((await queueOf()).waiting.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('Acquire', () => {
  it('answers with a token, and waits where somebody else holds', async () => {
    expect(await gets('a', 1n)).toMatchObject({ place: 1n, token: 1n, slots: [] });
    const second = gets('b', 2n);
    await untilWaiting(1);
    expect(await call(release, { attempt: 'a', to: '' })).toMatchObject({ released: true });
    expect(await second).toMatchObject({ place: 2n, token: 2n });
    expect(await gets('b', 2n)).toMatchObject({ place: 2n, token: 2n });
  });

  it('takes no place where it does not want to wait', async () => {
    await gets('a', 1n);
    expect(await gets('b', 2n, { noWait: true })).toMatchObject({ place: 0n, token: 0n });
    expect((await queueOf()).waiting).toEqual([]);
  });

  it('keeps the place of a caller that has gone, until it gives the attempt up', async () => {
    await gets('a', 1n);
    expect(await refusalOf(call(acquire, wish('b', 2n), 300))).toMatchObject({ code: 4 });
    await untilWaiting(1);
    await call(release, { attempt: 'b', to: '' });
    expect((await queueOf()).waiting).toEqual([]);
  });

  it('fails at once when the lease ends while it waits', async () => {
    await gets('a', 1n);
    const second = refusalOf(call(acquire, wish('b', 2n)));
    await untilWaiting(1);
    await member.leases.revoke(2n);
    expect(await second).toMatchObject({ code: 5, text: expect.stringContaining('quorate: no such grant') });
  });

  it('shares a capacity, part by part', async () => {
    const shared = { mode: GrantMode.SHARED, capacity: 3 };
    expect(await gets('a', 1n, { ...shared, weight: 2 })).toMatchObject({ slots: [0, 1] });
    expect(await gets('b', 2n, shared)).toMatchObject({ slots: [2] });
    await call(release, { attempt: 'a', to: '' });
    expect(await gets('c', 3n, shared)).toMatchObject({ slots: [0] });
    expect(await refusalOf(gets('d', 3n, { ...shared, capacity: 4 }))).toMatchObject({ code: 3 });
  });

  it('takes several names in any order, all or none', async () => {
    const names = [Buffer.from('y'), Buffer.from('n')];
    await gets('a', 1n);
    expect(await gets('b', 2n, { names, noWait: true })).toMatchObject({ token: 0n });
    await call(release, { attempt: 'a', to: '' });
    expect(await gets('b', 2n, { names })).toMatchObject({ token: 2n });
    expect((await queueOf('y')).granted).toMatchObject([{ attempt: 'b', token: 2n }]);
  });

  it.each([
    ['no attempt', { attempt: '' }, 'no attempt id'],
    ['a long attempt', { attempt: 'x'.repeat(65) }, 'of 65 bytes, at most 64'],
    ['no name', { names: [] }, 'no name'],
    ['an empty name', { names: [Buffer.alloc(0)] }, 'an empty name'],
    ['a long name', { names: [Buffer.alloc(1025)] }, 'of 1025 bytes, at most 1024'],
    ['a name twice', { names: [Buffer.from('n'), Buffer.from('n')] }, 'names that do not rise'],
    [
      '17 names',
      { names: Array.from({ length: 17 }, (_, place) => Buffer.from(`${place}`)) },
      'quorate: invalid grant',
    ],
    ['a mode that is none', { mode: 7 as GrantMode }, 'mode 7'],
    ['an exclusive weight', { weight: 2 }, 'a weight of 2, from 1 to 1'],
    ['more weight than there is', { mode: GrantMode.SHARED, capacity: 2, weight: 3 }, 'a weight of 3, from 1 to 2'],
    ['too much capacity', { mode: GrantMode.SHARED, capacity: 1025 }, 'a capacity of 1025, from 0 to 1024'],
    ['a priority too high', { priority: 1_000_001 }, 'a priority of 1000001, from -1000000 to 1000000'],
    ['a lock-delay too long', { lockDelayMs: 3_600_001 }, 'of 3600001, from 0 to 3600000'],
    ['long metadata', { metadata: Buffer.alloc(4097) }, 'metadata of 4097 bytes, at most 4096'],
    ['a long value', { value: Buffer.alloc(4097) }, 'a value of 4097 bytes, at most 4096'],
    ['a long owner', { owner: 'o'.repeat(129) }, 'an owner of 129 bytes, at most 128'],
    ['a lease that is not', { lease: 9n }, 'etcdserver: requested lease not found'],
  ])('with %s is refused', async (_, rest, text) => {
    expect(await refusalOf(gets('a', 1n, rest))).toMatchObject({ text: expect.stringContaining(text) });
    expect((await queueOf()).granted).toEqual([]);
  });

  it('of an owner that holds the name is refused at once', async () => {
    await gets('a', 1n, { owner: 'me' });
    const refused = { code: 9, text: expect.stringContaining('owner me waits for it or holds it') };
    expect(await refusalOf(gets('b', 2n, { owner: 'me' }))).toMatchObject(refused);
  });
});

describe('a holder', () => {
  it('proclaims, hands over, and is proclaimed no more', async () => {
    const { token } = await gets('a', 1n, { value: Buffer.from('one') });
    const others = [gets('b', 2n), untilWaiting(1).then(() => gets('c', 3n))] as const;
    await untilWaiting(2);
    await call(proclaim, { attempt: 'a', token, value: Buffer.from('two') });
    expect((await queueOf()).granted[0]?.value.toString()).toBe('two');
    await call(release, { attempt: 'a', to: 'c' });
    expect(await others[1]).toMatchObject({ token: 2n });
    expect(await refusalOf(call(proclaim, { attempt: 'a', token, value: Buffer.alloc(0) }))).toMatchObject({ code: 5 });
    await call(release, { attempt: 'c', to: '' });
    expect(await others[0]).toMatchObject({ token: 3n });
  });

  it('is sent away by an operator, and by no old token', async () => {
    await gets('a', 1n);
    const name = Buffer.from('n');
    expect(await refusalOf(call(force, { name, token: 9n, reason: '' }))).toMatchObject({ code: 5 });
    await call(force, { name, token: 1n, reason: 'it hangs' });
    expect((await queueOf()).granted).toEqual([]);
    expect(await gets('b', 2n)).toMatchObject({ token: 2n });
  });
});

describe('Describe', () => {
  it('tells names in order, as many as wanted, and who waits for whom', async () => {
    for (const [place, name] of ['x', 'y', 'z'].entries())
      await gets(`${place}`, 1n, { names: [Buffer.from(name)], owner: name });
    void gets('w', 2n, { names: [Buffer.from('y')], owner: 'me' }).catch(() => undefined);
    while ((await queueOf('y')).waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const all = await call(describeNames, { name: Buffer.alloc(0), rangeEnd: Buffer.alloc(0), limit: 2 });
    expect(all.queues.map(({ name }) => name.toString())).toEqual(['x', 'y']);
    expect(all.more).toBe(true);
    expect(all.waits).toMatchObject([{ attempt: 'w', owner: 'me', holder: '1', holderOwner: 'y' }]);
    const some = await call(describeNames, { name: Buffer.from('y'), rangeEnd: Buffer.from([0]), limit: 0 });
    expect([some.queues.map(({ name }) => name.toString()), some.more]).toEqual([['y', 'z'], false]);
  });
});

describe('Observe', () => {
  it('tells the state now and after each change', async () => {
    const bytes = encodeMessage(GrantObserveRequest, { name: Buffer.from('n'), change: 0n });
    const path = `/${CoordinationDefinition.fullName}/${observe.name}`;
    const stream = client.makeBidiStreamRequest(path, passBytes, passBytes, new Metadata());
    stream.write(bytes);
    const tokens: (bigint | undefined)[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (told: Buffer) =>
      tokens.push(decodeMessage(GrantObserveResponse, told).queue?.granted[0]?.token),
    );
    const until = async (token: bigint | undefined) => {
      while (tokens.length === 0 || tokens.at(-1) !== token) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await gets('a', 1n);
    await until(1n);
    await call(release, { attempt: 'a', to: '' });
    await until(undefined);
    await gets('b', 2n);
    await until(2n);
    stream.cancel();
  });
});

describe('through a session', () => {
  it('an acquire is answered at once, sent again finds itself, and is awaited', async () => {
    const session = new GrpcClient(client);
    session.open();
    await session.until(({ welcome }) => welcome !== undefined);
    session.send([
      request(1, { $case: 'grantAcquire', value: wish('a', 1n) }, 1),
      request(2, { $case: 'grantAcquire', value: wish('b', 2n) }, 2),
    ]);
    await session.until(({ replies }) => replies.length === 2);
    session.send([request(3, { $case: 'grantAcquire', value: wish('b', 2n) }, 2)]);
    await session.until(({ replies }) => replies.length === 3);
    const answers = [1, 2, 3].map((number) => session.heard.replyTo(number));
    expect(answers).toMatchObject([
      { $case: 'grantAcquire', value: { token: 1n } },
      { $case: 'grantAcquire', value: { place: 2n, token: 0n } },
      { $case: 'grantAcquire', value: { place: 2n, token: 0n } },
    ]);
    const value = { attempt: 'b', name: Buffer.from('n'), change: 2n, untilLost: false };
    session.send([
      request(4, { $case: 'grantAwait', value }),
      request(5, { $case: 'grantRelease', value: { attempt: 'a', to: '' } }, 3),
    ]);
    await session.until(({ replies }) => replies.length === 5);
    expect(session.heard.replyTo(4)).toMatchObject({ $case: 'grantAwait', value: { token: 2n } });
    expect(session.heard.replyTo(5)).toMatchObject({ $case: 'grantRelease', value: { released: true } });
    session.send([
      request(6, { $case: 'grantProclaim', value: { attempt: 'b', token: 2n, value: Buffer.from('v') } }, 4),
    ]);
    session.send([request(7, { $case: 'grantAwait', value: { ...value, attempt: 'gone' } })]);
    await session.until(({ replies }) => replies.length === 7);
    expect(session.heard.replyTo(6)).toMatchObject({ $case: 'grantProclaim' });
    expect(session.heard.failureOf(7)).toBe('GRANT_NOT_FOUND NOT_APPLIED');
    session.call.end();
  });
});
