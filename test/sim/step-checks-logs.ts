/**
 * Logs on disks: they match wherever they hold the same entry, have no holes, never lose what is committed, and their
 * pointers are in order; the hard state never goes back; an append is durable before it is accepted. Each entry that
 * becomes durable is checked against the one before it, so whole logs match at every step by induction.
 */
import type { RaftNode } from '../../server/node/raft-node.js';
import { describeMessage } from '../../server/raft/describe.js';
import type { RaftStatus } from '../../server/raft/raft.js';
import type { PeerStatus } from '../../server/raft/raft.js';
import type { AppendResponse, LogIndex, NodeId, Term } from '../../server/raft/types.js';
import type { Committed } from './committed.js';
import type { DurableImage, LogChange } from './durable-image.js';
import type { Entries } from './entries.js';
import type { Report } from './check-report.js';

/** Pointers and votes of an image that were promised. */
interface Promised {
  readonly term: number;
  readonly vote: NodeId;
  readonly startIndex: number;
  readonly appliedIndex: number;
}

export class LogChecks {
  readonly #report: Report;
  readonly #committed: Committed;
  readonly #entries: Entries;
  readonly #promised = new Map<NodeId, Promised>();
  /** By leader and peer: what the leader of that term took the peer to hold. */
  readonly #matches = new Map<string, { readonly term: Term; readonly match: LogIndex }>();

  constructor(report: Report, committed: Committed, entries: Entries) {
    this.#report = report;
    this.#committed = committed;
    this.#entries = entries;
  }

  /** More of it is durable now. */
  synced(id: NodeId, image: DurableImage, changes: readonly LogChange[]): void {
    for (const { index, before } of changes) {
      if (index <= image.logStart.index) continue;
      const now = image.termAt(index);
      this.#checkKept(id, index, before, now);
      if (now !== undefined) this.#checkFollows(id, image, index);
    }
    this.#checkHardState(id, image);
  }

  /** The power went and came again; `before` is what was durable by then. */
  cut(id: NodeId, image: DurableImage, before: DurableImage): void {
    image.takeChanges();
    const { index: start } = image.logStart;
    for (let index = start + 1; index <= image.lastIndex; index += 1) this.#checkFollows(id, image, index);
    for (let index = start + 1; index <= Math.min(before.lastIndex, this.#committed.index); index += 1) {
      this.#checkKept(id, index, before.termAt(index), image.termAt(index));
    }
    this.#checkHardState(id, image);
    this.checkPointers(id, image);
  }

  accepted(message: AppendResponse, image: DurableImage): void {
    const { index, term } = message;
    if (image.lastIndex >= index && image.hardState.term >= term) return;
    this.#report('append-durable', `${describeMessage(message)} leaves before it is durable`);
  }

  /**
   * What a leader takes a peer to hold after its acknowledgement: raised by one of this term alone, and on that disk;
   * unless the peer has gone on to another leader, who may have replaced it.
   */
  matched({ id, core }: RaftNode, { id: peer, match }: PeerStatus, ack: AppendResponse, image: DurableImage): void {
    const key = `${id}/${peer}`;
    const known = this.#matches.get(key);
    const isRaised = known?.term !== core.term || known.match < match;
    this.#matches.set(key, { term: core.term, match });
    if (isRaised && match > 0 && ack.term < core.term) {
      this.#report('match-of-the-term', `m${id} leads term ${core.term} and believes ${describeMessage(ack)}`);
    }
    const term = core.termAt(match);
    if (term === undefined || image.hardState.term > core.term || image.holds({ index: match, term })) return;
    const { lastIndex } = image;
    this.#report(
      'match-durable',
      `m${id} takes m${peer} to hold ${term}/${match}, which holds ${image.termAt(lastIndex)}/${lastIndex}`,
    );
  }

  /** start <= applied <= last, and none of them goes back. */
  checkPointers(id: NodeId, image: DurableImage): void {
    if (!image.isBooted) return;
    const { logStart, lastIndex, applied } = image;
    const appliedIndex = applied?.index ?? -1;
    const before = this.#promised.get(id);
    const pointers = `start ${logStart.index}, applied ${appliedIndex}, last ${lastIndex}`;
    if (logStart.index > appliedIndex || appliedIndex > lastIndex) {
      this.#report('pointers-in-order', `on the disk of m${id}: ${pointers}`);
    }
    if (before !== undefined && (logStart.index < before.startIndex || appliedIndex < before.appliedIndex)) {
      const text = `start ${before.startIndex}, applied ${before.appliedIndex}`;
      this.#report('pointers-never-fall', `on the disk of m${id}: from ${text} to ${pointers}`);
    }
    const { term, vote } = image.hardState;
    this.#promised.set(id, { term, vote, startIndex: logStart.index, appliedIndex });
  }

  /** A member begins with all that is on its disk. */
  checkStart(id: NodeId, image: DurableImage, status: RaftStatus): void {
    const { hardState, logStart, lastIndex, applied } = image;
    const is = [status.term, status.vote, status.startIndex, status.lastIndex, status.appliedIndex];
    const should = [hardState.term, hardState.vote, logStart.index, lastIndex, applied?.index];
    if (is.join() === should.join()) return;
    this.#report('starts-from-disk', `m${id} starts with ${is.join(', ')}; on its disk are ${should.join(', ')}`);
  }

  #checkKept(id: NodeId, index: number, before: number | undefined, now: number | undefined): void {
    if (before === undefined || before === now || this.#committed.termAt(index) !== before) return;
    this.#report('committed-kept', `m${id} had committed entry ${before}/${index} on its disk, and has ${now} now`);
  }

  #checkFollows(id: NodeId, image: DurableImage, index: number): void {
    const term = image.termAt(index);
    const before = image.termAt(index - 1);
    if (term === undefined || before === undefined) {
      this.#report('log-without-holes', `on the disk of m${id} at index ${term === undefined ? index : index - 1}`);
      return;
    }
    if (term < before) this.#report('log-terms-rise', `on the disk of m${id}: ${before} before ${term} at ${index}`);
    this.#entries.follows({ term, index }, before, `on the disk of m${id}`);
  }

  #checkHardState(id: NodeId, image: DurableImage): void {
    const { term, vote } = image.hardState;
    const before = this.#promised.get(id);
    if (before === undefined) {
      this.#promised.set(id, { term, vote, startIndex: 0, appliedIndex: 0 });
      return;
    }
    if (term < before.term) this.#report('term-never-falls', `on the disk of m${id}: ${before.term} to ${term}`);
    if (term === before.term && before.vote !== 0n && vote !== before.vote) {
      this.#report('one-vote', `on the disk of m${id} in term ${term}: for m${before.vote}, then for m${vote}`);
    }
    if (term !== before.term || vote !== before.vote) this.#promised.set(id, { ...before, term, vote });
  }
}
