/** The monotonic clock that all threads of a process share: `performance.now` counts from the start of each thread. */
import { type Clock, systemClock } from '../lib/clock.js';

/** Exact to the microsecond for as long as any machine runs. */
export const sharedClock: Clock = { ...systemClock, now: () => Number(process.hrtime.bigint() / 1_000n) / 1_000 };
