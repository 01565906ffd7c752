/** A leader that must not go on passes its office to the member that can take it up at once. */
import type { Raft } from '../raft/raft.js';
import type { NodeId } from '../raft/types.js';
import type { NodeParts } from './node-parts.js';

export interface HandOverSteps {
  readonly transfer: (to: NodeId) => void;
  /** Resolves once `holds`, or after `timeoutMs`. */
  readonly until: (holds: () => boolean, timeoutMs: number) => Promise<void>;
}

/** Resolves when another one leads, or after an election timeout. */
export async function handOver(
  raft: Raft,
  { options, logger }: Pick<NodeParts, 'options' | 'logger'>,
  { transfer, until }: HandOverSteps,
): Promise<void> {
  if (raft.role !== 'leader' || raft.conf.voters.length === 1) return;
  // Once in an election timeout a leader forgets who is there, until the next heartbeat is answered.
  await until(() => successorOf(raft) !== undefined, 2 * options.heartbeatMs);
  const to = successorOf(raft);
  if (to === undefined) return;
  logger.info('handing leadership over', { to });
  transfer(to);
  await until(() => raft.role !== 'leader' && raft.leader !== 0n, options.electionMs);
}

/** The voter that is there and has most of the log. */
function successorOf(raft: Raft): NodeId | undefined {
  const { peers, conf, id } = raft.status();
  const others = peers.filter((peer) => peer.id !== id && conf.voters.includes(peer.id) && peer.recentActive);
  return others.sort((a, b) => b.match - a.match)[0]?.id;
}
