/** The lease service on the wire: what goes to the member, what comes back, and how streams of renewals behave. */
import { type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';
import { LeaseDefinition, LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { decodeMessage, encodeMessage } from '../../server/rpc/codec.js';
import { renewalsPerStreamMax } from '../../server/rpc/keep-alive-stream.js';
import { Door, refusalOf } from './door.js';
import { FakeLeases } from './fake-leases.js';
import { header } from './fake-member.js';

let door: Door;
beforeAll(async () => {
  door = await Door.open();
});
afterAll(() => door.close());
beforeEach(() => {
  door.leases.asked.length = 0;
  door.leases.failure = undefined;
  door.leases.onKeepAlive = new FakeLeases().onKeepAlive;
  if (!door.member.isReady) door.member.setReady(true);
});

const wireHeader = { ...header, revision: BigInt(header.revision), raftTerm: BigInt(header.raftTerm) };
const { leaseGrant, leaseRevoke, leaseTimeToLive, leaseLeases } = LeaseDefinition.methods;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const PATH = `/${LeaseDefinition.fullName}/LeaseKeepAlive`;

describe('single calls', () => {
  it.each([
    [
      { ID: 0n, TTL: 5n },
      { ID: 77n, TTL: 5n },
    ],
    [
      { ID: INT64_MIN, TTL: INT64_MIN },
      { ID: INT64_MIN, TTL: INT64_MIN },
    ],
    [
      { ID: INT64_MAX, TTL: INT64_MAX },
      { ID: INT64_MAX, TTL: INT64_MAX },
    ],
  ])('LeaseGrant %o', async (request, answer) => {
    expect(await door.call(LeaseDefinition, leaseGrant, request)).toEqual({ header: wireHeader, ...answer, error: '' });
    expect(door.leases.asked).toEqual([['grant', { id: request.ID, ttl: request.TTL }]]);
  });

  it('LeaseRevoke, LeaseTimeToLive and LeaseLeases', async () => {
    expect(await door.call(LeaseDefinition, leaseRevoke, { ID: -3n })).toEqual({ header: wireHeader });
    expect(await door.call(LeaseDefinition, leaseTimeToLive, { ID: 4n, keys: true })).toEqual({
      header: wireHeader,
      ID: 4n,
      TTL: 5n,
      grantedTTL: 60n,
      keys: [Buffer.from([0xff]), Buffer.from('a')],
    });
    door.leases.onLeases = [3n, INT64_MIN];
    expect(await door.call(LeaseDefinition, leaseLeases, {})).toEqual({
      header: wireHeader,
      leases: [{ ID: 3n }, { ID: INT64_MIN }],
    });
    expect(door.leases.asked).toEqual([
      ['revoke', -3n],
      ['timeToLive', { id: 4n, keys: true }],
      ['leases', undefined],
    ]);
  });

  it.each([
    ['LEASE_EXISTS', 9, 'etcdserver: lease already exists'],
    ['LEASE_TTL_TOO_LARGE', 11, 'etcdserver: too large lease TTL'],
  ] as const)('%s has its status', async (code, status, text) => {
    door.leases.failure = new QuorateError(code);
    const refused = await refusalOf(door.call(LeaseDefinition, leaseGrant, { ID: 1n, TTL: 1n }));
    expect(refused).toMatchObject({ code: status, text, quorateCode: code });
  });

  it('are refused at once where a leader is required and there is none', async () => {
    door.member.setReady(false);
    const options = { metadata: { hasleader: 'true' } };
    expect(await refusalOf(door.call(LeaseDefinition, leaseRevoke, { ID: 1n }, options))).toMatchObject({ code: 14 });
  });
});

/** The client's side of one stream. */
class Renewals {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly answers: [id: bigint, ttl: bigint][] = [];
  /** The status with which it ended. */
  readonly ended: Promise<Pick<ServiceError, 'code' | 'details'>>;

  constructor(metadata: Readonly<Record<string, string>> = {}) {
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    const pass = (bytes: Buffer): Buffer => bytes;
    this.call = door.client.makeBidiStreamRequest(PATH, pass, pass, sent);
    this.call.on('data', (bytes: Buffer) => {
      const { header: got, ID, TTL } = decodeMessage(LeaseKeepAliveResponse, bytes);
      expect(got).toEqual(wireHeader);
      this.answers.push([ID, TTL]);
    });
    this.call.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.call.on('status', ({ code, details }) => resolve({ code, details }));
    });
  }

  ask(id: bigint): void {
    this.call.write(encodeMessage(LeaseKeepAliveRequest, { ID: id }));
  }
}

