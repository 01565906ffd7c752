/**
 * The disk of one member in tests: what was written, and what of it a crash would leave. Writes take effect in order;
 * a synced one makes everything before it durable, an unsynced one may be lost together with all that follows.
 */
import { assert } from '../../server/lib/assert.js';
import type { Entry, EntryId, HardState, LogIndex, SnapshotMeta } from '../../server/raft/types.js';

export interface DiskImage {
  readonly hardState: HardState;
  /** The point before the first entry. */
  readonly start: SnapshotMeta;
  readonly entries: readonly Entry[];
  readonly appliedIndex: LogIndex;
}

export interface DiskSave {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotMeta | undefined;
  readonly mustSync: boolean;
}

export class FakeDisk {
  #durable: DiskImage;
  /** The whole image after each write since the last synced one. */
  #unsynced: DiskImage[] = [];

  constructor(image: DiskImage) {
    this.#durable = image;
  }

  /** What survives a crash at this moment. */
  get durable(): DiskImage {
    return this.#durable;
  }
  /** What a reader of the running process sees. */
  get written(): DiskImage {
    return this.#unsynced.at(-1) ?? this.#durable;
  }
  get unsyncedWrites(): number {
    return this.#unsynced.length;
  }

  save(save: DiskSave): void {
    let image = this.written;
    if (save.snapshot !== undefined) image = installed(image, save.snapshot);
    if (save.entries.length > 0) image = { ...image, entries: replacedFrom(image, save.entries) };
    if (save.hardState !== undefined) image = { ...image, hardState: save.hardState };
    this.#unsynced.push(image);
    if (save.mustSync) this.sync();
  }

  /** The state machine's own write: never synced by itself. */
  markApplied(appliedIndex: LogIndex): void {
    this.#unsynced.push({ ...this.written, appliedIndex });
  }

  /** Drops the log up to `start`, which durable state must cover. */
  trim(start: SnapshotMeta): void {
    assert(start.index <= this.#durable.appliedIndex, 'trimming what no durable state covers', { index: start.index });
    const { written } = this;
    this.#unsynced.push({ ...written, start, entries: written.entries.filter((entry) => entry.index > start.index) });
  }

  sync(): void {
    this.#durable = this.written;
    this.#unsynced = [];
  }

  /** Power is cut: of the unsynced writes only the first `kept` survive. */
  crash(kept: number): void {
    this.#durable = this.#unsynced[Math.min(kept, this.#unsynced.length) - 1] ?? this.#durable;
    this.#unsynced = [];
  }
}

export function lastIndexOf(image: DiskImage): LogIndex {
  return image.start.index + image.entries.length;
}

/** Whether `image` holds the entry `id`, or state that stands for it. */
export function holdsEntry(image: DiskImage, id: EntryId): boolean {
  if (id.index <= image.start.index) return true;
  return image.entries[id.index - image.start.index - 1]?.term === id.term;
}

function installed(image: DiskImage, snapshot: SnapshotMeta): DiskImage {
  assert(snapshot.index > image.appliedIndex, 'snapshot older than the state', { index: snapshot.index });
  return { ...image, start: snapshot, entries: [], appliedIndex: snapshot.index };
}

function replacedFrom(image: DiskImage, entries: readonly Entry[]): readonly Entry[] {
  const first = entries[0]?.index ?? 0;
  assert(first > image.start.index, 'writing entries before the start', { first, start: image.start.index });
  assert(first <= lastIndexOf(image) + 1, 'writing entries behind a gap', { first, last: lastIndexOf(image) });
  assert(first > image.appliedIndex, 'replacing entries that were applied', { first, applied: image.appliedIndex });
  return [...image.entries.slice(0, first - image.start.index - 1), ...entries];
}
