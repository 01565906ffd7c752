/** What a learner serves: its status and reads that may be old, and nothing else, as in etcd. */
import { type Client, Metadata } from '@grpc/grpc-js';
import { AuthDefinition } from '@quorate/proto/etcd/auth.js';
import { ClusterDefinition } from '@quorate/proto/etcd/cluster.js';
import { ElectionDefinition } from '@quorate/proto/etcd/election.js';
import { KVDefinition, RangeRequest } from '@quorate/proto/etcd/kv.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { MaintenanceDefinition } from '@quorate/proto/etcd/maintenance.js';
import { WatchDefinition } from '@quorate/proto/etcd/watch.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOn, OpenStream } from './call-on.js';
import { refusalOf } from './door.js';
import { serveMember, type ServedMember } from './served-member.js';

let member: ServedMember;
let client: Client;
beforeAll(async () => {
  member = await serveMember({ voters: 3, isLearner: true });
  client = member.connect();
});
afterAll(() => member.close());

const nothing = Buffer.alloc(0);
const refused = { code: 9, text: 'etcdserver: rpc not supported for learner', quorateCode: 'NOT_ON_LEARNER' };
const services = [
  KVDefinition,
  WatchDefinition,
  LeaseDefinition,
  LockDefinition,
  ElectionDefinition,
  ClusterDefinition,
  MaintenanceDefinition,
  AuthDefinition,
];
const methods = services.flatMap(({ fullName, methods: all }) =>
  Object.values(all).map(({ name, requestStream, responseStream }) => ({
    path: `/${fullName}/${name}`,
    requestStream,
    responseStream,
  })),
);
const { range } = KVDefinition.methods;
const { status } = MaintenanceDefinition.methods;

describe('a learner', () => {
  it.each(methods.filter(({ path }) => !path.endsWith('/Status')))(
    'refuses $path',
    async ({ path, requestStream, responseStream }) => {
      const metadata = new Metadata();
      // It has no leader either: that is not what it says.
      metadata.set('hasleader', 'true');
      const call = OpenStream.ofKind({ requestStream, responseStream }, client, path, nothing, metadata);
      const { quorateCode, ...refusal } = await call.ended;
      // What no member serves is refused as that.
      if (quorateCode !== 'UNIMPLEMENTED') expect({ ...refusal, quorateCode }).toEqual(refused);
    },
  );

  it('tells its status', async () => {
    expect(await callOn(client, MaintenanceDefinition, status, {})).toMatchObject({ isLearner: true });
  });

  it('serves reads that may be old, and only those', async () => {
    const request = RangeRequest.fromPartial({ key: Buffer.from('k') });
    expect(await refusalOf(callOn(client, KVDefinition, range, request))).toMatchObject(refused);
    const old = await callOn(client, KVDefinition, range, { ...request, serializable: true });
    expect(old.header?.memberId).toBe(1n);
  });

  it('says first that a request is no message', async () => {
    const call = OpenStream.ofKind({}, client, '/etcdserverpb.KV/Put', Buffer.from([0xff]));
    expect(await call.ended).toMatchObject({ code: 13 });
  });
});
