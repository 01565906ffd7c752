/** The command line of the hunt for planted bugs. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { SEED_MAX } from '../main-options.js';
import { UsageError } from '../usage-error.js';
import type { Mutant } from './mutant.js';

export interface MutantsOptions {
  readonly mutants: readonly Mutant[];
  readonly from: number;
  /** Tried for each mutant before it counts as not found. */
  readonly seeds: number;
  /** Mutants at a time; one process each. */
  readonly workers: number;
  /** Only mutants that a seed is known for; it is tried before all others. */
  readonly known: boolean;
  /** Writes down which seeds found what, for --known. */
  readonly record: boolean;
}

export const MUTANTS_USAGE = `npm run sim:mutants -- [flags]

  --only TEXT    those whose names contain it; may be repeated
  --seeds N      tried for each before it counts as not found (default: 2000)
  --from N       the first of them (default: 1)
  --workers N    how many at a time (default: one for each core)
  --known        only those in known-seeds.json, each with its seed there before all others
  --record       write known-seeds.json
  --help         print this
`;

const SEEDS_DEFAULT = 2000;
const WORKERS_MAX = 64;

/** Throws UsageError with every problem found. */
export function parseMutantsOptions(args: readonly string[], all: readonly Mutant[]): MutantsOptions | 'help' {
  const values = valuesOf(args);
  if (values.help) return 'help';
  const problems: string[] = [];
  const integer = (flag: 'seeds' | 'from' | 'workers', least: number, most: number, other: number): number => {
    const text = values[flag];
    if (text === undefined) return other;
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    problems.push(`--${flag}: "${text}" is not an integer from ${least} to ${most}`);
    return other;
  };
  const wanted = values.only ?? [];
  for (const text of wanted) {
    if (!all.some(({ name }) => name.includes(text))) problems.push(`--only: no name contains "${text}"`);
  }
  const options: MutantsOptions = {
    mutants: all.filter(({ name }) => wanted.length === 0 || wanted.some((text) => name.includes(text))),
    from: integer('from', 0, SEED_MAX, 1),
    seeds: integer('seeds', 1, SEED_MAX, SEEDS_DEFAULT),
    workers: integer('workers', 1, WORKERS_MAX, Math.min(availableParallelism(), WORKERS_MAX)),
    known: values.known,
    record: values.record,
  };
  if (options.known && options.record) problems.push('--known and --record: say one of them');
  if (options.from + options.seeds - 1 > SEED_MAX) problems.push(`--seeds: the last seed would be beyond ${SEED_MAX}`);
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return options;
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        seeds: { type: 'string' },
        from: { type: 'string' },
        workers: { type: 'string' },
        known: { type: 'boolean', default: false },
        record: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
