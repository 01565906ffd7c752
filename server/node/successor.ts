/** To whom a leader hands over: the voter that is there and has most of the log. */
import type { RaftStatus } from '../raft/raft.js';
import type { NodeId } from '../raft/types.js';

export function successorOf({ peers, conf, id }: RaftStatus): NodeId | undefined {
  const others = peers.filter((peer) => peer.id !== id && conf.voters.includes(peer.id) && peer.recentActive);
  return others.sort((a, b) => b.match - a.match)[0]?.id;
}
