/** What one seed has drawn for its clients that watch: what they ask for, how they read, and what they do besides. */
import type { Random } from '../../../server/lib/random.js';
import type { WatchWish } from '../watch-ports.js';
import { between, chance, pick, type Weighted } from './draw.js';

/** Where a watcher begins. */
const STARTS = ['present', 'past', 'future', 'beginning', 'compacted'] as const;
/** Which keys it wants. */
const SPANS = ['key', 'someKeys', 'keysBetween', 'prefix', 'fromKeyOn', 'everything'] as const;
const ACTS = [
  'create',
  'cancel',
  /** And creates another one under its id before the answer can be there. */
  'replace',
  'askProgress',
  /** Reads nothing for a while. */
  'stall',
  /** Goes on at another member. */
  'move',
  /** Asks for what is refused, or for nothing that is there. */
  'askWrongly',
] as const;

type Start = (typeof STARTS)[number];
type SpanName = (typeof SPANS)[number];
export type Act = (typeof ACTS)[number];
type Choice<Name> = readonly (Weighted & { readonly name: Name })[];

export interface WatchMix {
  readonly acts: Choice<Act>;
  readonly starts: Choice<Start>;
  readonly spans: Choice<SpanName>;
  /** Mean of the pauses between two acts of one client, ms. */
  readonly thinkMs: number;
  /** Watchers that one client has at a time. */
  readonly watchersMax: number;
  /** How long at most a client stops reading. */
  readonly stallMs: number;
  /** How long a client takes for each message, ms. */
  readonly readMs: number;
  /** A stream that says nothing for so long is given up. */
  readonly patienceMs: number;
  /** Streams through the gRPC door; the others come straight from the member. */
  readonly wirePercent: number;
  /** Watchers that go on after the last event they saw; the others after the last mark, whatever told it. */
  readonly byEventsPercent: number;
  readonly filteredPercent: number;
  readonly prevKvPercent: number;
  readonly progressNotifyPercent: number;
  readonly fragmentPercent: number;
  readonly wish: Omit<WatchWish, 'isWire'>;
}

export function drawWatchMix(random: Random): WatchMix {
  return {
    acts: drawChoice(random, ACTS, ['create']),
    starts: drawChoice(random, STARTS, ['present']),
    spans: drawChoice(random, SPANS, ['everything']),
    thinkMs: pick(random, [200, 1000, 4000]),
    watchersMax: between(random, 1, 5),
    stallMs: pick(random, [200, 2000, 20_000]),
    readMs: pick(random, [0, 0, 0, 20, 200]),
    patienceMs: pick(random, [2000, 10_000]),
    wirePercent: pick(random, [0, 50, 100]),
    byEventsPercent: pick(random, [0, 50, 100]),
    filteredPercent: pick(random, [0, 20, 60]),
    prevKvPercent: pick(random, [0, 50, 100]),
    progressNotifyPercent: pick(random, [0, 50, 100]),
    fragmentPercent: pick(random, [0, 0, 50]),
    wish: {
      window: pick(random, [1, 4, 32]),
      writesMax: pick(random, [1, 16]),
      fragmentBytes: pick(random, [120, 300, 1_000, 1_000_000]),
      progressIntervalMs: pick(random, [100, 1000, 10_000]),
    },
  };
}

/** Each run leaves some of them out, so that the others meet each other more often. */
function drawChoice<Name>(random: Random, names: readonly Name[], always: readonly Name[]): Choice<Name> {
  const drawn = names.filter((name) => always.includes(name) || chance(random, 70));
  return drawn.map((name) => ({ name, weight: between(random, 4, 24) }));
}
