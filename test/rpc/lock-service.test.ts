/** etcd's lock and election services through a real client: keys, headers, statuses and texts as etcd gives them. */
import { type Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ElectionDefinition, LeaderRequest, LeaderResponse } from '@quorate/proto/etcd/election.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../server/rpc/codec.js';
import { keyQuery } from '../../server/state/key-query.js';
import type { UnaryMethod } from '../../server/rpc/unary-calls.js';
import { callOn, OpenStream } from './call-on.js';
import { refusalOf } from './door.js';
import { serveMember, type ServedMember } from './served-member.js';

const { lock, unlock } = LockDefinition.methods;
const { campaign, proclaim, leader, resign, observe } = ElectionDefinition.methods;
const passBytes = (bytes: Buffer): Buffer => bytes;

let member: ServedMember;
let client: Client;
beforeEach(async () => {
  member = await serveMember();
  client = member.connect();
});
afterEach(() => member.close());

const call = <Request, Response>(
  service: { readonly fullName: string },
  method: UnaryMethod<Request, Response>,
  request: Request,
  timeoutMs?: number,
): Promise<Response> => callOn(client, service, method, request, timeoutMs);

async function grant(id: bigint): Promise<void> {
  await call(LeaseDefinition, LeaseDefinition.methods.leaseGrant, { ID: id, TTL: 60n });
}

const lockOf = (name: string, lease: bigint, timeoutMs?: number) =>
  call(LockDefinition, lock, { name: Buffer.from(name), lease }, timeoutMs);

const keys = async (): Promise<readonly string[]> => {
  const range = { ...keyQuery('\0'), rangeEnd: '\0', serializable: true, keysOnly: true };
  return (await member.kv.range(range)).kvs.map(({ key }) => key);
};

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('Lock', () => {
  it('answers the key and the revision of the place, and waits until the one before is given back', async () => {
    await grant(171n);
    await grant(2n);
    const first = await lockOf('lk', 171n);
    expect(first.key.toString()).toBe('lk/ab');
    expect(first.header?.revision).toBe(2n);
    const second = lockOf('lk', 2n);
    await until(async () => (await keys()).length === 2);
    await call(LockDefinition, unlock, { key: first.key });
    expect((await second).key.toString()).toBe('lk/2');
    expect((await second).header?.revision).toBe(4n);
  });

  it('grants a lease of its own where none is named, and takes it back when the wait is given up', async () => {
    const first = await lockOf('', 0n);
    const [, id = ''] = first.key.toString().split('/');
    const { TTL } = await call(LeaseDefinition, LeaseDefinition.methods.leaseTimeToLive, {
      ID: BigInt(`0x${id}`),
      keys: false,
    });
    expect(Number(TTL)).toBeGreaterThan(55);
    expect(await refusalOf(lockOf('', 0n, 300))).toMatchObject({ code: 4 });
    await until(async () => (await keys()).length === 1);
    const all = () => call(LeaseDefinition, LeaseDefinition.methods.leaseLeases, {});
    await until(async () => (await all()).leases.length === 1);
  });

  it('refuses with the status and the texts of etcd', async () => {
    expect(await refusalOf(lockOf('lk', 99n))).toMatchObject({
      code: 2,
      text: 'etcdserver: requested lease not found',
      quorateCode: 'LEASE_NOT_FOUND',
    });
    const nothing = Buffer.alloc(0);
    expect(await refusalOf(call(LockDefinition, unlock, { key: nothing }))).toMatchObject({
      code: 2,
      text: 'etcdserver: key is not provided',
    });
    // Nobody has it: that is no error.
    expect((await call(LockDefinition, unlock, { key: Buffer.from('nobody') })).header?.revision).toBe(1n);
    await grant(1n);
    await grant(2n);
    // The entry for a place holds its name many times over: that counts, not the request.
    for (const bytes of [1_572_864, 200_000]) {
      expect(await refusalOf(lockOf('x'.repeat(bytes), 1n))).toMatchObject({
        code: 2,
        text: 'etcdserver: request is too large',
        quorateCode: 'REQUEST_TOO_LARGE',
      });
    }
    await lockOf('x'.repeat(100_000), 1n);
    await lockOf('lk', 1n);
    const waiter = refusalOf(lockOf('lk', 2n));
    await until(async () => (await keys()).length === 3);
    await call(LeaseDefinition, LeaseDefinition.methods.leaseRevoke, { ID: 2n });
    expect(await waiter).toMatchObject({ code: 2, text: 'mutex: session is expired' });
  });
});

