/** Waits until the keys of a range are as wanted, however the watch over them fares. */
import type { Watch, WatchOptions } from '../api/watch.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Clock } from '../lib/clock.js';
import type { KeyRange } from '../wire/key-range.js';
import type { KeyValue } from '../wire/key-value.js';

export interface RangeWait {
  readonly watch: (range: KeyRange, options: WatchOptions) => Watch;
  readonly clock: Clock;
  readonly range: KeyRange;
  /** Milliseconds; Infinity: none. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** The keys as text. Undefined: not yet. Rejects with CANCELED, DEADLINE_EXCEEDED, and with what `look` throws. */
export async function untilRange<Result>(
  { watch, clock, range, timeout, signal }: RangeWait,
  look: (keys: ReadonlyMap<string, KeyValue>) => Result | undefined,
): Promise<Result> {
  const late = new AbortController();
  const timer = timeout === Infinity ? undefined : clock.setTimer(() => late.abort(), timeout);
  const either = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
  const keys = new Map<string, KeyValue>();
  let isKnown = false;
  try {
    for await (const batch of watch(range, { initial: true, signal: either })) {
      if (batch.kind === 'resync') {
        keys.clear();
        isKnown = false;
      } else if (batch.kind === 'initial') {
        for (const kv of batch.entries) keys.set(kv.key, kv);
      } else if (batch.kind === 'synced') {
        isKnown = true;
      } else {
        for (const event of batch.events) {
          if (event.kind === 'put') keys.set(event.kv.key, event.kv);
          else keys.delete(event.key);
        }
      }
      const result = isKnown ? look(keys) : undefined;
      if (result !== undefined) return result;
    }
  } finally {
    timer?.cancel();
  }
  if (signal?.aborted === true) throw new QuorateError('CANCELED', { outcome: 'notApplied', cause: signal.reason });
  if (late.signal.aborted) throw new QuorateError('DEADLINE_EXCEEDED', { outcome: 'notApplied' });
  throw new QuorateError('CLOSED');
}
