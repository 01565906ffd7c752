/** What a watch stream is asked and what it says, as plain data. */
import type { ByteString } from '../lib/bytes.js';
import type { Event } from '../state/result.js';

export interface WatchSpec {
  /** Not empty. */
  readonly key: ByteString;
  /** '' names the single key, '\0' every key >= `key`, else the range is [key, rangeEnd). */
  readonly rangeEnd: ByteString;
  /** The first revision of interest, inclusive; 0: what happens from now on. */
  readonly startRevision: number;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  /** Wants each event with the key as it was before. */
  readonly prevKv: boolean;
  /** Wants to hear now and then how far it has been told everything. */
  readonly progressNotify: boolean;
  /** Allows the door to split a large batch. */
  readonly fragment: boolean;
}

/** Progress of the whole stream is told under this id. */
export const ALL_WATCHERS = -1n;

export type WatchRefusal = 'emptyRange' | 'negativeStart' | 'duplicateId' | 'tooManyWatchers';

export type WatchOutput =
  /** Comes before anything else of this watcher. Whatever happens after `revision` is told, and what `spec` asked for before. */
  | { readonly kind: 'created'; readonly watchId: bigint; readonly revision: number }
  | { readonly kind: 'refused'; readonly reason: WatchRefusal; readonly revision: number }
  | WatchBatch
  /** Every event up to `revision` was told before this, for this watcher or for all. */
  | { readonly kind: 'progress'; readonly watchId: bigint; readonly revision: number }
  /** The last that is told of this watcher. `compactRevision` is 0 when the reader asked for it. */
  | {
      readonly kind: 'canceled';
      readonly watchId: bigint;
      readonly revision: number;
      readonly compactRevision: number;
    };

/** Whole revisions, ascending. Watchers that are told the same events together share one list of them. */
export interface WatchBatch {
  readonly kind: 'events';
  readonly watchId: bigint;
  readonly spec: WatchSpec;
  /** Of the last event. */
  readonly revision: number;
  readonly events: readonly Event[];
}
