/** What every member does for others: vote, take appends and heartbeats, take snapshots. */
import { assert } from '../lib/assert.js';
import { type Core, NO_NODE } from './core.js';
import type { AppendRequest, EntryId, Heartbeat, InstallSnapshot, LogIndex, VoteRequest } from './types.js';

/** `message.term` is this member's own, or for a pre-vote possibly a later one. */
export function handleVoteRequest(core: Core, message: VoteRequest): void {
  const { from, pre, transfer } = message;
  const isFree =
    core.vote === from || (core.vote === NO_NODE && core.leader === NO_NODE) || (pre && message.term > core.term);
  const isProtected = pre && !transfer && core.hasLiveLeader;
  const isUpToDate = core.log.isUpToDate({ term: message.lastTerm, index: message.lastIndex });
  const granted = isFree && !isProtected && isUpToDate;
  // A granted pre-vote answers in the term asked about, everything else in this member's own.
  const term = pre && granted ? message.term : core.term;
  const response = { type: 'voteResponse', from: core.id, to: from, term, pre, granted } as const;
  if (pre) {
    core.send(response);
    return;
  }
  if (granted) {
    core.electionElapsed = 0;
    core.vote = from;
  }
  core.sendAfterSave(response);
}

/** A leader of this term spoke: whoever this member was, it follows. */
export function followLeader(core: Core, leader: bigint): void {
  assert(core.role !== 'leader', 'two leaders in one term', { term: core.term, other: leader });
  if (core.role !== 'follower' || core.leader !== leader) {
    assert(core.leader === NO_NODE || core.leader === leader, 'two leaders in one term', { term: core.term, leader });
    core.becomeFollower(core.term, leader);
  }
  core.electionElapsed = 0;
}

export function handleAppendRequest(core: Core, message: AppendRequest): void {
  const { log } = core;
  const { commitIndex } = log;
  assertCommittedAgree(core, [{ term: message.prevTerm, index: message.prevIndex }, ...message.entries]);
  if (message.prevIndex >= commitIndex && !log.matches({ term: message.prevTerm, index: message.prevIndex })) {
    reject(core, message);
    return;
  }
  // Up to the commit index the logs are equal by definition, also where the entries are trimmed away here.
  const entries = message.entries.filter((entry) => entry.index > commitIndex);
  const fresh = log.findNew(entries);
  if (fresh !== undefined) {
    // Raft §5.3: only a conflict removes anything; a short, late append must not cut what follows it.
    if (fresh.index <= log.lastIndex) core.truncateAfter(fresh.index - 1);
    for (const entry of entries) if (entry.index >= fresh.index) core.append(entry);
  }
  const lastNew = Math.max(message.prevIndex + message.entries.length, commitIndex);
  log.commitTo(Math.min(message.commit, lastNew));
  accept(core, message.from, lastNew);
}

/**
 * What is committed is the same everywhere, so a leader that says otherwise means that a disk was lost or lies. Going on
 * would make the members differ for good.
 */
function assertCommittedAgree(core: Core, ids: readonly EntryId[]): void {
  const { log } = core;
  for (const { term, index } of ids) {
    if (index > log.commitIndex) return;
    const own = log.termAt(index);
    assert(own === undefined || own === term, 'a leader contradicts a committed entry', { index, term, own });
  }
}

function accept(core: Core, to: bigint, index: LogIndex): void {
  const { id: from, term } = core;
  core.sendAfterSave({
    type: 'appendResponse',
    from,
    to,
    term,
    accepted: true,
    index,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/**
 * Names the last place where the logs can still agree, so that the leader skips a conflicting term in one step:
 *
 *     leader    1 1 1 4 4 5 5 6 6      asks about prev (6, term 5)
 *     follower  1 1 1 2 2 2 3 3 3      answers (6, term 2): the leader goes on at the last entry of term <= 2, index 3
 */
function reject(core: Core, message: AppendRequest): void {
  const hint = core.log.findTermAtMost(message.prevIndex, message.prevTerm);
  core.send({
    type: 'appendResponse',
    from: core.id,
    to: message.from,
    term: core.term,
    accepted: false,
    index: message.prevIndex,
    hintIndex: hint.index,
    hintTerm: hint.term,
  });
}

export function handleHeartbeat(core: Core, message: Heartbeat): void {
  core.log.commitTo(message.commit);
  core.send({
    type: 'heartbeatResponse',
    from: core.id,
    to: message.from,
    term: core.term,
    readToken: message.readToken,
  });
}

/** The snapshot is complete and durable beside the live state; here it is decided whether it becomes the state. */
export function handleInstallSnapshot(core: Core, message: InstallSnapshot): void {
  const { log } = core;
  const { meta } = message;
  assert(meta.conf.voters.length > 0, 'a snapshot tells who votes', { from: message.from, index: meta.index });
  if (meta.index > log.commitIndex && !log.matches(meta)) {
    log.restore(meta);
    core.membership.reset({ index: meta.index, conf: meta.conf });
    core.snapshot = meta;
    accept(core, message.from, meta.index);
    return;
  }
  assertCommittedAgree(core, [meta]);
  // The log got there by itself: keep it.
  log.commitTo(meta.index);
  accept(core, message.from, log.commitIndex);
}
