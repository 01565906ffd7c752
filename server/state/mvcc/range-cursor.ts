/**
 * One read on its way to its answer, in slices that leave the loop free in between: select the versions, fetch the
 * values that are not in memory, sort, cut, shape. Writes and compactions in between do not change the answer: the
 * cursor looks from a fixed point of history, and holds a pin on it as long as it is not done.
 */
import { assert } from '../../lib/assert.js';
import type { ByteString } from '../../lib/bytes.js';
import type { RangeQuery } from '../command.js';
import type { KeyValue, RangeResult, Revision } from '../result.js';
import { isInMemory, type KeyHistory, type PastVersion, type SelectedVersion } from './key-history.js';
import { endOf, isSingleKey } from './key-range.js';
import type { Pin } from './pins.js';
import { planRange, type RangePlan } from './range-plan.js';
import type { RevisionRecord } from './revision.js';
import { SlicedSort } from './sliced-sort.js';
import type { Store } from './store.js';

/** Keys of one slice: well under a millisecond of work in a range of its size, one or two in a store of a million. */
export const RANGE_SLICE_KEYS = 2048;

/** `more`: step again. `missing`: fetch what missing() lists and supply() it. `done`: result() stands. */
export type RangeProgress = 'more' | 'missing' | 'done';

type Missing = PastVersion & { readonly position: number };

type Phase = 'select' | 'fetch' | 'sort' | 'shape';
/** Values are fetched for the versions that are left after the cut, unless the order depends on them. */
const PHASES: readonly Phase[] = ['select', 'sort', 'fetch', 'shape'];
const PHASES_BY_VALUE: readonly Phase[] = ['select', 'fetch', 'sort', 'shape'];

export class RangeCursor {
  /** The store revision when the read was opened: what its header shows. */
  readonly revision: number;
  readonly #store: Store;
  readonly #query: RangeQuery;
  readonly #at: Revision;
  readonly #plan: RangePlan;
  readonly #phases: readonly Phase[];
  #phase = 0;
  #pin: Pin | undefined;
  /** Where the selection goes on. */
  #nextKey: ByteString;
  #count = 0;
  #pastCount = 0;
  #versions: SelectedVersion[] = [];
  #sort: SlicedSort<SelectedVersion> | undefined;
  /** How far the phases that walk the selection have come. */
  #walked = 0;
  #missing: Missing[] = [];
  readonly #kvs: KeyValue[] = [];
  #more = false;
  #isClosed = false;

  /** Does the first slice at once, so a small read of keys in memory is done and never pins anything. */
  constructor(store: Store, query: RangeQuery, at: Revision, maxKeys: number) {
    this.revision = store.revision;
    this.#store = store;
    this.#query = query;
    this.#at = at;
    this.#plan = planRange(query);
    this.#phases = this.#plan.needsValues ? PHASES_BY_VALUE : PHASES;
    this.#nextKey = query.key;
    if (this.step(maxKeys) !== 'done') this.#pin = store.pins.pin(at.main);
  }

  get progress(): RangeProgress {
    if (this.#missing.length > 0) return 'missing';
    return this.#phase < this.#phases.length ? 'more' : 'done';
  }

  /** Works on up to `maxKeys` keys, at least one. */
  step(maxKeys: number): RangeProgress {
    assert(maxKeys >= 1, 'a slice without keys', { maxKeys });
    assert(!this.#isClosed, 'step of a closed cursor');
    let left = maxKeys;
    while (left > 0 && this.progress === 'more') left -= this.#run(left);
    if (this.progress === 'done') this.#pin?.release();
    return this.progress;
  }

  /** The revisions of versions that are on disk only, no more than one slice's worth at a time. */
  missing(): readonly Revision[] {
    return this.#missing.map(({ modRevision, sub }) => ({ main: modRevision, sub }));
  }

  /** Answers missing(), positionally. Fails on a record that is not there: the pin has kept it. */
  supply(records: readonly (RevisionRecord | undefined)[]): void {
    assert(records.length === this.#missing.length, 'supply does not answer missing()', { records: records.length });
    this.#missing.forEach(({ position, key, modRevision, sub }, index) => {
      const record = records[index];
      const isRight = record?.kv.key === key && record.revision.main === modRevision && record.revision.sub === sub;
      assert(record !== undefined && isRight, 'a kept revision is not on disk', { main: modRevision, sub });
      this.#versions[position] = record.kv;
    });
    this.#missing = [];
  }

  /** Only once done. */
  result(): RangeResult {
    assert(this.progress === 'done', 'result of an unfinished read');
    return { kvs: this.#kvs, more: this.#more, count: this.#count };
  }

  /** Idempotent. Required when a cursor is abandoned; a done one holds nothing any more. */
  close(): void {
    this.#isClosed = true;
    this.#pin?.release();
  }

  /** Runs the phase at hand and returns the work done. A phase that has nothing more to do moves on to the next. */
  #run(max: number): number {
    switch (this.#phases[this.#phase]) {
      case 'select':
        return this.#selectSlice(max);
      case 'fetch':
        return this.#fetchSlice(max);
      case 'sort':
        return this.#sortSlice(max);
      default:
        return this.#shapeSlice(max);
    }
  }

  #nextPhase(): void {
    this.#phase += 1;
    this.#walked = 0;
  }

  #selectSlice(max: number): number {
    if (isSingleKey(this.#query)) {
      const history = this.#store.keys.get(this.#query.key);
      if (history !== undefined) this.#select(history);
      this.#nextPhase();
      return 1;
    }
    let visited = 0;
    const next = this.#store.keys.scan(this.#nextKey, endOf(this.#query), max, (history) => {
      visited += 1;
      this.#select(history);
      return true;
    });
    if (next === undefined) this.#nextPhase();
    else this.#nextKey = next;
    return visited;
  }

  #select(history: KeyHistory): void {
    const version = history.at(this.#at);
    if (version === undefined) return;
    this.#count += 1;
    const { filter, selectMax } = this.#plan;
    if (this.#versions.length >= selectMax || (filter !== undefined && !filter(version))) return;
    this.#versions.push(version);
    if (!isInMemory(version)) this.#pastCount += 1;
  }

  #sortSlice(max: number): number {
    const { isReversed, order, limit } = this.#plan;
    this.#more ||= this.#versions.length > limit;
    if (isReversed) this.#versions.reverse();
    if (order !== undefined && this.#versions.length > 1) {
      this.#sort ??= new SlicedSort(this.#versions, order, limit);
      const sorted = this.#sort.step(max);
      if (sorted === undefined) return max;
      this.#versions = sorted;
    } else if (this.#more) {
      this.#versions.length = limit;
    }
    this.#nextPhase();
    return 0;
  }

  #fetchSlice(max: number): number {
    if (this.#pastCount === 0) {
      this.#nextPhase();
      return 0;
    }
    return this.#walk(max, (version, position) => {
      if (!isInMemory(version)) this.#missing.push({ ...version, position });
    });
  }

  #shapeSlice(max: number): number {
    const { keysOnly } = this.#query;
    return this.#walk(max, (version) => {
      if (isInMemory(version)) this.#kvs.push(keysOnly ? { ...version, value: '' } : version);
    });
  }

  #walk(max: number, visit: (version: SelectedVersion, position: number) => void): number {
    const until = Math.min(this.#versions.length, this.#walked + max);
    const walked = until - this.#walked;
    for (let position = this.#walked; position < until; position += 1) {
      const version = this.#versions[position];
      if (version !== undefined) visit(version, position);
    }
    this.#walked = until;
    if (until === this.#versions.length) this.#nextPhase();
    return walked;
  }
}
