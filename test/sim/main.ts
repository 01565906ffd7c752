/**
 * npm run sim -- [flags]: whole clusters in one process each, from seeds, under faults. USAGE in main-options.ts says
 * what there is. Leaves with 0, with 1 when anything was violated, with 2 when the command line makes no sense.
 */
import { readFileSync } from 'node:fs';
import { runOrFail } from './failed-run.js';
import { type MainOptions, parseMainOptions, type PlanSource, type RunManyOptions, USAGE } from './main-options.js';
import { minimize } from './minimize.js';
import { parsePlan, planText } from './plan-file.js';
import type { Plan } from './plan-types.js';
import { drawPlan } from './draw-plan.js';
import { Progress } from './progress.js';
import { failureText, planLine, verdictLine } from './report-lines.js';
import { Totals } from './report-totals.js';
import { runMany } from './run-many.js';
import { SerialRuns } from './run-many-serial.js';
import { runPlan } from './run-seed.js';
import type { SeedResult } from './seed-result.js';
import { readSeeds, recordSeed } from './seeds-file.js';
import { UsageError } from './usage-error.js';

// A reader that has seen enough, such as head, is no error.
process.stdout.on('error', () => process.exit());

try {
  process.exitCode = (await act(parseMainOptions(process.argv.slice(2), process.env))) ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

/** False when anything was violated. */
async function act(options: MainOptions): Promise<boolean> {
  switch (options.action) {
    case 'help':
      console.log(USAGE);
      return true;
    case 'run':
      return runAll(options);
    case 'trace':
      return trace(planOf(options.source));
    case 'minimize':
      return minimizeAndPrint(planOf(options.source), options.source);
  }
}

async function runAll(options: RunManyOptions): Promise<boolean> {
  const { source, hashes, record, stopAtFirst, minutes } = options;
  const workers = source.kind === 'seed' || source.kind === 'plan' ? 1 : options.workers;
  const totals = new Totals(workers);
  const progress = new Progress(totals);
  const print = hashes ? (line: string): void => progress.say(line) : (line: string): void => progress.print(line);
  const inOrder = new Map<number, string>();
  const onResult = (result: SeedResult): boolean => {
    totals.add(result);
    if (hashes) inOrder.set(result.plan.seed, result.traceHash);
    const isTimeLeft = progress.realMs < minutes * 60_000;
    if (result.violation === undefined) return isTimeLeft;
    print(failureText(result, repeatCommand(result.plan, source)));
    if (record && source.kind !== 'plan') recordSeed({ seed: result.plan.seed, reason: reasonOf(result) });
    return isTimeLeft && !stopAtFirst;
  };
  try {
    await runMany({ plans: plansOf(source), workers, onResult });
  } finally {
    progress.end();
  }
  for (const [seed, hash] of [...inOrder].sort(([a], [b]) => a - b)) console.log(`${seed} ${hash}`);
  print(`\n${totals.table()}\n`);
  print(totals.line(progress.realMs));
  return totals.violations === 0;
}

async function trace(plan: Plan): Promise<boolean> {
  console.log(`plan ${planLine(plan)}`);
  const result = await runOrFail(plan, () => runPlan(plan, { trace: (line) => console.log(line) }));
  console.log(verdictLine(result));
  return result.violation === undefined;
}

/** In worker processes: a plan on the way may well stand still. */
async function minimizeAndPrint(plan: Plan, source: PlanSource): Promise<boolean> {
  const runs = new SerialRuns();
  try {
    return await minimizeBy((candidate) => runs.run(candidate), plan, source);
  } finally {
    await runs.end();
  }
}

async function minimizeBy(run: (plan: Plan) => Promise<SeedResult>, plan: Plan, source: PlanSource): Promise<boolean> {
  const failed = await run(plan);
  console.error(failureText(failed, repeatCommand(plan, source)));
  if (failed.violation === undefined) return true;
  const { plan: small, result, runs } = await minimize(failed, run, (line) => console.error(line));
  console.error(`${runs} runs: ${result.violation?.checker}: ${result.violation?.message}`);
  console.error("its story: npm run sim -- --trace --plan - <<< '<the line below>'");
  console.log(planText(small));
  return false;
}

function* plansOf(source: RunManyOptions['source']): Generator<Plan> {
  switch (source.kind) {
    case 'range':
      for (let seed = source.from; seed < source.from + source.count; seed += 1) yield drawPlan(seed);
      return;
    case 'recorded':
      for (const { seed } of readSeeds()) yield drawPlan(seed);
      return;
    case 'seed':
    case 'plan':
      yield planOf(source);
  }
}

function planOf(source: PlanSource): Plan {
  if (source.kind === 'seed') return drawPlan(source.seed);
  try {
    return parsePlan(readFileSync(source.file === '-' ? 0 : source.file, 'utf8'));
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`--plan: ${String(error)}`);
  }
}

function repeatCommand({ seed }: Plan, source: { readonly kind: string }): string {
  return source.kind === 'plan' ? 'the same command with --trace' : `npm run sim -- --trace --seed ${seed}`;
}

function reasonOf({ violation }: SeedResult): string {
  return `${violation?.checker}: ${violation?.message}`;
}
