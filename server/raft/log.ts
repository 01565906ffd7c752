/**
 * The log as the core sees it: every entry after the start, in memory, and the pointers into it.
 *
 *     startIndex <= appliedIndex <= commitIndex <= lastIndex
 *     appliedIndex <= stableIndex <= handedIndex <= lastIndex
 *
 * start: everything up to here is covered by durable state.  applied: handed to the state machine.
 * stable: durable on this member's own disk.  handed: given to the driver to save, durable or not.
 * Only entries that are committed and stable are applied, so the state on disk never runs ahead of the log on disk.
 */
import { assert } from '../lib/assert.js';
import type { Entry, EntryId, LogIndex, SnapshotMeta, Term } from './types.js';

/** What one entry costs beyond its data, in every byte limit of the core. */
export const ENTRY_OVERHEAD_BYTES = 32;

export function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES;
}

/** One outstanding save, and the last index that is durable here once it is done. */
interface OutstandingSave {
  readonly saveId: number;
  lastIndex: LogIndex;
}

export interface LogInit {
  readonly start: EntryId;
  readonly entries: readonly Entry[];
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
}

export class RaftLog {
  #start: EntryId;
  /** Invariant: #entries[i].index === #start.index + 1 + i, and terms never fall. */
  #entries: Entry[];
  #bytes = 0;
  #commitIndex: LogIndex;
  #appliedIndex: LogIndex;
  #stableIndex: LogIndex;
  #handedIndex: LogIndex;
  #outstanding: OutstandingSave[] = [];

