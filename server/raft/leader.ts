/** What a leader does: append, replicate, commit, confirm reads, hand over. */
import { assert } from '../lib/assert.js';
import { type Core, NO_NODE } from './core.js';
import { entryBytes } from './log.js';
import { isVoter, membersOf } from './membership.js';
import { Progress } from './progress.js';
import { isQuorum, quorumIndex } from './quorum.js';
import type {
  AppendResponse,
  ConfState,
  Entry,
  EntryId,
  HeartbeatResponse,
  NodeId,
  ReadIndexRequest,
} from './types.js';

const NO_DATA = new Uint8Array(0);

/**
 * Thesis §6.4: only an entry of its own term tells a new leader what is committed, so it appends one at once. The first
 * entry of all holds the configuration that the cluster began with. Otherwise a member that joins with an empty log
 * would know nothing of it, and pass that on with its snapshots.
 */
export function startLeading(core: Core): void {
  core.becomeLeader();
  syncProgress(core);
  const isFirst = core.log.lastIndex === 0;
  appendOwn(core, isFirst ? { kind: 'conf', data: NO_DATA, conf: core.conf } : { kind: 'noop', data: NO_DATA });
}

type Payload =
  | { readonly kind: 'normal' | 'noop'; readonly data: Uint8Array }
  | { readonly kind: 'conf'; readonly data: Uint8Array; readonly conf: ConfState };

export function appendOwn(core: Core, payload: Payload): EntryId {
  const { term } = core;
  const index = core.log.lastIndex + 1;
  const { data } = payload;
  const entry: Entry =
    payload.kind === 'conf'
      ? { term, index, kind: payload.kind, data, conf: payload.conf }
      : { term, index, kind: payload.kind, data };
  core.append(entry);
  core.uncommittedBytes += entryBytes(entry);
  if (entry.kind === 'conf') syncProgress(core);
  return { term, index };
}

/** Progress exists for exactly the members of the current configuration. */
function syncProgress(core: Core): void {
  const members = membersOf(core.conf);
  for (const id of core.progress.keys()) if (!members.includes(id)) core.progress.delete(id);
  const limits = { messagesMax: core.config.inflightMessagesMax, bytesMax: core.config.inflightBytesMax };
  for (const id of members) {
    if (core.progress.has(id)) continue;
    const progress = new Progress(core.log.lastIndex + 1, limits);
    if (id === core.id) progress.acknowledged(core.log.stableIndex);
    // A new member is given one election timeout to be heard of.
    progress.recentActive = true;
    core.progress.set(id, progress);
  }
}

function forEachPeer(core: Core, visit: (id: NodeId, progress: Progress) => void): void {
  for (const id of membersOf(core.conf)) {
    const progress = core.progress.get(id);
    if (id !== core.id && progress !== undefined) visit(id, progress);
  }
}

export function tickLeader(core: Core): void {
  core.electionElapsed += 1;
  core.heartbeatElapsed += 1;
  core.transferElapsed += 1;
  if (core.transferElapsed >= core.config.electionTicks) core.transferee = NO_NODE;
  if (core.electionElapsed >= core.config.electionTicks) {
    core.electionElapsed = 0;
    if (!hasActiveQuorum(core)) {
      core.becomeFollower(core.term, NO_NODE);
      return;
    }
  }
  if (core.heartbeatElapsed >= core.config.heartbeatTicks) broadcastHeartbeat(core);
}

/** CheckQuorum: a leader that no quorum has spoken to for an election timeout must assume that another one leads. */
function hasActiveQuorum(core: Core): boolean {
  const active = isQuorum(core.conf.voters, (id) => id === core.id || core.progress.get(id)?.recentActive === true);
  for (const progress of core.progress.values()) progress.recentActive = false;
  return active;
}

export function broadcastHeartbeat(core: Core): void {
  core.heartbeatElapsed = 0;
  forEachPeer(core, (to, progress) => {
    core.send({
      type: 'heartbeat',
      from: core.id,
      to,
      term: core.term,
      // Never more than the peer is known to have: beyond its match its log may still conflict.
      commit: Math.min(progress.match, core.log.commitIndex),
      readToken: core.rounds.newest,
    });
  });
}

/** Sends every peer what it lacks, as far as its window allows, and news of the commit index. Called once per Ready. */
export function replicate(core: Core): void {
  forEachPeer(core, (to, progress) => {
    while (!progress.isPaused && progress.next <= core.log.lastIndex) {
      if (!sendAppend(core, to, progress)) return;
    }
    const commit = Math.min(progress.match, core.log.commitIndex);
    if (!progress.isPaused && progress.mode === 'replicate' && progress.sentCommit < commit) {
      sendAppend(core, to, progress);
    }
  });
}

/** False when the entries the peer needs are trimmed away: then it is asked to take a snapshot. */
function sendAppend(core: Core, to: NodeId, progress: Progress, isEmpty = false): boolean {
  const prevIndex = progress.next - 1;
  const prevTerm = core.log.termAt(prevIndex);
  if (prevTerm === undefined) {
    requestSnapshot(core, to, progress);
    return false;
  }
  const hasEntries = !isEmpty && progress.next <= core.log.lastIndex;
  const entries = hasEntries ? core.log.slice(progress.next, core.config.appendBytesMax) : [];
  const commit = core.log.commitIndex;
  core.send({ type: 'appendRequest', from: core.id, to, term: core.term, prevIndex, prevTerm, entries, commit });
  progress.sentCommit = commit;
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  progress.sent(prevIndex + entries.length, bytes);
  return true;
}

