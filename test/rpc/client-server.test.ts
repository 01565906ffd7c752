import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { AuthDefinition } from '@quorate/proto/etcd/auth.js';
import { ClusterDefinition } from '@quorate/proto/etcd/cluster.js';
import { ElectionDefinition } from '@quorate/proto/etcd/election.js';
import { KVDefinition, PutRequest, RangeRequest } from '@quorate/proto/etcd/kv.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { MaintenanceDefinition } from '@quorate/proto/etcd/maintenance.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { ListenError } from '../../server/rpc/listeners.js';
import { etcdApiVersion } from '../../server/rpc/maintenance-service.js';
import { Door, refusalOf } from './door.js';
import { header } from './fake-member.js';

const { put, range, compact } = KVDefinition.methods;
const { status, hash, hashKV } = MaintenanceDefinition.methods;
const putOfK = PutRequest.fromPartial({ key: Buffer.from('k') });
const rangeOfK = RangeRequest.fromPartial({ key: Buffer.from('k') });
const passBytes = (bytes: Buffer): Buffer => bytes;

let door: Door;
beforeAll(async () => {
  door = await Door.open();
});
afterAll(() => door.close());
beforeEach(() => {
  door.member.asked.length = 0;
  door.member.isReady = true;
});

/** A door of its own, for tests that hurt it. */
const others: Door[] = [];
async function anotherDoor(...options: Parameters<typeof Door.open>): Promise<Door> {
  const other = await Door.open(...options);
  others.push(other);
  return other;
}
afterEach(async () => {
  for (const other of others.splice(0)) await other.close();
});

const wireHeader = {
  clusterId: header.clusterId,
  memberId: header.memberId,
  revision: BigInt(header.revision),
  raftTerm: BigInt(header.raftTerm),
};

