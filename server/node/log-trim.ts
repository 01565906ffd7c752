/**
 * How far the log is trimmed. Pure: it looks at where everybody stands and names an index. A tail is kept for members
 * that are briefly slow, all of it for those on their way, and neither when the log would grow out of its limits.
 */
import type { PeerStatus } from '../raft/raft.js';
import type { LogIndex } from '../raft/types.js';
import { LIMITS } from './limits.js';

export interface LogView {
  /** The log begins after it. */
  readonly startIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly logBytes: number;
  /** Empty unless this member leads. */
  readonly peers: readonly Pick<PeerStatus, 'match' | 'mode' | 'recentActive'>[];
}

export interface NeededLog {
  /** State up to here survives a crash. */
  readonly durableIndex: LogIndex;
  /** The oldest entry that a snapshot transfer under way will need next; Infinity when none is. */
  readonly neededIndex: LogIndex;
}

export interface TrimOptions {
  readonly snapshotCount: number;
  readonly snapshotCatchUpEntries: number;
}

/** The new start of the log; undefined when it stays as it is. */
export function trimTarget(log: LogView, needed: NeededLog, options: TrimOptions): LogIndex | undefined {
  const { startIndex, lastIndex, logBytes } = log;
  const { durableIndex, neededIndex } = needed;
  const isFull = logBytes > LIMITS.logBytesMax || lastIndex - startIndex > LIMITS.logEntriesMax;
  if (durableIndex - startIndex <= options.snapshotCount && !isFull) return undefined;
  const wanted = Math.min(durableIndex - options.snapshotCatchUpEntries, neededIndex);
  const kept = Math.min(wanted, ...log.peers.filter(isOnItsWay).map(({ match }) => match));
  // The older half goes, whoever needs it: what is left serves everybody who is not too far behind.
  const half = Math.min(startIndex + Math.ceil((durableIndex - startIndex) / 2), neededIndex);
  const target = isFull ? Math.max(kept, half) : kept;
  return target > startIndex ? target : undefined;
}

/** Catching up must not end in another snapshot. A new leader does not know yet where a peer stands: match is 0 then. */
function isOnItsWay({ mode, recentActive }: LogView['peers'][number]): boolean {
  return recentActive && mode !== 'snapshot';
}
