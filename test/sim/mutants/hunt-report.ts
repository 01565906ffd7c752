/** What came of the hunts: the table for the README, and the line at the end. */
import type { Hunt } from './hunt.js';

export function hunted({ mutant, seeds, found }: Hunt): string {
  if (found === undefined) return `NOT FOUND in ${seeds} seeds: ${mutant.name}`;
  const { seed, violation } = found;
  return `found by seed ${seed}: ${mutant.name}: ${violation.checker}: ${violation.message.split('\n')[0]}`;
}

export function huntTable(hunts: readonly Hunt[]): string {
  const rows = hunts.map(({ mutant, seeds, found }) => [
    mutant.name,
    found === undefined ? `none of ${seeds}` : String(seeds),
    found?.violation.checker ?? '',
  ]);
  return markdown([['planted bug', 'seeds', 'found by'], ...rows]);
}

/** The median counts a bug that was not found as one that needs more seeds than were tried. */
export function huntTotals(hunts: readonly Hunt[]): string {
  const needed = hunts.map(({ seeds, found }) => (found === undefined ? Infinity : seeds)).sort((a, b) => a - b);
  const found = needed.filter((seeds) => seeds < Infinity).length;
  const median = needed[Math.floor((needed.length - 1) / 2)] ?? 0;
  return `found ${found} of ${hunts.length}, median ${median === Infinity ? 'unknown' : median} seeds`;
}

function markdown(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows.map(line);
  return [head, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body].join('\n');
}