describe('Election', () => {
  const name = Buffer.from('e');
  const run = (lease: bigint, value: string) =>
    call(ElectionDefinition, campaign, { name, lease, value: Buffer.from(value) });

  it('is campaigned, proclaimed, observed and resigned', async () => {
    await grant(1n);
    await grant(2n);
    const seen: string[] = [];
    const path = `/${ElectionDefinition.fullName}/${observe.name}`;
    const stream = client.makeServerStreamRequest(
      path,
      passBytes,
      passBytes,
      encodeMessage(LeaderRequest, { name }),
      new Metadata(),
    );
    stream.on('data', (bytes: Buffer) => {
      const { kv, header } = decodeMessage(LeaderResponse, bytes);
      seen.push(`${kv?.value.toString()}@${header?.revision}`);
    });
    const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve));

    const won = await run(1n, 'a');
    expect(won).toMatchObject({ leader: { rev: 2n, lease: 1n }, header: { revision: 2n } });
    expect(won.leader?.key.toString()).toBe('e/1');
    await call(ElectionDefinition, proclaim, { leader: won.leader, value: Buffer.from('b') });
    await until(() => Promise.resolve(seen.length > 0));
    const next = run(2n, 'c');
    await until(async () => (await keys()).length === 2);
    expect((await call(ElectionDefinition, leader, { name })).kv?.value.toString()).toBe('b');
    await call(ElectionDefinition, resign, { leader: won.leader });
    // Its header is of the moment when it entered.
    expect(await next).toMatchObject({ leader: { rev: 4n }, header: { revision: 4n } });
    await until(() => Promise.resolve(seen.at(-1)?.startsWith('c') ?? false));
    expect(seen.slice(-2)).toEqual(['b@3', 'c@5']);
    stream.cancel();
    expect((await ended).code).toBe(1);
    await until(() => Promise.resolve(member.kv.watchers === 0));
  });

  it('goes on under a lease of its own where the proof of leadership names none, not for ever', async () => {
    await grant(1n);
    const { leader: proof } = await run(1n, 'a');
    if (proof === undefined) throw new Error('no proof');
    const value = Buffer.from('b');
    await call(ElectionDefinition, proclaim, { leader: { ...proof, lease: 0n }, value });
    const lease = (await call(ElectionDefinition, leader, { name })).kv?.lease ?? 0n;
    expect([0n, 1n]).not.toContain(lease);
    const past = { ...proof, rev: 77n, lease: 0n };
    expect((await refusalOf(call(ElectionDefinition, proclaim, { leader: past, value }))).code).toBe(2);
    const all = () => call(LeaseDefinition, LeaseDefinition.methods.leaseLeases, {});
    await until(async () => (await all()).leases.length === 2);
    const left = await call(LeaseDefinition, LeaseDefinition.methods.leaseTimeToLive, { ID: lease, keys: false });
    expect(Number(left.TTL)).toBeGreaterThan(50);
  });

  it('refuses with the status and the texts of etcd', async () => {
    const huge = 'x'.repeat(1_572_864);
    expect(await refusalOf(run(1n, huge))).toMatchObject({ code: 2, text: 'etcdserver: request is too large' });
    const proofOfNothing = { name, key: Buffer.from('e/1'), rev: 1n, lease: 1n };
    expect(
      await refusalOf(call(ElectionDefinition, proclaim, { leader: proofOfNothing, value: Buffer.from(huge) })),
    ).toMatchObject({ code: 2, text: 'etcdserver: request is too large' });
    expect(await refusalOf(call(ElectionDefinition, leader, { name }))).toMatchObject({
      code: 2,
      text: 'election: no leader',
    });
    expect(await refusalOf(run(99n, 'a'))).toMatchObject({ code: 2, text: 'etcdserver: requested lease not found' });
    const value = Buffer.from('b');
    expect(await refusalOf(call(ElectionDefinition, proclaim, { leader: undefined, value }))).toMatchObject({
      code: 2,
      text: '"leader" field must be provided',
    });
    const past = { name, key: Buffer.from('e/1'), rev: 7n, lease: 1n };
    expect(await refusalOf(call(ElectionDefinition, proclaim, { leader: past, value }))).toMatchObject({
      code: 2,
      text: 'election: not leader',
    });
    expect((await call(ElectionDefinition, resign, { leader: past })).header?.revision).toBe(1n);
  });
});

describe('an observer', () => {
  it('that requires a leader is refused where there is none, and another one waits for it', async () => {
    const alone = await serveMember({ voters: 3 });
    const connection = alone.connect();
    const path = `/${ElectionDefinition.fullName}/${observe.name}`;
    const request = encodeMessage(LeaderRequest, { name: Buffer.from('e') });
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const patient = OpenStream.server(connection, path, request);
    const demanding = OpenStream.server(connection, path, request, metadata);
    expect(await demanding.ended).toEqual({ code: 14, text: 'etcdserver: no leader', quorateCode: 'NO_LEADER' });
    await alone.server.stop(5_000);
    expect(await patient.ended).toMatchObject({ quorateCode: 'STOPPED' });
    await alone.close();
  });
});