  constructor(init: LogInit) {
    this.#start = { term: init.start.term, index: init.start.index };
    this.#entries = [...init.entries];
    for (const entry of this.#entries) this.#bytes += entryBytes(entry);
    this.#commitIndex = init.commitIndex;
    this.#appliedIndex = init.appliedIndex;
    this.#stableIndex = this.lastIndex;
    this.#handedIndex = this.lastIndex;
    this.assertPointers();
  }

  get startIndex(): LogIndex {
    return this.#start.index;
  }
  get startTerm(): Term {
    return this.#start.term;
  }
  get lastIndex(): LogIndex {
    return this.#start.index + this.#entries.length;
  }
  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#start.term;
  }
  get commitIndex(): LogIndex {
    return this.#commitIndex;
  }
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }
  get stableIndex(): LogIndex {
    return this.#stableIndex;
  }
  get handedIndex(): LogIndex {
    return this.#handedIndex;
  }
  /** Bytes of all entries in memory: what the driver's trim decision looks at. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined where the entry is trimmed away or not there yet. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.#start.index) return this.#start.term;
    return this.#entries[index - this.#start.index - 1]?.term;
  }

  matches(id: EntryId): boolean {
    return this.termAt(id.index) === id.term;
  }

  /** Raft §5.4.1: the later last term wins; with equal terms the longer log. */
  isUpToDate(last: EntryId): boolean {
    return last.term > this.lastTerm || (last.term === this.lastTerm && last.index >= this.lastIndex);
  }

  /** Entries from `from` on, up to `bytesMax` but at least one. */
  slice(from: LogIndex, bytesMax: number, to: LogIndex = this.lastIndex, countMax = Infinity): readonly Entry[] {
    assert(from > this.#start.index, 'entries before the start are gone', { from, start: this.#start.index });
    const first = from - this.#start.index - 1;
    const end = Math.min(to - this.#start.index, first + countMax);
    let bytes = 0;
    let place = first;
    for (; place < end; place += 1) {
      const entry = this.#entries[place];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (bytes > bytesMax && place > first) break;
    }
    return this.#entries.slice(first, place);
  }

  /** Appends what a leader made itself. */
  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, 'append leaves a gap', { index: entry.index, last: this.lastIndex });
    assert(entry.term >= this.lastTerm, 'log terms fall', { term: entry.term, last: this.lastTerm });
    this.#entries.push(entry);
    this.#bytes += entryBytes(entry);
  }

  /** Removes every entry after `index`. Committed entries are never truncated: a conflict there is corruption. */
  truncateAfter(index: LogIndex): void {
    assert(index >= this.#commitIndex, 'truncating committed entries', { index, commit: this.#commitIndex });
    const removed = this.#entries.splice(index - this.#start.index);
    for (const entry of removed) this.#bytes -= entryBytes(entry);
    this.#stableIndex = Math.min(this.#stableIndex, index);
    this.#handedIndex = Math.min(this.#handedIndex, index);
    // A save still in flight may finish with entries that are no longer ours, even if equal ones come back later.
    for (const save of this.#outstanding) save.lastIndex = Math.min(save.lastIndex, index);
  }

  /** The first of `entries` that is not in the log yet; conflicting or simply new. Undefined when all are there. */
  findNew(entries: readonly Entry[]): Entry | undefined {
    return entries.find((entry) => !this.matches(entry));
  }

  /**
   * The last index <= `index` whose term is <= `term`: where two logs can still agree. Nothing is known before the
   * start, so the search ends there.
   */
  findTermAtMost(index: LogIndex, term: Term): EntryId {
    let place = Math.min(index, this.lastIndex);
    for (; place > this.#start.index; place -= 1) {
      const here = this.termAt(place);
      if (here !== undefined && here <= term) return { index: place, term: here };
    }
    return { index: Math.min(index, this.#start.index), term: this.#start.term };
  }

  commitTo(index: LogIndex): boolean {
    if (index <= this.#commitIndex) return false;
    assert(index <= this.lastIndex, 'commit beyond the log', { index, last: this.lastIndex });
    this.#commitIndex = index;
    return true;
  }

  /** Entries not yet given to the driver; they belong to the save `saveId` from now on. */
  handOut(saveId: number): readonly Entry[] {
    const entries = this.#entries.slice(this.#handedIndex - this.#start.index);
    if (entries.length > 0) {
      this.#handedIndex = this.lastIndex;
      this.#outstanding.push({ saveId, lastIndex: this.lastIndex });
    }
    return entries;
  }

  /** Everything handed out in saves up to `saveId` is durable. */
  saved(saveId: number): void {
    for (let first = this.#outstanding[0]; first !== undefined; first = this.#outstanding[0]) {
      if (first.saveId > saveId) return;
      this.#outstanding.shift();
      this.#stableIndex = Math.max(this.#stableIndex, first.lastIndex);
    }
  }

  get hasUnhanded(): boolean {
    return this.#handedIndex < this.lastIndex;
  }

  /** The highest index that may be applied now. */
  get applicableIndex(): LogIndex {
    return Math.min(this.#commitIndex, this.#stableIndex);
  }

  nextToApply(bytesMax: number, countMax: number): readonly Entry[] {
    if (this.applicableIndex <= this.#appliedIndex) return [];
    return this.slice(this.#appliedIndex + 1, bytesMax, this.applicableIndex, countMax);
  }

  appliedTo(index: LogIndex): void {
    // A snapshot was taken over while these were being applied: it stands for them.
    if (index <= this.#start.index) return;
    assert(index >= this.#appliedIndex, 'applied goes back', { index, applied: this.#appliedIndex });
    assert(index <= this.applicableIndex, 'applied beyond what may be', { index, applicable: this.applicableIndex });
    this.#appliedIndex = index;
  }

  /** Drops the prefix up to `index`: it is covered by durable state. */
  trimTo(index: LogIndex): EntryId {
    assert(index <= this.#appliedIndex, 'trimming entries not applied', { index, applied: this.#appliedIndex });
    const term = this.termAt(index);
    assert(term !== undefined, 'trimming outside the log', { index, start: this.#start.index });
    const removed = this.#entries.splice(0, index - this.#start.index);
    for (const entry of removed) this.#bytes -= entryBytes(entry);
    this.#start = { index, term };
    return this.#start;
  }

  /**
   * A snapshot replaces the whole log. Its index counts as stable at once, before it is installed: nothing looks at it
   * until a later save is done, and saves finish in order.
   */
  restore(meta: SnapshotMeta): void {
    assert(meta.index > this.#commitIndex, 'snapshot goes back', { index: meta.index, commit: this.#commitIndex });
    this.#start = { index: meta.index, term: meta.term };
    this.#entries = [];
    this.#bytes = 0;
    this.#commitIndex = meta.index;
    this.#appliedIndex = meta.index;
    this.#stableIndex = meta.index;
    this.#handedIndex = meta.index;
    this.#outstanding = [];
  }

  assertPointers(): void {
    const { startIndex, appliedIndex, commitIndex, lastIndex, stableIndex, handedIndex } = this;
    const pointers = { startIndex, appliedIndex, commitIndex, lastIndex, stableIndex, handedIndex };
    assert(startIndex <= appliedIndex, 'start <= applied', pointers);
    assert(appliedIndex <= commitIndex, 'applied <= commit', pointers);
    assert(commitIndex <= lastIndex, 'commit <= last', pointers);
    assert(appliedIndex <= stableIndex, 'applied <= stable', pointers);
    assert(stableIndex <= handedIndex, 'stable <= handed', pointers);
    assert(handedIndex <= lastIndex, 'handed <= last', pointers);
  }
}
