/**
 * The client door: etcd's services on every address that clients may use, with a limit on whatever a client can make
 * this member hold. Starts and stops; what requests mean is the services' business.
 */
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { AuthDefinition } from '@quorate/proto/etcd/auth.js';
import { ClusterDefinition } from '@quorate/proto/etcd/cluster.js';
import { ElectionDefinition } from '@quorate/proto/etcd/election.js';
import { KVDefinition } from '@quorate/proto/etcd/kv.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { MaintenanceDefinition } from '@quorate/proto/etcd/maintenance.js';
import { WatchDefinition } from '@quorate/proto/etcd/watch.js';
import { SessionDefinition } from '@quorate/proto/quorate/v1/session.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { Random } from '../lib/random.js';
import type { LeaseMember } from '../node/lease-member.js';
import type { Member, WatchSource } from '../node/member.js';
import type { SessionMember } from '../node/session-member.js';
import { serveCluster } from './cluster-service.js';
import { DirectCalls } from './direct-calls.js';
import { Health } from './health.js';
import { serveKv } from './kv-service.js';
import { LeaderLoss } from './leader-loss.js';
import { serveLeases } from './lease-service.js';
import { Listeners, type ListenAddress } from './listeners.js';
import { serveElections } from './election-service.js';
import { serveLocks } from './lock-service.js';
import { LongCalls } from './long-calls.js';
import { serveMaintenance } from './maintenance-service.js';
import { serveReflection } from './reflection.js';
import { RequestGate } from './request-gate.js';
import type { SessionSource } from './session-port.js';
import { serveSessions } from './session-service.js';
import { MemberSessions } from './session-source.js';
import { StreamEnds } from './stream-ends.js';
import { UnaryCalls } from './unary-calls.js';
import { refuseOtherMethods } from './unimplemented.js';
import { serveWatches } from './watch-service.js';

export interface ClientServerOptions {
  readonly member: Member;
  readonly leases: LeaseMember;
  readonly watches: WatchSource;
  readonly sessions: SessionMember;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly listen: readonly ListenAddress[];
  /** Of a request that writes. A message may be larger by receiveOverheadBytes before gRPC itself refuses it. */
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly electionMs: number;
  readonly enableReflection: boolean;
  /** How long a watcher that wants to know is told nothing before it is told its progress. */
  readonly watchProgressIntervalMs: number;
}

export interface ClientServer {
  /** What clients of sessions reach over gRPC, for whoever reaches this member without it. */
  readonly sessions: SessionSource;
  /** In the order of `listen`, with the ports that were really taken. */
  readonly addresses: readonly ListenAddress[];
  /** Refuses new requests with STOPPED, lets those in flight finish for `graceMs`, then cuts what is left. Idempotent. */
  stop(graceMs: number): Promise<void>;
}

/** etcd's rule, so that a request which is a little too large gets etcd's own error and not gRPC's. */
export const receiveOverheadBytes = 512 * 1024;
/** On one connection. Watches are streams too, and some clients open one for each: far above what they need. */
export const streamsPerConnectionMax = 16_384;
/** A connection that answers no ping for so long is dead, or never spoke HTTP/2: its streams and memory are freed. */
const keepaliveMs = { interval: 30_000, timeout: 20_000 } as const;
/** After the last request was answered: time for the answers to leave and for clients to hang up. */
const lingerMs = 250;

const servedServices = [
  KVDefinition,
  WatchDefinition,
  LeaseDefinition,
  LockDefinition,
  ElectionDefinition,
  ClusterDefinition,
  MaintenanceDefinition,
  SessionDefinition,
];
const knownServices = [...servedServices, AuthDefinition];

/** Rejects with ListenError when an address cannot be taken; then nothing is left behind. */
export async function startClientServer(options: ClientServerOptions): Promise<ClientServer> {
  const { member, clock, logger } = options;
  const receiveBytesMax = options.maxRequestBytes + receiveOverheadBytes;
  const server = new Server(serverOptions(receiveBytesMax));
  const gate = new RequestGate();
  const longCalls = new LongCalls();
  const direct = new DirectCalls({ clock, receiveBytesMax });
  const leaderLoss = new LeaderLoss(member, clock, options.electionMs);
  const ends = new StreamEnds(member, longCalls, leaderLoss);
  const calls = new UnaryCalls({ server, direct, gate, longCalls, member, clock, logger });
  serveKv(calls, member, options);
  const { leases, watches } = options;
  serveLeases(calls, leases, { server, gate, ends, logger });
  const recipe = { kv: member, watches, leases };
  serveLocks(calls, recipe, options);
  const header = (revision: number) => watches.header(revision);
  serveElections(calls, { ...recipe, server, ends, logger, header }, options);
  serveCluster(calls, member);
  serveMaintenance(calls, member);
  serveWatches({
    server,
    source: watches,
    clock,
    random: options.random,
    progressIntervalMs: options.watchProgressIntervalMs,
    ends,
    fragmentBytes: receiveBytesMax,
  });
  const sessions = new MemberSessions({ ...options, gate, longCalls, limits: options });
  serveSessions(server, sessions);
  for (const service of knownServices) refuseOtherMethods(server, service);
  const health = new Health(
    server,
    member,
    servedServices.map(({ fullName }) => fullName),
  );
  if (options.enableReflection) serveReflection(server);

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  direct.attach(server);
  const listeners = new Listeners({ clock, logger, onConnection: (socket) => injector.injectConnection(socket) });
  try {
    const addresses = await listeners.listen(options.listen);
    let stopped: Promise<void> | undefined;
    return { addresses, sessions, stop: (graceMs) => (stopped ??= stop(graceMs)) };
  } catch (error) {
    server.forceShutdown();
    throw error;
  }

  async function stop(graceMs: number): Promise<void> {
    listeners.stopListening();
    health.stop();
    const idle = gate.close();
    longCalls.stop();
    leaderLoss.stop();
    // Tells every client to go elsewhere; a connection ends by itself when its last stream has ended. Not drain(),
    // which ends what is left with CANCELLED: to the client it must look like a lost connection.
    injector.destroy();
    await before(clock, graceMs, idle);
    // What is left then are clients that do not hang up.
    await before(clock, lingerMs, listeners.allClosed());
    listeners.destroyConnections();
    server.forceShutdown();
  }
}

function serverOptions(receiveBytesMax: number): ServerOptions {
  return {
    'grpc.max_receive_message_length': receiveBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': streamsPerConnectionMax,
    'grpc.keepalive_time_ms': keepaliveMs.interval,
    'grpc.keepalive_timeout_ms': keepaliveMs.timeout,
    'grpc.enable_channelz': 0,
  };
}

/** Waits for `event`, but not longer than `ms`. */
function before(clock: Clock, ms: number, event: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(resolve, ms);
    void event.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
