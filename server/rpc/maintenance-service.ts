/** etcdserverpb.Maintenance: the state of this member, and hashes that prove members equal. */
import { MaintenanceDefinition } from '@quorate/proto/etcd/maintenance.js';
import { clampedInteger } from '../lib/integers.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Member, MemberStatus } from '../node/member.js';
import { wireErrors } from './errors.js';
import { headerToWire } from './kv-answer.js';
import type { UnaryCalls } from './unary-calls.js';

/**
 * The release of etcd whose API is served. Clients choose features by it and parse it as three plain integers, so it
 * is never a version of ours.
 */
export const etcdApiVersion = '3.5.30';

export function serveMaintenance(calls: UnaryCalls, member: Member): void {
  const { status, hash, hashKV } = MaintenanceDefinition.methods;

  calls.serve(MaintenanceDefinition, status, async () => statusToWire(await member.status()), {
    isForLearners: () => true,
  });

  calls.serve(MaintenanceDefinition, hash, async (_, context) => {
    const answer = await member.hash(context.abortable());
    return { header: headerToWire(answer.header), hash: answer.hash };
  });

  calls.serve(MaintenanceDefinition, hashKV, async (request, context) => {
    const revision = clampedInteger(request.revision);
    if (revision < 0) throw new QuorateError('INVALID_REVISION', `${request.revision} is below 0`);
    const answer = await member.hashKv(revision, context.abortable());
    return {
      header: headerToWire(answer.header),
      hash: answer.hash,
      compactRevision: BigInt(answer.compactRevision),
      hashRevision: BigInt(answer.hashRevision),
    };
  });
}

function statusToWire(status: MemberStatus) {
  return {
    header: headerToWire(status.header),
    version: etcdApiVersion,
    dbSize: BigInt(status.allocatedBytes),
    leader: status.leader,
    raftIndex: BigInt(status.commitIndex),
    raftTerm: BigInt(status.header.raftTerm),
    raftAppliedIndex: BigInt(status.appliedIndex),
    errors: status.leader === 0n ? [wireErrors.NO_LEADER.text] : [],
    dbSizeInUse: BigInt(status.liveBytes),
    isLearner: status.isLearner,
    storageVersion: '',
    dbSizeQuota: 0n,
    downgradeInfo: undefined,
  };
}