describe('Cluster and Maintenance', () => {
  it('list the members by id, under a header without a revision', async () => {
    const named = (id: bigint, name: string) => ({
      id,
      name,
      peerUrls: [`http://${name}:2380`],
      clientUrls: name === '' ? [] : [`http://${name}:2379`],
      isLearner: id === 2n,
    });
    door.member.onMembers = [named(2n ** 63n + 1n, 'b'), named(2n, '')];
    const list = await door.call(ClusterDefinition, ClusterDefinition.methods.memberList, { linearizable: true });
    expect(list).toEqual({
      header: { ...wireHeader, revision: 0n },
      members: [
        { ID: 2n, name: '', peerURLs: ['http://:2380'], clientURLs: [], isLearner: true },
        { ID: 2n ** 63n + 1n, name: 'b', peerURLs: ['http://b:2380'], clientURLs: ['http://b:2379'], isLearner: false },
      ],
    });
    expect(door.member.asked[0]).toMatchObject({ method: 'members', request: true });
  });

  it('tell the status of this member', async () => {
    expect(await door.call(MaintenanceDefinition, status, {})).toEqual({
      header: wireHeader,
      version: etcdApiVersion,
      dbSize: 4096n,
      leader: 0xffff_ffff_ffff_ffffn,
      raftIndex: 12n,
      raftTerm: wireHeader.raftTerm,
      raftAppliedIndex: 11n,
      errors: [],
      dbSizeInUse: 1024n,
      isLearner: false,
      storageVersion: '',
      dbSizeQuota: 0n,
      downgradeInfo: undefined,
    });
    expect(etcdApiVersion).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('say in the status that there is no leader', async () => {
    door.member.onStatus = { ...door.member.onStatus, leader: 0n };
    expect(await door.call(MaintenanceDefinition, status, {})).toMatchObject({
      leader: 0n,
      errors: ['etcdserver: no leader'],
    });
  });

  it('hash', async () => {
    expect(await door.call(MaintenanceDefinition, hash, {})).toEqual({ header: wireHeader, hash: 0xffff_ffff });
    expect(await door.call(MaintenanceDefinition, hashKV, { revision: 7n })).toEqual({
      header: wireHeader,
      hash: 0xffff_ffff,
      compactRevision: -1n,
      hashRevision: 7n,
    });
    expect(door.member.asked.at(-1)).toMatchObject({ method: 'hashKv', request: 7 });
  });

  it('refuse to hash up to a negative revision', async () => {
    const refused = await refusalOf(door.call(MaintenanceDefinition, hashKV, { revision: -1n }));
    expect(refused).toMatchObject({ code: 3, quorateCode: 'INVALID_REVISION' });
    expect(door.member.asked).toEqual([]);
  });
});

describe('what is not served', () => {
  const leases = ['LeaseGrant', 'LeaseRevoke', 'LeaseKeepAlive', 'LeaseTimeToLive', 'LeaseLeases'];
  const kv = ['Range', 'Put', 'DeleteRange', 'Txn', 'Compact'];
  const recipes = ['Lock', 'Unlock', 'Campaign', 'Proclaim', 'Leader', 'Observe', 'Resign'];
  const served = new Set([...kv, ...leases, 'Watch', ...recipes, 'MemberList', 'Status', 'Hash', 'HashKV']);
  const definitions = [
    KVDefinition,
    ClusterDefinition,
    MaintenanceDefinition,
    AuthDefinition,
    ElectionDefinition,
    LeaseDefinition,
    LockDefinition,
  ];
  const methods = definitions.flatMap(({ fullName, methods: all }) =>
    Object.values(all)
      .filter(({ name }) => !served.has(name))
      .map(({ name, requestStream, responseStream }) => ({
        path: `/${fullName}/${name}`,
        requestStream,
        responseStream,
      })),
  );

  function callAny(path: string, requestStream: boolean, responseStream: boolean): Promise<unknown> {
    if (!responseStream) return door.raw(path, Buffer.alloc(0));
    const stream = requestStream
      ? door.client.makeBidiStreamRequest(path, passBytes, passBytes, new Metadata())
      : door.client.makeServerStreamRequest(path, passBytes, passBytes, Buffer.alloc(0), new Metadata());
    return new Promise((resolve, reject) => {
      stream.on('data', () => undefined);
      stream.on('error', reject);
      stream.on('end', resolve);
    });
  }

  it('are the other 27 methods of the API', () => {
    expect(methods).toHaveLength(27);
  });

  it.each(methods)('$path is named in the refusal', async ({ path, requestStream, responseStream }) => {
    expect(await refusalOf(callAny(path, requestStream, responseStream))).toMatchObject({
      code: 12,
      text: `quorate: not implemented: ${path}`,
      quorateCode: 'UNIMPLEMENTED',
    });
  });

  it.each(['/etcdserverpb.KV/Nonsense', '/nonsense.Service/Method'])('%s is unknown', async (path) => {
    expect(await refusalOf(door.raw(path, Buffer.alloc(0)))).toMatchObject({ code: 12 });
  });
});

describe('a request', () => {
  it('that requires a leader is refused at once when there is none', async () => {
    door.member.isReady = false;
    const options = { metadata: { hasleader: 'true' } };
    const noLeader = { code: 14, text: 'etcdserver: no leader', quorateCode: 'NO_LEADER' };
    expect(await refusalOf(door.call(KVDefinition, range, rangeOfK, options))).toMatchObject(noLeader);
    expect(await refusalOf(door.call(MaintenanceDefinition, status, {}, options))).toMatchObject(noLeader);
    expect(door.member.asked).toEqual([]);
    await door.call(KVDefinition, range, rangeOfK, { metadata: { hasleader: 'false' } });
    door.member.isReady = true;
    await door.call(KVDefinition, range, rangeOfK, options);
    expect(door.member.asked).toHaveLength(2);
  });

  it('takes its deadline to the member, in monotonic time', async () => {
    await door.call(KVDefinition, put, putOfK, { timeoutMs: 5000 });
    await door.call(KVDefinition, put, putOfK, { timeoutMs: Infinity });
    const [limited, unlimited] = door.member.asked;
    const left = (limited?.options?.deadline ?? 0) - performance.now();
    expect(left).toBeGreaterThan(3000);
    expect(left).toBeLessThanOrEqual(5000);
    expect(unlimited?.options).toEqual({});
  });

  it('that works for long is aborted when its caller is gone', async () => {
    const other = await anotherDoor();
    other.member.hold = createDeferred<void>().promise;
    const caller = new AbortController();
    const request = { revision: 5n, physical: true };
    const call = refusalOf(other.call(KVDefinition, compact, request, { signal: caller.signal }));
    await expect.poll(() => other.member.asked.length).toBe(1);
    caller.abort();
    expect((await call).code).toBe(1);
    await expect.poll(() => other.member.asked[0]?.options?.signal?.aborted).toBe(true);
  });
});

describe('health', () => {
  const serving = Buffer.from([0x08, 1]);
  const notServing = Buffer.from([0x08, 2]);
  const named = (service: string): Buffer => Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
  const check = (of: Door, service: string): Promise<Buffer> => of.raw('/grpc.health.v1.Health/Check', named(service));

  it.each(['', 'etcdserverpb.KV', 'etcdserverpb.Lease', 'etcdserverpb.Cluster', 'etcdserverpb.Maintenance'])(
    'of "%s" follows the member',
    async (service) => {
      const other = await anotherDoor();
      expect(await check(other, service)).toEqual(serving);
      other.member.setReady(false);
      expect(await check(other, service)).toEqual(notServing);
      other.member.setReady(true);
      expect(await check(other, service)).toEqual(serving);
    },
  );

  it('of what is not served is unknown', async () => {
    expect(await refusalOf(check(door, 'etcdserverpb.Auth'))).toMatchObject({ code: 5 });
  });

  it('is told to whoever watches it, the stop included', async () => {
    const other = await anotherDoor();
    const path = '/grpc.health.v1.Health/Watch';
    const watch = other.client.makeServerStreamRequest(path, passBytes, passBytes, named(''), new Metadata());
    const seen: Buffer[] = [];
    watch.on('data', (bytes: Buffer) => seen.push(bytes));
    const ended = new Promise<ServiceError>((resolve) => {
      watch.on('error', resolve);
    });
    await expect.poll(() => seen).toEqual([serving]);
    other.member.setReady(false);
    await expect.poll(() => seen).toEqual([serving, notServing]);
    other.member.setReady(true);
    await expect.poll(() => seen).toEqual([serving, notServing, serving]);
    await other.server.stop(5000);
    await ended;
    expect(seen).toEqual([serving, notServing, serving, notServing]);
  });
});

describe('reflection', () => {
  const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const ask = (of: Door, field: number, text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const stream = of.client.makeBidiStreamRequest(path, passBytes, passBytes, new Metadata());
      stream.on('data', (bytes: Buffer) => {
        resolve(bytes.toString('latin1'));
        stream.cancel();
      });
      stream.on('error', reject);
      stream.write(Buffer.concat([Buffer.from([(field << 3) | 2, text.length]), Buffer.from(text)]));
    });

  it('is off unless it was asked for', async () => {
    expect(await refusalOf(ask(door, 7, '*'))).toMatchObject({ code: 12 });
  });

  it('lists services and tells their messages', async () => {
    const other = await anotherDoor({ enableReflection: true });
    const services = await ask(other, 7, '*');
    for (const name of ['KV', 'Watch', 'Lease', 'Cluster', 'Maintenance', 'Auth']) {
      expect(services).toContain(`etcdserverpb.${name}`);
    }
    const files = await ask(other, 4, 'etcdserverpb.KV');
    for (const word of ['range_end', 'mvccpb', 'ResponseHeader']) expect(files).toContain(word);
  });
});

describe('listening', () => {
  it('serves on every address, with the ports that were taken', async () => {
    const listen = [0, 0].map((port) => ({ host: '127.0.0.1', port }));
    const other = await anotherDoor({ listen });
    const ports = other.server.addresses.map(({ port }) => port);
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      await new Promise<void>((resolve, reject) => {
        client.waitForReady(Date.now() + 5000, (error) => (error === undefined ? resolve() : reject(error)));
      });
      client.close();
    }
  });

  it('fails with the address and the cause, and then listens nowhere', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const taken = portOf(blocker.address());
    const free = await freePort();
    const listen = [free, taken].map((port) => ({ host: '127.0.0.1', port }));
    const error: unknown = await Door.open({ listen }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({
      message: expect.stringContaining(`127.0.0.1 port ${taken}`),
      cause: { code: 'EADDRINUSE' },
    });
    const again = createServer().listen(free, '127.0.0.1');
    await once(again, 'listening');
    again.close();
    blocker.close();
  });
});

