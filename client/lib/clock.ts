/** Time as the client sees it. Injected, so that tests and simulators decide how it passes. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start; never goes back, not even when the wall clock does. */
  now(): number;
  /** Wall-clock milliseconds since 1970: only to notice that the machine was suspended. */
  wallTime(): number;
  /** Runs `callback` once, no sooner than `ms` from now. */
  setTimer(callback: () => void, ms: number): Timer;
  /** Runs `callback` once everything that the present tick brings about has happened: the batching point of requests. */
  defer(callback: () => void): void;
}

export interface Timer {
  /** Safe to call at any time, also after the timer fired. */
  cancel(): void;
}

/** The longest wait that Node's timers know; anything longer would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(callback, ms) {
    const handle = setTimeout(callback, Math.min(Math.ceil(ms), TIMER_MS_MAX));
    return { cancel: () => clearTimeout(handle) };
  },
  // Promises settle before the next tick, and promises that those settle too: every chain of `await` that the tick set
  // in motion has issued its requests by then.
  defer(callback) {
    queueMicrotask(() => process.nextTick(callback));
  },
};
