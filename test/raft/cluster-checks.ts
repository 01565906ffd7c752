/**
 * What must hold between members, however the network and the disks behave: Raft's five safety properties, plus the
 * promises that a message makes when it leaves and a read when it is answered. Knows every member's memory and disk;
 * is asked after every single step.
 */
import { assert } from '../../server/lib/assert.js';
import type { RaftStatus } from '../../server/raft/raft.js';
import type { ReadState } from '../../server/raft/ready.js';
import { quorumSize } from '../../server/raft/quorum.js';
import type { Entry, EntryId, LogIndex, Message, NodeId, SnapshotMeta, Term } from '../../server/raft/types.js';
import { type DiskImage, holdsEntry, lastIndexOf } from './fake-disk.js';

/** Durable images by member, crashed members included. */
export type Disks = (id: NodeId) => DiskImage | undefined;

/** What is asked of a member beside its status. */
export interface LogTerms {
  termAt(index: LogIndex): Term | undefined;
}

export class ClusterChecks {
  readonly #disks: Disks;
  readonly #leaders = new Map<Term, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  /** Terms of the committed entries: place i holds index i. */
  readonly #committed: Term[] = [0];
  /** The term of whoever committed them first. */
  readonly #committedIn: Term[] = [0];
  /** Every entry ever saved by anybody, by term and index. */
  readonly #entries = new Map<string, Entry>();
  /** Per member and outstanding read: what was committed anywhere when it was asked. */
  readonly #reads = new Map<NodeId, Map<number, LogIndex>>();

  readsAnswered = 0;
  snapshotsInstalled = 0;

  constructor(disks: Disks) {
    this.#disks = disks;
  }

  get committedIndex(): LogIndex {
    return this.#committed.length - 1;
  }

  /** How many terms had a leader. */
  get elections(): number {
    return this.#leaders.size;
  }

  /** A log that members start from counts as committed up to `index`. */
  assumeCommitted(image: DiskImage, index: LogIndex): void {
    for (const entry of image.entries) {
      this.#register(entry);
      if (entry.index <= index && entry.index > this.committedIndex) this.#commit(entry, entry.term);
    }
  }

  /** After every step of a member. */
  observe(log: LogTerms, before: RaftStatus | undefined, now: RaftStatus): void {
    if (now.role === 'leader') this.#checkLeader(log, now);
    const known = before === undefined ? now.startIndex : before.commitIndex;
    if (now.commitIndex > known) this.#checkCommit(log, now, Math.max(known, now.startIndex));
  }

  saved(entries: readonly Entry[]): void {
    for (const entry of entries) this.#register(entry);
  }