describe('stopping', () => {
  it('lets what is in flight finish, and takes nothing new', async () => {
    const other = await anotherDoor();
    const release = createDeferred<void>();
    other.member.hold = release.promise;
    const inFlight = other.call(KVDefinition, put, putOfK);
    await expect.poll(() => other.member.asked.length).toBe(1);
    const stopped = other.server.stop(10_000);
    expect((await refusalOf(other.call(KVDefinition, put, putOfK))).code).toBe(14);
    release.resolve();
    expect((await inFlight).header).toEqual(wireHeader);
    await stopped;
    expect(other.member.asked).toHaveLength(1);
  });

  it('refuses with STOPPED what arrives on a connection that has not heard of it', async () => {
    const other = await anotherDoor();
    const release = createDeferred<void>();
    other.member.hold = release.promise;
    const session = connectHttp2(`http://127.0.0.1:${other.server.addresses[0]?.port}`);
    session.on('error', () => undefined);
    const stream = (): ReturnType<typeof session.request> =>
      session.request({ ':method': 'POST', ':path': '/etcdserverpb.KV/Range', 'content-type': 'application/grpc' });
    const held = stream();
    held.on('error', () => undefined);
    held.end(Buffer.from([0, 0, 0, 0, 3, 0x0a, 0x01, 0x6b]));
    const late = stream();
    late.on('error', () => undefined);
    late.write(Buffer.from([0, 0, 0, 0, 3]));
    await expect.poll(() => other.member.asked.length).toBe(1);
    const stopped = other.server.stop(2000);
    late.end(Buffer.from([0x0a, 0x01, 0x6b]));
    const [headers] = (await once(late, 'response')) as [Record<string, string>];
    expect(headers).toMatchObject({ 'grpc-status': '14', 'quorate-code': 'STOPPED' });
    release.resolve();
    held.close();
    await stopped;
    session.destroy();
  });

  it('cuts what is left after the grace period', async () => {
    const other = await anotherDoor();
    other.member.hold = createDeferred<void>().promise;
    const cut = refusalOf(other.call(KVDefinition, put, putOfK));
    await expect.poll(() => other.member.asked.length).toBe(1);
    await other.server.stop(50);
    expect((await cut).code).toBe(14);
  });
});

