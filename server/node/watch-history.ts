/** Reads a slice of history for watchers that are behind: whole revisions, as the events that they once were. */
import { tombstone } from '../state/mvcc/revision-writer.js';
import { afterAllOf } from '../state/mvcc/revision.js';
import { keyQuery } from '../state/key-query.js';
import type { RangeCursor } from '../state/mvcc/range-cursor.js';
import type { Event, KeyValue } from '../state/result.js';
import type { StateMachine } from '../state/state-machine.js';
import type { MemberStore, StoredRevision } from '../storage/member-store.js';
import type { WatchLimits } from '../watch/watch-limits.js';
import type { RaftNode } from './raft-node.js';

export interface HistorySlice {
  /** All events of the revisions from the one that was asked for up to `to`. */
  readonly events: readonly Event[];
  readonly to: number;
}

type HistoryNode = Pick<RaftNode, 'machine' | 'isServing' | 'written'>;

/** Records of one read of the store. */
const READ_RECORDS = 256;

export class WatchHistory {
  readonly #node: HistoryNode;
  readonly #store: MemberStore;
  readonly #limits: WatchLimits;

  constructor(node: HistoryNode, store: MemberStore, limits: WatchLimits) {
    this.#node = node;
    this.#store = store;
    this.#limits = limits;
  }

  /**
   * From `from` on, which is not below the compacted revision and not above the current one. `wantsPrevKv` tells
   * whether anybody wants to know what was before. Undefined when another state took the place of this one meanwhile.
   */
  async read(from: number, wantsPrevKv: (to: number) => boolean): Promise<HistorySlice | undefined> {
    const { machine } = this.#node;
    // A compaction may come while this reads: it takes effect, but leaves what is being read.
    const pin = machine.pin({ main: from, sub: 0 });
    try {
      const upTo = Math.min(machine.revision, from + this.#limits.sliceRevisionsMax - 1);
      await this.#node.written();
      const { records, to } = await this.#readRecords(from, upTo);
      if (!this.#isCurrent(machine)) return undefined;
      const before = wantsPrevKv(to) ? await this.#readBefore(machine, records) : NOTHING;
      if (before === undefined) return undefined;
      return { events: records.map((record) => eventOf(record, before.get(record))), to };
    } finally {
      pin.release();
    }
  }

  #isCurrent(machine: StateMachine): boolean {
    return this.#node.machine === machine && this.#node.isServing;
  }

  async #readRecords(from: number, upTo: number): Promise<{ records: readonly StoredRevision[]; to: number }> {
    const records: StoredRevision[] = [];
    const scan = await this.#store.scanRevisions(upTo, from);
    try {
      let bytes = 0;
      for (;;) {
        const slice = await scan.nextRevisions(READ_RECORDS);
        if (slice.length === 0) return { records, to: upTo };
        for (const record of slice) {
          const last = records.at(-1)?.revision.main ?? record.revision.main;
          if (bytes >= this.#limits.sliceBytesMax && record.revision.main !== last) return { records, to: last };
          records.push(record);
          bytes += record.kv.key.length + record.kv.value.length;
        }
      }
    } finally {
      await scan.close();
    }
  }

  /**
   * What the keys were before each revision, where they were anything and no compaction has taken it. Undefined when
   * another state took the place of `machine` meanwhile, and its disk that of what was asked for.
   */
  async #readBefore(machine: StateMachine, records: readonly StoredRevision[]): Promise<PrevKvs | undefined> {
    const cursors = new Map<StoredRevision, RangeCursor>();
    try {
      for (const record of records) {
        const before = record.revision.main - 1;
        if (isCreation(record) || before < machine.compactedRevision) continue;
        const opened = machine.openRange(keyQuery(record.kv.key), afterAllOf(before));
        if (opened.ok) cursors.set(record, opened.cursor);
      }
      const waiting = [...cursors.values()].filter(({ progress }) => progress === 'missing');
      const found = await this.#store.readRevisions(waiting.flatMap((cursor) => cursor.missing()));
      if (!this.#isCurrent(machine)) return undefined;
      supplyAll(waiting, found);
      return new Map([...cursors].map(([record, cursor]) => [record, finished(cursor).result().kvs[0]]));
    } finally {
      for (const cursor of cursors.values()) cursor.close();
    }
  }
}

type PrevKvs = ReadonlyMap<StoredRevision, KeyValue | undefined>;

const NOTHING: PrevKvs = new Map();

/** `found` is what each of them misses, one after the other. */
function supplyAll(waiting: readonly RangeCursor[], found: readonly (StoredRevision | undefined)[]): void {
  let at = 0;
  for (const cursor of waiting) {
    const count = cursor.missing().length;
    cursor.supply(found.slice(at, at + count));
    at += count;
  }
}

/** One key needs no second slice, and no second look at the disk. */
function finished(cursor: RangeCursor): RangeCursor {
  while (cursor.progress === 'more') cursor.step(1);
  return cursor;
}

function isCreation({ tombstone: isDelete, kv, revision }: StoredRevision): boolean {
  return !isDelete && kv.createRevision === revision.main;
}

function eventOf({ tombstone: isDelete, kv, revision, cause }: StoredRevision, prevKv: KeyValue | undefined): Event {
  if (!isDelete) return { type: 'put', kv, revision, prevKv };
  const event = { type: 'delete', kv: tombstone(kv.key, revision.main), revision, prevKv } as const;
  return cause === undefined ? event : { ...event, cause };
}
