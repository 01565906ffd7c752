/** Medians and spreads, as suites print and compare them. */
export interface Spread {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const { length } = sorted;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const median = (at(Math.floor((length - 1) / 2)) + at(Math.ceil((length - 1) / 2))) / 2;
  return { count: length, min: at(0), median, max: at(length - 1) };
}

/** The smallest value that at least `share` of all values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/**
 * How far `values` rank above `others`, in standard deviations of what chance alone would do (Mann and Whitney's U, both
 * of at least eight values): 0 for like with like, above 3 for one draw of like with like in a thousand.
 */
export function rankExcess(values: readonly number[], others: readonly number[]): number {
  let above = 0;
  for (const value of values) {
    for (const other of others) above += value > other ? 1 : value === other ? 0.5 : 0;
  }
  const pairs = values.length * others.length;
  return (above - pairs / 2) / Math.sqrt((pairs * (values.length + others.length + 1)) / 12);
}

export function describeSpread({ count, min, median, max }: Spread): string {
  return `median ${median.toFixed(0)} ms, min ${min.toFixed(0)} ms, max ${max.toFixed(0)} ms (${count} times)`;
}
