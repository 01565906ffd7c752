/** Time as the driver sees it. The pure folders never see a clock: time reaches them as `tick()` or as log time. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start; never goes back, not even when the wall clock does. */
  now(): number;
  /** Wall-clock milliseconds since 1970, for display and log lines only: no decision may depend on it. */
  wallTime(): number;
  /** Runs `callback` once, no sooner than `ms` from now. */
  setTimer(callback: () => void, ms: number): Timer;
  /** Runs `callback` after the work that is already queued: the batching point of the driver's loop. */
  defer(callback: () => void): void;
}

export interface Timer {
  /** Safe to call at any time, also after the timer fired. */
  cancel(): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(callback, ms) {
    const handle = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(handle) };
  },
  defer: (callback) => {
    setImmediate(callback);
  },
};