function requestSnapshot(core: Core, to: NodeId, progress: Progress): void {
  // A peer that is not there would only make the driver read the whole state for nothing.
  if (!progress.recentActive) return;
  progress.becomeSnapshot();
  const { startIndex: index, startTerm: term } = core.log;
  const meta = { index, term, conf: core.membership.at(index) };
  core.send({ type: 'installSnapshot', from: core.id, to, term: core.term, meta });
}

export function handleAppendResponse(core: Core, message: AppendResponse): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentActive = true;
  if (!message.accepted) {
    const hint = core.log.findTermAtMost(message.hintIndex, message.hintTerm);
    progress.rejected(message.index, hint.index);
    return;
  }
  const isNews = progress.acknowledged(message.index);
  if (progress.mode === 'probe') progress.becomeReplicate();
  // A peer in snapshot mode is back as soon as the log here continues what it has, whatever became of the transfer.
  if (progress.mode === 'snapshot' && progress.match >= core.log.startIndex) progress.becomeReplicate();
  if (!isNews) return;
  maybeCommit(core);
  maybeHandOver(core, message.from);
}

/** The leader's own disk has caught up: it counts itself like any other member (Thesis §10.2.1). */
export function handleOwnSave(core: Core): void {
  const progress = core.progress.get(core.id);
  if (progress?.acknowledged(core.log.stableIndex) === true) maybeCommit(core);
}

export function maybeCommit(core: Core): void {
  const index = quorumIndex(core.conf.voters, (id) => core.progress.get(id)?.match ?? 0);
  // Raft §5.4.2: entries of older terms are committed only through one of this leader's own term.
  if (index <= core.log.commitIndex || core.log.termAt(index) !== core.term) return;
  releaseUncommitted(core, index);
  core.log.commitTo(index);
  if (core.rounds.startHeld(index)) broadcastHeartbeat(core);
  confirmReads(core);
  // Thesis §4.2.2: a leader that is not part of the configuration any more leads until that is committed, no longer.
  if (!core.isVoter && core.membership.currentIndex <= index) {
    replicate(core);
    core.becomeFollower(core.term, NO_NODE);
  }
}

function releaseUncommitted(core: Core, index: number): void {
  for (const entry of core.log.slice(core.log.commitIndex + 1, Infinity, index)) {
    // Entries of earlier terms were never counted.
    if (entry.term === core.term) core.uncommittedBytes -= entryBytes(entry);
  }
  assert(core.uncommittedBytes >= 0, 'uncommitted bytes below zero', { bytes: core.uncommittedBytes });
}

export function handleHeartbeatResponse(core: Core, message: HeartbeatResponse): void {
  const progress = core.progress.get(message.from);
  if (progress === undefined) return;
  progress.recentActive = true;
  if (progress.match < core.log.lastIndex && progress.mode !== 'snapshot') nudge(core, message.from, progress);
  if (message.readToken > 0 && isVoter(core.conf, message.from)) {
    core.rounds.answered(message.from, message.readToken);
    confirmReads(core);
  }
}

/**
 * Lost appends would stay unnoticed when nothing follows them: in a quiet phase, behind a window that they keep full, or
 * when one of them was the probe. An empty append provokes an answer: accepted, replication goes on; rejected, a probe
 * starts. Empty, because a peer that is only slow answers heartbeats too, and must not get the same megabyte each time.
 */
function nudge(core: Core, to: NodeId, progress: Progress): void {
  if (progress.isPaused || progress.next > core.log.lastIndex) sendAppend(core, to, progress, true);
}

/** `from` is this member or a follower on whose behalf it asks. */
export function handleReadRequest(core: Core, from: NodeId, token: number): void {
  if (core.rounds.waiting >= core.config.pendingReadsMax) {
    if (from === core.id) core.droppedReads.push(token);
    return;
  }
  // Thesis §6.4: before an entry of its own term is committed, a leader does not know what is.
  if (core.log.termAt(core.log.commitIndex) !== core.term) {
    core.rounds.hold({ from, token });
    return;
  }
  core.rounds.start({ from, token }, core.log.commitIndex);
  broadcastHeartbeat(core);
  confirmReads(core);
}

export function handleReadIndexRequest(core: Core, message: ReadIndexRequest): void {
  handleReadRequest(core, message.from, message.token);
}

function confirmReads(core: Core): void {
  for (const read of core.rounds.takeConfirmed(core.conf.voters, core.id)) {
    const { from: to, token, index } = read;
    if (to === core.id) core.reads.push({ token, index });
    else core.send({ type: 'readIndexResponse', from: core.id, to, term: core.term, token, index });
  }
}

/**
 * False when `to` cannot take over: it is this member, a learner or unknown. Asking again, for whomever, does not give a
 * transfer under way more time, nor does it put off the quorum check: else a caller that insists could keep a leader
 * that is cut off, or one that takes no proposals.
 */
export function startTransfer(core: Core, to: NodeId): boolean {
  if (to === core.id || !isVoter(core.conf, to)) return false;
  if (core.transferee === NO_NODE) core.transferElapsed = 0;
  core.transferee = to;
  maybeHandOver(core, to);
  return true;
}

function maybeHandOver(core: Core, to: NodeId): void {
  if (core.transferee !== to || core.progress.get(to)?.match !== core.log.lastIndex) return;
  core.send({ type: 'timeoutNow', from: core.id, to, term: core.term });
}

/** The driver's stream to `from` broke: what was in flight is probably lost. */
export function handleUnreachable(core: Core, from: NodeId): void {
  const progress = core.progress.get(from);
  if (progress?.mode === 'replicate') progress.becomeProbe();
}

export function handleSnapshotEnded(core: Core, to: NodeId, index: number | undefined): void {
  core.progress.get(to)?.snapshotEnded(index);
}
