/** How a plan and a failed run are told to people. */
import type { Plan } from './plan-types.js';
import type { SeedResult } from './seed-result.js';

/** A failed run, and how to see it again. */
export function failureText({ plan, violation }: SeedResult, again: string): string {
  if (violation === undefined) return `seed ${plan.seed}: no violation`;
  const { checker, message, atMs } = violation;
  return `seed ${plan.seed} FAILED at ${Math.round(atMs)} virtual ms: ${checker}: ${message}\n  again: ${again}`;
}

/** The last line of a trace: equal wherever the run is repeated. */
export function verdictLine({ traceHash, violation }: SeedResult): string {
  if (violation === undefined) return `hash ${traceHash}: no violation`;
  return `hash ${traceHash}: VIOLATION of ${violation.checker}: ${violation.message}`;
}

/** What a plan holds, in one line. */
export function planLine({ faults, ...sizes }: Plan): string {
  return Object.entries({ ...sizes, ...faults })
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
