/** What many runs were, in figures: totals, a table of faults and counts, a line of progress. */
import { FAULT_KINDS, type FaultKind } from './plan-types.js';
import type { SeedResult } from './seed-result.js';

export class Totals {
  readonly #workers: number;
  #seeds = 0;
  #violations = 0;
  #virtualMs = 0;
  #events = 0;
  readonly #faults = new Map<FaultKind, Tally>(FAULT_KINDS.map((kind) => [kind, new Tally()]));
  readonly #counts = new Map<string, Tally>();

  constructor(workers: number) {
    this.#workers = workers;
  }

  get violations(): number {
    return this.#violations;
  }

  add(result: SeedResult): void {
    this.#seeds += 1;
    if (result.violation !== undefined) this.#violations += 1;
    this.#virtualMs += result.virtualMs;
    this.#events += result.events;
    for (const [kind, tally] of this.#faults) tally.add(result.faults[kind]);
    for (const [name, count] of Object.entries(result.counts)) {
      const tally = this.#counts.get(name) ?? new Tally();
      this.#counts.set(name, tally);
      tally.add(count);
    }
  }

  /** The last line of a run. */
  line(realMs: number): string {
    return [
      counted(this.#seeds, 'seed'),
      counted(this.#violations, 'violation'),
      `${Math.round(this.#virtualMs / 1000)} virtual s`,
      `${this.#speed(realMs)} virtual s per real s per core`,
      counted(this.#events, 'event'),
      counted(this.#faultsSum, 'fault'),
    ].join(', ');
  }

  progress(realMs: number): string {
    return [
      counted(this.#seeds, 'seed'),
      `${perSecond(this.#seeds, realMs).toFixed(1)} seeds/s`,
      `${this.#speed(realMs)} virtual s per real s per core`,
      counted(this.#faultsSum, 'fault'),
      counted(this.#violations, 'violation'),
    ].join(', ');
  }

  /** Every fault kind, happened or not, then every count by name. */
  table(): string {
    const counts = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      aligned([['fault', 'times', 'in seeds'], ...[...this.#faults].map(rowOf)]),
      aligned([['count', 'sum', 'in seeds'], ...counts.map(rowOf)]),
    ].join('\n\n');
  }

  get #faultsSum(): number {
    return [...this.#faults.values()].reduce((sum, tally) => sum + tally.sum, 0);
  }

  #speed(realMs: number): number {
    return Math.round(perSecond(this.#virtualMs / 1000, realMs) / this.#workers);
  }
}

class Tally {
  sum = 0;
  /** In which it came up at all. */
  seeds = 0;

  add(count: number): void {
    this.sum += count;
    if (count > 0) this.seeds += 1;
  }
}

function rowOf([name, { sum, seeds }]: readonly [string, Tally]): readonly string[] {
  return [name, String(sum), String(seeds)];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function perSecond(count: number, realMs: number): number {
  return realMs > 0 ? (count * 1000) / realMs : 0;
}

/** Names to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const padded = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  };
  return rows.map((row) => row.map(padded).join('  ')).join('\n');
}
