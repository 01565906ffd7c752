/** Looks for one planted bug: runs the simulator over a copy that has it, seed by seed, until something is violated. */
import { join } from 'node:path';
import type { Plan } from '../plan-types.js';
import { runMany } from '../run-many.js';
import type { Violation } from '../seed-result.js';
import type { Mutant } from './mutant.js';
import { copyWith, removeCopy } from './mutant-copy.js';

export interface Hunt {
  readonly mutant: Mutant;
  /** How many seeds were run, the one that found it included. */
  readonly seeds: number;
  readonly found: Found | undefined;
}

export interface Found {
  readonly seed: number;
  readonly violation: Violation;
}

/** `tell` hears of each seed that found nothing. */
export async function hunt(mutant: Mutant, plans: Iterable<Plan>, tell: (seed: number) => void): Promise<Hunt> {
  const folder = await copyWith(mutant);
  let seeds = 0;
  let found: Found | undefined;
  try {
    await runMany({
      plans,
      workers: 1,
      program: { file: join(folder, 'test/sim/run-many-worker.ts'), cwd: folder },
      onResult: ({ plan, violation }) => {
        seeds += 1;
        // A run that is only slow proves nothing.
        if (violation === undefined || violation.checker === 'time limit') tell(plan.seed);
        else found = { seed: plan.seed, violation };
        return found === undefined;
      },
    });
  } finally {
    await removeCopy(folder);
  }
  return { mutant, seeds, found };
}
