/** A real member on a disk in memory behind the client door, on real time: for what a fake cannot answer. */
import { Client, credentials } from '@grpc/grpc-js';
import { systemClock } from '../../server/lib/clock.js';
import { silentLogger } from '../../server/lib/logger.js';
import { seededRandom } from '../../server/lib/random.js';
import { KvMember } from '../../server/node/kv-member.js';
import { NodeGrantMember } from '../../server/node/grant-member.js';
import { NodeLeaseMember } from '../../server/node/lease-member.js';
import { RaftNode } from '../../server/node/raft-node.js';
import { NodeSessionMember } from '../../server/node/session-member.js';
import { rebuildState } from '../../server/node/rebuild.js';
import { type ClientServer, type ClientServerOptions, startClientServer } from '../../server/rpc/client-server.js';
import { MemoryIdentityFile } from '../../server/storage/identity.js';
import { MemoryDisk } from '../../server/storage/memory-disk.js';
import { MemoryEngine } from '../../server/storage/memory-engine.js';
import { openMemberStore } from '../../server/storage/open-member-store.js';
import { TEST_OPTIONS } from '../node/node-cluster.js';

export interface ServedMember {
  readonly kv: KvMember;
  readonly leases: NodeLeaseMember;
  readonly node: RaftNode;
  readonly server: ClientServer;
  readonly port: number;
  connect(): Client;
  close(): Promise<void>;
}

export interface ServedOptions extends Partial<ClientServerOptions> {
  /** How many voters there are, of which only this one runs; default 1. */
  readonly voters?: number;
  /** This member learns, and none of the voters runs. */
  readonly isLearner?: boolean;
}

const electionMs = 200;

export async function serveMember({
  voters = 1,
  isLearner = false,
  ...options
}: ServedOptions = {}): Promise<ServedMember> {
  const ids = Array.from({ length: voters }, (_, at) => BigInt(at + 1));
  const store = await openMemberStore({
    engine: new MemoryEngine(new MemoryDisk()),
    identityFile: new MemoryIdentityFile(),
    identity: { clusterId: 0xc1n, memberId: 1n },
    bootstrap: {
      conf: isLearner ? { voters: ids.slice(1), learners: [1n] } : { voters: ids, learners: [] },
      members: ids.map((id) => ({ id, name: `m${id}`, peerUrls: [], clientUrls: [] })),
    },
  });
  const node = new RaftNode({
    store,
    loaded: await store.load(),
    machine: await rebuildState(store),
    rebuild: () => rebuildState(store),
    transport: {
      start: async () => undefined,
      send: () => undefined,
      sendSnapshot: () => Promise.reject(new Error('nobody is there')),
      stop: async () => undefined,
    },
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
    options: { ...TEST_OPTIONS, heartbeatMs: 20, electionMs, checkInvariants: false },
  });
  const kv = new KvMember(node, store, systemClock, 0xc1n);
  const leases = new NodeLeaseMember({
    node,
    clock: systemClock,
    random: seededRandom(3),
    clusterId: 0xc1n,
    electionMs,
  });
  const server = await startClientServer({
    member: kv,
    watches: kv,
    leases,
    sessions: new NodeSessionMember({ node, store, clock: systemClock, clusterId: 0xc1n, kv, leases }),
    grants: new NodeGrantMember({ node, clock: systemClock, clusterId: 0xc1n }),
    clock: systemClock,
    random: seededRandom(2),
    logger: silentLogger,
    listen: [{ host: '127.0.0.1', port: 0 }],
    maxRequestBytes: 1_572_864,
    maxTxnOps: 128,
    enableReflection: false,
    electionMs,
    watchProgressIntervalMs: 600_000,
    ...options,
  });
  await node.start();
  if (voters === 1) await new Promise<void>((resolve) => node.onReadyChange((isReady) => isReady && resolve()));
  const port = server.addresses[0]?.port ?? 0;
  const clients: Client[] = [];
  return {
    kv,
    leases,
    node,
    server,
    port,
    connect() {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
        'grpc.max_receive_message_length': -1,
        'grpc.max_send_message_length': -1,
        'grpc.use_local_subchannel_pool': 1,
      });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await server.stop(100);
      await node.stop();
    },
  };
}