describe('a hostile client', () => {
  it.each([
    ['garbage', 'garbage garbage garbage garbage garbage\r\n\r\n'],
    ['HTTP/1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a preface and garbage', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'],
  ])('that sends %s loses its connection and nothing else', async (_, bytes) => {
    const socket = connect(door.server.addresses[0]?.port ?? 0, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(Buffer.from(bytes, 'latin1'));
    socket.resume();
    await once(socket, 'close');
    await door.call(KVDefinition, put, putOfK);
  });

  it('that pings all the time without a request keeps its connection', async () => {
    const session = connectHttp2(`http://127.0.0.1:${door.server.addresses[0]?.port}`);
    await once(session, 'connect');
    let goaways = 0;
    session.on('goaway', () => {
      goaways += 1;
    });
    for (let n = 0; n < 200; n += 1) {
      await new Promise<void>((resolve, reject) => {
        session.ping((error) => (error === null ? resolve() : reject(error)));
      });
    }
    expect(goaways).toBe(0);
    expect(session.closed).toBe(false);
    session.destroy();
  });

  it('that breaks off inside a request costs nothing', async () => {
    const session = connectHttp2(`http://127.0.0.1:${door.server.addresses[0]?.port}`);
    session.on('error', () => undefined);
    const path = '/etcdserverpb.KV/Put';
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    stream.on('error', () => undefined);
    stream.write(Buffer.from([0, 0, 0, 1, 0, 0x0a]));
    stream.close();
    await once(stream, 'close');
    session.destroy();
    await door.call(KVDefinition, put, putOfK);
    expect(door.member.asked).toHaveLength(1);
  });
});

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return port;
}
