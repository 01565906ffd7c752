/** The command line of the simulator: what is allowed, what it defaults to, and every problem at once. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.js';

export type MainOptions =
  | { readonly action: 'help' }
  | ({ readonly action: 'run' } & RunManyOptions)
  /** The readable story of one plan. */
  | { readonly action: 'trace'; readonly source: PlanSource }
  | { readonly action: 'minimize'; readonly source: PlanSource };

export interface RunManyOptions {
  readonly source: SeedSource | PlanSource;
  readonly workers: number;
  /** Whether failing seeds join seeds.txt. */
  readonly record: boolean;
  /** Prints `seed hash` lines and nothing else on stdout. */
  readonly hashes: boolean;
  readonly stopAtFirst: boolean;
  /** No further seed begins after so many minutes of real time. */
  readonly minutes: number;
}

export type SeedSource =
  | { readonly kind: 'range'; readonly from: number; readonly count: number }
  /** All of seeds.txt. */
  | { readonly kind: 'recorded' };

export type PlanSource =
  | { readonly kind: 'seed'; readonly seed: number }
  /** A plan as JSON; '-' is stdin. */
  | { readonly kind: 'plan'; readonly file: string };

/** The random streams are seeded by 32 bits. */
export const SEED_MAX = 2 ** 32 - 1;
const SEEDS_DEFAULT = 100;
const WORKERS_MAX = 64;
/** A week. */
const MINUTES_MAX = 10_080;

export const USAGE = `npm run sim -- [flags]

  --seeds N      how many seeds to run (default: ${SEEDS_DEFAULT})
  --from N       the first of them (default: 1)
  --seed N       this one only
  --plan FILE    a plan as JSON instead of a seed; - reads stdin
  --recorded     the seeds of seeds.txt
  --workers N    processes (default: one for each core)
  --minutes N    begin no further seed after so many minutes
  --first        stop at the first violation
  --hashes       print "seed hash" lines only, in order
  --no-record    do not add failing seeds to seeds.txt (so it is in CI)
  --trace        with --seed or --plan: its readable story
  --minimize     with --seed or --plan: a smaller plan that fails the same check
  --help         print this
`;

const OPTIONS = {
  seeds: { type: 'string' },
  from: { type: 'string' },
  seed: { type: 'string' },
  plan: { type: 'string' },
  recorded: { type: 'boolean', default: false },
  workers: { type: 'string' },
  minutes: { type: 'string' },
  first: { type: 'boolean', default: false },
  hashes: { type: 'boolean', default: false },
  'no-record': { type: 'boolean', default: false },
  trace: { type: 'boolean', default: false },
  minimize: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** `args` without the program's name. Throws UsageError with every problem found. */
export function parseMainOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): MainOptions {
  const values = valuesOf(args);
  if (values.help) return { action: 'help' };
  const problems: string[] = [];
  const integer = (
    flag: 'seeds' | 'from' | 'seed' | 'workers' | 'minutes',
    least: number,
    most: number,
    other: number,
  ): number => {
    const text = values[flag];
    if (text === undefined) return other;
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    problems.push(`--${flag}: "${text}" is not an integer from ${least} to ${most}`);
    return other;
  };
  const from = integer('from', 0, SEED_MAX, 1);
  const count = integer('seeds', 1, SEED_MAX, SEEDS_DEFAULT);
  const seed = integer('seed', 0, SEED_MAX, 0);
  const workers = integer('workers', 1, WORKERS_MAX, Math.min(availableParallelism(), WORKERS_MAX));
  const minutes = integer('minutes', 1, MINUTES_MAX, Infinity);
  if (from + count - 1 > SEED_MAX) problems.push(`--seeds: the last seed would be beyond ${SEED_MAX}`);

  const range = (['seeds', 'from'] as const).filter((flag) => given(values[flag])).slice(0, 1);
  const sources = [...(['seed', 'plan', 'recorded'] as const).filter((flag) => given(values[flag])), ...range];
  if (sources.length > 1) problems.push(`${list(sources)}: say one of them`);
  const one: PlanSource | undefined =
    values.seed !== undefined
      ? { kind: 'seed', seed }
      : values.plan !== undefined
        ? { kind: 'plan', file: values.plan }
        : undefined;
  const actions = (['trace', 'minimize'] as const).filter((flag) => values[flag]);
  if (actions.length > 1) problems.push(`${list(actions)}: say one of them`);
  const [action] = actions;
  if (action !== undefined && one === undefined) problems.push(`--${action}: say which one by --seed or --plan`);
  if (action !== undefined && values.hashes) problems.push(`--hashes: not together with --${action}`);

  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  if (action !== undefined && one !== undefined) return { action, source: one };
  return {
    action: 'run',
    source: one ?? (values.recorded ? { kind: 'recorded' } : { kind: 'range', from, count }),
    workers,
    record: !values['no-record'] && !given(environment['CI']),
    hashes: values.hashes,
    stopAtFirst: values.first,
    minutes,
  };
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function given(value: string | boolean | undefined): boolean {
  return value !== undefined && value !== false && value !== '';
}

function list(flags: readonly string[]): string {
  return flags.map((flag) => `--${flag}`).join(' and ');
}
