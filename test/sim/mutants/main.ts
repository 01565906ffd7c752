/**
 * npm run sim:mutants: plants one bug after the other in a copy of the sources and sees how many seeds it takes the
 * simulator to find it. Prints the table for the README. Leaves with 0, with 1 when a bug was not found, with 2 when the
 * command line makes no sense; a bug that does not fit the sources any more ends it at once, by name.
 */
import type { Plan } from '../plan-types.js';
import { drawPlan } from '../draw-plan.js';
import { UsageError } from '../usage-error.js';
import { type Hunt, hunt } from './hunt.js';
import { hunted, huntTable, huntTotals } from './hunt-report.js';
import { type KnownSeeds, readKnownSeeds, writeKnownSeeds } from './known-seeds.js';
import type { Mutant } from './mutant.js';
import { MUTANTS } from './mutants.js';
import { type MutantsOptions, MUTANTS_USAGE, parseMutantsOptions } from './mutants-options.js';

const PROGRESS_MS = 10_000;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

try {
  const options = parseMutantsOptions(process.argv.slice(2), MUTANTS);
  if (options === 'help') console.log(MUTANTS_USAGE);
  else process.exitCode = (await huntAndPrint(options)) ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${MUTANTS_USAGE}`);
  process.exitCode = 2;
}

/** False when a bug was not found. */
async function huntAndPrint(options: MutantsOptions): Promise<boolean> {
  const hunts = await huntAll(options);
  console.log(`\n${huntTable(hunts)}\n\n${huntTotals(hunts)}`);
  return hunts.every(({ found }) => found !== undefined);
}

async function huntAll(options: MutantsOptions): Promise<readonly Hunt[]> {
  const { workers, record } = options;
  const known = options.known ? readKnownSeeds() : {};
  const mutants = options.known ? options.mutants.filter(({ name }) => known[name] !== undefined) : options.mutants;
  const hunts = new Map<Mutant, Hunt>();
  const current = new Map<Mutant, number>();
  const waiting = mutants[Symbol.iterator]();
  const timer = setInterval(() => {
    const names = [...current].map(([{ name }, seed]) => `${name} (seed ${seed})`);
    console.error(`${hunts.size} of ${mutants.length} done; ${names.join(', ')}`);
  }, PROGRESS_MS);
  const lane = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      const mutant = next.value;
      const done = await hunt(mutant, plansFor(mutant, options, known), (seed) => current.set(mutant, seed));
      current.delete(mutant);
      hunts.set(mutant, done);
      console.error(hunted(done));
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, lane));
  } finally {
    clearInterval(timer);
  }
  const inOrder = mutants.flatMap((mutant) => hunts.get(mutant) ?? []);
  if (record) writeKnownSeeds(inOrder);
  return inOrder;
}

function* plansFor({ name }: Mutant, { from, seeds }: MutantsOptions, known: KnownSeeds): Generator<Plan> {
  const first = known[name];
  if (first !== undefined) yield drawPlan(first);
  for (let seed = from; seed < from + seeds; seed += 1) if (seed !== first) yield drawPlan(seed);
}
