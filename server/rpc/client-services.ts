/** Everything that clients may ask of this member, on whatever carries their calls; and how it comes to an end. */
import { ClusterDefinition } from '@quorate/proto/etcd/cluster.js';
import { ElectionDefinition } from '@quorate/proto/etcd/election.js';
import { KVDefinition } from '@quorate/proto/etcd/kv.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { MaintenanceDefinition } from '@quorate/proto/etcd/maintenance.js';
import { WatchDefinition } from '@quorate/proto/etcd/watch.js';
import { CoordinationDefinition } from '@quorate/proto/quorate/v1/coordination.js';
import { SessionDefinition } from '@quorate/proto/quorate/v1/session.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { Random } from '../lib/random.js';
import type { GrantMember } from '../node/grant-member.js';
import type { LeaseMember } from '../node/lease-member.js';
import type { Member, WatchSource } from '../node/member.js';
import type { SessionMember } from '../node/session-member.js';
import type { Carrier, UnaryCarrier } from './carrier.js';
import { serveCluster } from './cluster-service.js';
import { serveCoordination } from './coordination-service.js';
import { serveElections } from './election-service.js';
import { serveKv } from './kv-service.js';
import { LeaderLoss } from './leader-loss.js';
import { serveLeases } from './lease-service.js';
import { serveLocks } from './lock-service.js';
import { LongCalls } from './long-calls.js';
import { serveMaintenance } from './maintenance-service.js';
import { RequestGate } from './request-gate.js';
import type { SessionSource } from './session-port.js';
import { serveSessions } from './session-service.js';
import { MemberSessions } from './session-source.js';
import { StreamEnds } from './stream-ends.js';
import { UnaryCalls } from './unary-calls.js';
import { serveWatches } from './watch-service.js';

export interface ClientServicesOptions {
  readonly member: Member;
  readonly leases: LeaseMember;
  readonly watches: WatchSource;
  readonly sessions: SessionMember;
  readonly grants: GrantMember;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of a request that writes. A message may be larger by receiveOverheadBytes before gRPC itself refuses it. */
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly electionMs: number;
  /** How long a watcher that wants to know is told nothing before it is told its progress. */
  readonly watchProgressIntervalMs: number;
}

export interface ClientServices {
  readonly sessions: SessionSource;
  /** Refuses new requests with STOPPED and ends what waits; resolves when the rest is answered. */
  stop(): Promise<void>;
}

/** etcd's rule, so that a request which is a little too large gets etcd's own error and not gRPC's. */
export const receiveOverheadBytes = 512 * 1024;

export const servedServices = [
  KVDefinition,
  WatchDefinition,
  LeaseDefinition,
  LockDefinition,
  ElectionDefinition,
  ClusterDefinition,
  MaintenanceDefinition,
  SessionDefinition,
  CoordinationDefinition,
];

export function serveClients(server: Carrier, direct: UnaryCarrier, options: ClientServicesOptions): ClientServices {
  const { member, leases, watches, clock, logger } = options;
  const gate = new RequestGate();
  const longCalls = new LongCalls();
  const leaderLoss = new LeaderLoss(member, clock, options.electionMs);
  const ends = new StreamEnds(member, longCalls, leaderLoss);
  const calls = new UnaryCalls({ server, direct, gate, longCalls, member, clock, logger });
  serveKv(calls, member, options);
  serveLeases(calls, leases, { server, gate, ends, logger });
  const recipe = { kv: member, watches, leases };
  serveLocks(calls, recipe, options);
  const header = (revision: number) => watches.header(revision);
  serveElections(calls, { ...recipe, server, ends, logger, header }, options);
  serveCoordination(calls, { grants: options.grants, server, ends, logger }, options);
  serveCluster(calls, member);
  serveMaintenance(calls, member);
  serveWatches({
    server,
    source: watches,
    clock,
    random: options.random,
    progressIntervalMs: options.watchProgressIntervalMs,
    ends,
    fragmentBytes: options.maxRequestBytes + receiveOverheadBytes,
  });
  const sessions = new MemberSessions({ ...options, gate, longCalls, limits: options });
  serveSessions(server, sessions);
  return {
    sessions,
    stop() {
      const idle = gate.close();
      longCalls.stop();
      leaderLoss.stop();
      return idle;
    },
  };
}
