/** What is done to a holder of leases in one round. All times are in ms and count from the beginning of the round. */
import type { Asks } from './messages.js';

export interface Span {
  readonly from: number;
  readonly ms: number;
}

export interface Cut extends Span {
  /** `stall`: bytes wait, in one direction or both, and come late; `refuse`: connections end, and new ones too. */
  readonly how: 'stallRequests' | 'stallReplies' | 'stall' | 'refuse';
  /** The other way to the member stays open. */
  readonly isPartial: boolean;
}

export interface Harm {
  readonly asks: Asks;
  /** How long the leases are left alone before. */
  readonly settleMs: number;
  /** From the beginning on; 0: not at all. */
  readonly blockMs: number;
  readonly stop: Span | undefined;
  readonly cut: Cut | undefined;
}

const asks = ['always', 'whileRunning', 'afterwards'] as const;
const hows = ['stallRequests', 'stallReplies', 'stall', 'refuse'] as const;
/** Which of block, stop and cut: each alone, and all that can be had together. */
const KINDS = 7;

/** The `place`th: all kinds in turn, all else by chance. Most harm lasts about as long as a lease, some less, some longer. */
export function drawHarm(place: number, ttlMs: number, below: (bound: number) => number): Harm {
  const kinds = 1 + (place % KINDS);
  const lengthMs = (): number => ttlMs / 2 + below(ttlMs * 1.3);
  const span = (): Span => ({ from: below(ttlMs / 2), ms: lengthMs() });
  return {
    asks: asks[below(asks.length)] ?? 'always',
    settleMs: below(ttlMs),
    blockMs: (kinds & 1) === 0 ? 0 : lengthMs(),
    stop: (kinds & 2) === 0 ? undefined : span(),
    cut:
      (kinds & 4) === 0
        ? undefined
        : { ...span(), how: hows[below(hows.length)] ?? 'refuse', isPartial: below(4) === 0 },
  };
}

/** When the last of it is over. */
export function harmMs({ blockMs, stop, cut }: Harm): number {
  const endOf = (span: Span | undefined): number => (span === undefined ? 0 : span.from + span.ms);
  return Math.max(blockMs + (stop?.ms ?? 0), endOf(stop), endOf(cut));
}