describe('a stream of renewals', () => {
  it('answers each request, in their order, and ends well when the client has said all', async () => {
    const held = createDeferred<bigint>();
    door.leases.onKeepAlive = (id) => (id === 1n ? held.promise : Promise.resolve(id * 10n));
    const renewals = new Renewals();
    for (const id of [1n, -2n, 0n, INT64_MAX / 10n]) renewals.ask(id);
    renewals.call.end();
    await expect.poll(() => door.leases.asked.length).toBe(4);
    expect(renewals.answers).toEqual([]);
    held.resolve(5n);
    expect(await renewals.ended).toMatchObject({ code: 0 });
    expect(renewals.answers).toEqual([
      [1n, 5n],
      [-2n, -20n],
      [0n, 0n],
      [INT64_MAX / 10n, (INT64_MAX / 10n) * 10n],
    ]);
  });

  it('ends with the error of the first request that has one, after the answers before it', async () => {
    door.leases.onKeepAlive = async (id) => {
      if (id === 2n) throw new QuorateError('NO_LEADER');
      return 9n;
    };
    const renewals = new Renewals();
    for (const id of [1n, 2n, 3n]) renewals.ask(id);
    expect(await renewals.ended).toEqual({ code: 14, details: 'etcdserver: no leader' });
    expect(renewals.answers).toEqual([[1n, 9n]]);
  });

  it('ends when a request is no message', async () => {
    const renewals = new Renewals();
    renewals.call.write(Buffer.from([0xff]));
    expect(await renewals.ended).toMatchObject({ code: 13 });
  });

  it(`takes no more than ${renewalsPerStreamMax} requests before it has answered some`, async () => {
    const held = createDeferred<bigint>();
    door.leases.onKeepAlive = () => held.promise;
    const renewals = new Renewals();
    const count = renewalsPerStreamMax * 5;
    for (let id = 0; id < count; id += 1) renewals.ask(BigInt(id));
    renewals.call.end();
    // Another call is through: whatever could be read of the stream was.
    await expect.poll(() => door.leases.asked.length).toBeGreaterThanOrEqual(renewalsPerStreamMax);
    for (let round = 0; round < 5; round += 1) await door.call(LeaseDefinition, leaseRevoke, { ID: 1n });
    const asked = door.leases.asked.filter(([method]) => method === 'keepAlive').length;
    // One message may be on its way out of the parser when reading stops.
    expect(asked).toBeLessThanOrEqual(renewalsPerStreamMax + 1);
    held.resolve(1n);
    expect(await renewals.ended).toMatchObject({ code: 0 });
    expect(renewals.answers.map(([id]) => id)).toEqual(Array.from({ length: count }, (_, id) => BigInt(id)));
  });

  it('that requires a leader is refused without one, and ends three election timeouts after its loss', async () => {
    const noLeader = { code: 14, details: 'etcdserver: no leader' };
    const renewals = new Renewals({ hasleader: 'true' });
    const other = new Renewals();
    renewals.ask(1n);
    other.ask(2n);
    await expect.poll(() => renewals.answers.length + other.answers.length).toBe(2);
    const from = performance.now();
    door.member.setReady(false);
    expect(await new Renewals({ hasleader: 'true' }).ended).toEqual(noLeader);
    expect(await renewals.ended).toEqual(noLeader);
    expect(performance.now() - from).toBeGreaterThan(290);
    other.call.end();
    expect(await other.ended).toMatchObject({ code: 0 });
  });

  it('stays where the leader came back in time', async () => {
    const renewals = new Renewals({ hasleader: 'true' });
    renewals.ask(1n);
    await expect.poll(() => renewals.answers.length).toBe(1);
    door.member.setReady(false);
    door.member.setReady(true);
    renewals.ask(2n);
    renewals.call.end();
    expect(await renewals.ended).toMatchObject({ code: 0 });
    expect(renewals.answers).toHaveLength(2);
  });

  it('that the client gives up frees what it held', async () => {
    const held = createDeferred<bigint>();
    door.leases.onKeepAlive = () => held.promise;
    const renewals = new Renewals();
    renewals.ask(1n);
    await expect.poll(() => door.leases.asked.length).toBe(1);
    renewals.call.cancel();
    expect(await renewals.ended).toMatchObject({ code: 1 });
    held.resolve(1n);
    const other = await Door.open();
    await other.close();
  });
});
