/**
 * Everything that decides what a member will do, as one text: equal texts, equal futures. Save ids are counted from the
 * newest one backwards, since only their order matters.
 *
 * Some of it is only learnt by a question that changes the member. It is asked all the same: a member whose fingerprint
 * was taken is of no further use.
 */
import type { Core } from '../../../server/raft/core.js';
import { describeConf, describeEntry, describeHardState, describeMessage } from '../../../server/raft/describe.js';
import type { Progress } from '../../../server/raft/progress.js';
import type { Entry, LogIndex } from '../../../server/raft/types.js';
import type { DiskImage } from '../../raft/fake-disk.js';
import type { Member, PendingSave } from './member.js';

export function takeFingerprint(member: Member): string {
  const { core, saving, disk, handedHardState, durableHardState, lastSaveId } = member;
  return [
    describeCore(core),
    describeLog(core),
    ...sortedById(core.progress).map(([id, progress]) => `${id} ${describeProgress(progress, core.log.lastIndex)}`),
    `handed ${describeHardState(handedHardState)} durable ${describeHardState(durableHardState)}`,
    ...saving.map((save) => describeSave(save, lastSaveId)),
    `synced ${describeImage(disk.durable)}`,
    `written ${describeImage(disk.written)}`,
    `stable after saves ${saving.map(({ saveId }) => stableAfter(core, saveId)).join(' ')}`,
  ].join('\n');
}

function describeCore(core: Core): string {
  return [
    `${core.id} ${core.role} term=${core.term} vote=${core.vote} leader=${core.leader}`,
    `elapsed=${core.electionElapsed}/${core.electionTimeout} ${core.heartbeatElapsed} ${core.transferElapsed}`,
    `transferee=${core.transferee} uncommitted=${core.uncommittedBytes}`,
    `votes=${sortedById(core.votes)
      .map(([id, granted]) => `${id}:${granted}`)
      .join(' ')}`,
    `reads=${core.rounds.waiting} ${core.forwardedReads.size} ${core.reads.length} ${core.droppedReads.length}`,
    `out=${core.messages.length} ${core.afterSave.length} ${core.snapshot !== undefined}`,
  ].join(' ');
}

/** Configurations need no line of their own: they are those of the first one and the entries. */
function describeLog({ log }: Core): string {
  const { startIndex, appliedIndex, commitIndex, stableIndex, handedIndex } = log;
  const entries = describeEntries(log.slice(startIndex + 1, Infinity));
  return `log ${startIndex} ${appliedIndex} ${commitIndex} ${stableIndex} ${handedIndex}: ${entries}`;
}

function describeProgress(progress: Progress, lastIndex: LogIndex): string {
  const { mode, match, next, probeSent, recentActive, sentCommit } = progress;
  const inflights: string[] = [];
  for (let index = match; index <= lastIndex; index += 1) {
    progress.acknowledged(index);
    inflights.push(`${progress.inflightCount}/${progress.inflightBytes}`);
  }
  return `${mode} ${match} ${next} ${probeSent} ${recentActive} ${sentCommit} inflight ${inflights.join(' ')}`;
}

function describeSave(save: PendingSave, lastSaveId: number): string {
  const hardState = save.hardState === undefined ? '' : describeHardState(save.hardState);
  const messages = save.afterSave.map(describeMessage).sort().join(', ');
  return `save -${lastSaveId - save.saveId} ${hardState} ${save.mustSync} ${describeEntries(save.entries)} then ${messages}`;
}

function describeImage(image: DiskImage): string {
  const { hardState, start, appliedIndex, entries } = image;
  return `${describeHardState(hardState)} ${start.index} ${describeConf(start.conf)} ${appliedIndex}: ${describeEntries(entries)}`;
}

function describeEntries(entries: readonly Entry[]): string {
  return entries.map(describeEntry).join(', ');
}

function stableAfter(core: Core, saveId: number): LogIndex {
  core.log.saved(saveId);
  return core.log.stableIndex;
}

function sortedById<T>(map: ReadonlyMap<bigint, T>): [bigint, T][] {
  return [...map].sort(([a], [b]) => Number(a - b));
}
