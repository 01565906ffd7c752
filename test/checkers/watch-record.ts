/** What one watcher asked for and was told, in order: what the watch checker judges. */
import type { Event } from '../../server/state/result.js';
import type { WatchSpec } from '../../server/watch/watch-output.js';

export type WatchSaid = Word & {
  /** The highest revision compacted anywhere when the reader saw it. Default: that of the whole history. */
  readonly compactedRevision?: number;
};

type Word =
  | { readonly kind: 'created'; readonly revision: number }
  | {
      readonly kind: 'events';
      readonly revision: number;
      readonly events: readonly Event[];
      /** More of the same batch follows. */
      readonly isFragment?: boolean;
    }
  /** Of this watcher, or of its whole stream. */
  | { readonly kind: 'progress'; readonly revision: number }
  /** compactRevision 0: because the reader asked for it. */
  | { readonly kind: 'canceled'; readonly compactRevision: number };

export interface WatchRecord {
  /** For messages. */
  readonly name: string;
  readonly spec: WatchSpec;
  /** In the order in which the reader saw it. */
  readonly said: readonly WatchSaid[];
  /** The stream broke after it: whatever was begun may lack its end. */
  readonly isCut?: boolean;
  /** Everything up to here must have been told by the end; undefined: nothing is demanded. */
  readonly demandedUpTo?: number;
}

export interface WatchHistory {
  /** Every event there ever was, by revision, with `prevKv` as its own operation found it. */
  readonly events: readonly Event[];
  /** The highest revision that was ever compacted; -1: none. */
  readonly compactedRevision: number;
}

export type WatchProperty =
  | 'ordered'
  | 'unique'
  | 'reliable'
  | 'atomic'
  | 'resumable'
  | 'bookmarkable'
  | 'filtered'
  | 'prevKv'
  | 'isCreate'
  | 'protocol';

export interface WatchViolation {
  readonly property: WatchProperty;
  readonly watcher: string;
  readonly detail: string;
}
