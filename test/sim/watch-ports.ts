/** Between whoever watches and the member that is watched: what is asked and told over one stream, as plain data. */
import type { WatchOutput, WatchRefusal, WatchSpec } from '../../server/node/member.js';
import type { Event } from '../../server/state/result.js';

export type WatchAsk =
  /** `id` 0n: the member chooses. */
  | { readonly kind: 'create'; readonly spec: WatchSpec; readonly id: bigint }
  | { readonly kind: 'cancel'; readonly id: bigint }
  | { readonly kind: 'progress' };

export type WatchTold =
  | Extract<WatchOutput, { readonly kind: 'created' | 'progress' | 'canceled' }>
  | { readonly kind: 'refused'; readonly reason: WatchRefusal; readonly revision: number }
  | {
      readonly kind: 'events';
      readonly watchId: bigint;
      readonly revision: number;
      readonly events: readonly Event[];
      /** More of the same batch follows. */
      readonly isFragment: boolean;
    };

/** An event that came over the wire does not tell its place within its revision. */
export const UNKNOWN_SUB = -1;

/** How a client reads a stream. */
export interface WatchWish {
  /** Through the gRPC door, as messages; otherwise straight from the member, as its own recipes do. */
  readonly isWire: boolean;
  /** Messages that may be on their way to the client or wait there. Beyond it nothing leaves the member. */
  readonly window: number;
  /** Of the gRPC door: writes that its transport takes before it says that it is full. */
  readonly writesMax: number;
  readonly fragmentBytes: number;
  readonly progressIntervalMs: number;
}

export interface WatchListener {
  told(told: WatchTold): void;
  /** Nothing more comes. */
  broken(why: string): void;
}

/** A stream as its client holds it. Whoever opens it closes it. */
export interface WatchConnection {
  ask(ask: WatchAsk): void;
  /** While false the client takes nothing. */
  isReading: boolean;
  /** The client hears nothing of it from now on; the member hears so a little later, if ever. */
  close(): void;
}

/** Where a running member is watched. */
export interface WatchTarget {
  open(listener: WatchListener, wish: WatchWish): WatchConnection;
  /** How many watchers there are on the member now. */
  readonly watchers: number;
}
