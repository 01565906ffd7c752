/**
 * Milliseconds on the clock that all processes of this machine share: CLOCK_MONOTONIC, which `process.hrtime` reads as it
 * is, while `performance.now` counts from the start of each process. Stamps of a child and of its parent compare.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