  applied(id: NodeId, entry: Entry): void {
    assert(this.#committed[entry.index] === entry.term, 'an entry is applied that is not committed', idOf(id, entry));
    assert(this.#register(entry), 'two entries under one id', idOf(id, entry));
    const disk = this.#disks(id);
    assert(disk !== undefined && holdsEntry(disk, entry), 'an entry is applied before it is durable', idOf(id, entry));
  }

  installed(id: NodeId, snapshot: SnapshotMeta): void {
    this.snapshotsInstalled += 1;
    assert(
      this.#committed[snapshot.index] === snapshot.term,
      'a snapshot of what is not committed',
      idOf(id, snapshot),
    );
  }

  /** A message leaves: what it promises must be durable. */
  sent(message: Message): void {
    if (message.type === 'voteResponse' && !message.pre && message.granted) this.#checkVote(message.from, message);
    if (message.type === 'voteRequest' && !message.pre) {
      this.#checkVote(message.from, { to: message.from, term: message.term });
    }
    if (message.type === 'appendResponse' && message.accepted) {
      const disk = this.#disks(message.from);
      const { from, index, term } = message;
      assert(disk !== undefined && lastIndexOf(disk) >= index, 'an append is accepted before it is durable', {
        from,
        index,
      });
      assert(disk.hardState.term >= term, 'an append is accepted in a term that is not durable', { from, term });
    }
  }

  readRequested(id: NodeId, token: number): void {
    const reads = this.#reads.get(id) ?? new Map<number, LogIndex>();
    assert(!reads.has(token), 'a read token is used twice', { id, token });
    this.#reads.set(id, reads.set(token, this.committedIndex));
  }

  readAnswered(id: NodeId, read: ReadState): void {
    const { token, index } = read;
    const atLeast = this.#reads.get(id)?.get(token);
    // Forgotten reads may still be answered.
    if (atLeast === undefined) return;
    assert(index >= atLeast, 'a stale read', { id, token, index, committed: atLeast });
    this.#reads.get(id)?.delete(token);
    this.readsAnswered += 1;
  }

  readDropped(id: NodeId, token: number): void {
    this.#reads.get(id)?.delete(token);
  }

  /** Nobody waits for the reads of `id` any more; their tokens. */
  forgetReads(id: NodeId): readonly number[] {
    const waiting = [...(this.#reads.get(id)?.keys() ?? [])];
    this.#reads.delete(id);
    return waiting;
  }

  /** Log matching over whole durable logs: one equal entry means equal logs up to there. */
  checkLogsMatch(ids: readonly NodeId[]): void {
    for (const [place, one] of ids.entries()) {
      for (const other of ids.slice(place + 1)) {
        const a = this.#disks(one);
        const b = this.#disks(other);
        if (a !== undefined && b !== undefined) checkPairMatches(a, b, `${one} and ${other}`);
      }
    }
  }

  #checkLeader(log: LogTerms, now: RaftStatus): void {
    const known = this.#leaders.get(now.term);
    if (known === now.id) return;
    assert(known === undefined, 'two leaders in one term', { term: now.term, one: known, other: now.id });
    this.#leaders.set(now.term, now.id);
    // Committed in an earlier term: the votes for this leader may be older than what a later one committed since.
    for (let index = now.startIndex; index <= this.committedIndex; index += 1) {
      if ((this.#committedIn[index] ?? 0) >= now.term) continue;
      const term = log.termAt(index);
      assert(term === this.#committed[index], 'a leader lacks a committed entry', { id: now.id, index, term });
    }
  }

  #checkCommit(log: LogTerms, now: RaftStatus, from: LogIndex): void {
    const isNews = now.commitIndex > this.committedIndex;
    for (let index = from; index <= now.commitIndex; index += 1) {
      const term = log.termAt(index);
      assert(term !== undefined, 'a committed entry is missing', { id: now.id, index });
      const known = this.#committed[index];
      assert(known === undefined || known === term, 'two entries committed at one index', {
        id: now.id,
        index,
        term,
        known,
      });
      if (known === undefined) this.#commit({ index, term }, now.term);
    }
    if (isNews) this.#checkDurable(now, { index: now.commitIndex, term: log.termAt(now.commitIndex) ?? 0 });
  }

  #commit(id: EntryId, inTerm: Term): void {
    this.#committed[id.index] = id.term;
    this.#committedIn[id.index] = inTerm;
  }

  /** Whoever commits something first is a leader that counted: count again, on disks. */
  #checkDurable(now: RaftStatus, id: EntryId): void {
    const { voters } = now.conf;
    const holders = voters.filter((voter) => {
      const disk = this.#disks(voter);
      return disk !== undefined && holdsEntry(disk, id);
    });
    assert(holders.length >= quorumSize(voters.length), 'committed without a durable quorum', {
      by: now.id,
      index: id.index,
      holders: holders.join(' '),
      voters: voters.join(' '),
    });
  }

  #checkVote(voter: NodeId, vote: { readonly to: NodeId; readonly term: Term }): void {
    const key = `${voter}/${vote.term}`;
    const known = this.#votes.get(key);
    assert(known === undefined || known === vote.to, 'two votes in one term', {
      voter,
      term: vote.term,
      to: vote.to,
      known,
    });
    this.#votes.set(key, vote.to);
    const saved = this.#disks(voter)?.hardState;
    const isDurable =
      saved !== undefined && (saved.term > vote.term || (saved.term === vote.term && saved.vote === vote.to));
    assert(isDurable, 'a vote leaves before it is durable', { voter, term: vote.term, to: vote.to });
  }

  /** False when another entry has the same term and index. */
  #register(entry: Entry): boolean {
    const key = `${entry.term}/${entry.index}`;
    const known = this.#entries.get(key);
    if (known === undefined) this.#entries.set(key, entry);
    const isSame = known === undefined || (known.kind === entry.kind && sameBytes(known.data, entry.data));
    assert(isSame, 'two entries under one id', { id: key });
    return isSame;
  }
}

function idOf(member: NodeId, entry: EntryId): Record<string, unknown> {
  return { member, term: entry.term, index: entry.index };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, place) => byte === b[place]));
}

function checkPairMatches(a: DiskImage, b: DiskImage, names: string): void {
  let isSame = false;
  const start = Math.max(a.start.index, b.start.index);
  for (let index = Math.min(lastIndexOf(a), lastIndexOf(b)); index > start; index -= 1) {
    const one = a.entries[index - a.start.index - 1]?.term;
    const other = b.entries[index - b.start.index - 1]?.term;
    assert(!isSame || one === other, 'logs differ below an equal entry', { names, index, one, other });
    if (one === other) isSame = true;
  }
}
