/**
 * The simulator as CI runs it: the seeds that failed once, then thousands that nobody has seen before, then whether a
 * seed is the same run in every process, then whether planted bugs are found. QUORATE_SEED repeats the fresh seeds.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { FAULT_KINDS } from './plan-types.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** So many, or as many as the time is enough for: on a slow machine fewer, and never too few to mean anything. */
const FRESH_SEEDS = 3_000;
const FRESH_SEEDS_LEAST = 200;
const FRESH_MINUTES = 5;
const REPEATED_SEEDS = 60;
const MINUTE_MS = 60_000;

/** Without them a run of all seeds would prove little; of fewer seeds that much less is asked. */
const FLOORS = {
  elections: 8_000,
  snapshotsInstalled: 1_000,
  committed: 250_000,
  'put ok': 40_000,
  'txn ok': 100_000,
  'linearizable read ok': 50_000,
  'lease keepAlive ok': 10_000,
  'leases expired': 4_000,
  'leases revoked': 1_000,
  'ends of leases with keys': 1_500,
  'client streams broken': 1_000,
  'client cuts': 1_500,
  'client pauses': 500,
  'session writes': 60_000,
  'session writes that came again': 1_500,
  'sessions expired': 300,
  'sdk put ok': 15_000,
  'sdk session read ok': 8_000,
  'sdk put unknown': 500,
  'grants granted': 8_000,
  'grants that waited first': 1_600,
  'grant attempts that came again': 1_800,
  'grant attempts given up while waiting': 2_000,
  'grants lost with their leases': 2_500,
  'lock delays begun': 500,
  'writes under a token': 5_000,
  'writes under a token refused': 1_000,
  'grant next ok': 12_000,
  'grant attain ok': 1_200,
  'sdk grants acquired': 25_000,
  'sdk grants lost': 1_500,
  'sdk grants lost by force': 250,
  'sdk looks at a holding in jeopardy': 800,
  'sdk guarded writes': 25_000,
  'sdk observations': 10_000,
  'client machines asleep': 100,
} as const;

const firstSeed = Number(process.env['QUORATE_SEED'] ?? Date.now() % 1_000_000_000);
const running = new Set<ChildProcess>();

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly ms: number;
}

/** What it says on stderr is how it goes: shown as it comes. */
async function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Output> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--conditions=quorate-source', '--import', 'tsx', file, ...args], {
    cwd: ROOT,
    env: { ...process.env, CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  running.delete(child);
  return { code, stdout, ms: performance.now() - startedAt };
}

const simulate = (...args: string[]): Promise<Output> => run('test/sim/main.ts', args);

/** The numbers of the tables that a run prints, by name. */
function sumsOf(stdout: string): ReadonlyMap<string, number> {
  const rows = stdout.matchAll(/^(\S.*?) {2,}(\d+) +\d+$/gm);
  return new Map([...rows].map(([, name = '', sum]) => [name, Number(sum)]));
}

/** What a run said of the seeds that failed, each with the command that repeats it. */
function failuresIn(stdout: string): string {
  return (stdout.match(/^seed \d+ FAILED .*(?:\n {2}again: .*)?$/gm) ?? []).join('\n');
}

describe('the simulated cluster', () => {
  it('passes every seed that ever failed', { timeout: 5 * MINUTE_MS }, async () => {
    const { code, stdout } = await simulate('--recorded');
    expect(failuresIn(stdout)).toBe('');
    expect(stdout).toContain(' 0 violations');
    expect(code).toBe(0);
  });

  it('passes seeds that nobody has seen before', { timeout: 15 * MINUTE_MS }, async () => {
    console.log(`${FRESH_SEEDS} seeds from ${firstSeed} on`);
    const range = ['--seeds', String(FRESH_SEEDS), '--from', String(firstSeed)];
    const { code, stdout, ms } = await simulate(...range, '--minutes', String(FRESH_MINUTES));
    console.log(`${stdout}in ${Math.round(ms / 1000)} s`);
    expect(failuresIn(stdout)).toBe('');
    const seeds = Number(/^(\d+) seeds, 0 violations/m.exec(stdout)?.[1] ?? 0);
    expect(seeds).toBeGreaterThanOrEqual(FRESH_SEEDS_LEAST);
    expect(code).toBe(0);
    const sums = sumsOf(stdout);
    expect(FAULT_KINDS.filter((kind) => sums.get(kind) === undefined || sums.get(kind) === 0)).toEqual([]);
    const share = seeds / FRESH_SEEDS;
    const below = Object.entries(FLOORS).filter(([name, floor]) => (sums.get(name) ?? 0) < floor * share);
    expect(below.map(([name, floor]) => `${name}: ${sums.get(name)} of ${floor * share}`)).toEqual([]);
  });

  it('is the same run in every process, whatever is around it', { timeout: 10 * MINUTE_MS }, async () => {
    const args = ['--hashes', '--seeds', String(REPEATED_SEEDS), '--from', String(firstSeed)];
    const one = await run('test/sim/main.ts', args, {
      TZ: 'Asia/Kathmandu',
      LC_ALL: 'tr_TR.UTF-8',
      NODE_OPTIONS: '--max-old-space-size=400',
    });
    const other = await run('test/sim/main.ts', [...args, '--workers', '1'], {
      TZ: 'America/St_Johns',
      LC_ALL: 'C',
      NODE_OPTIONS: '--max-old-space-size=2000',
    });
    expect(one.stdout.trim().split('\n')).toHaveLength(REPEATED_SEEDS);
    expect(one.stdout).toMatch(/^(\d+ [0-9a-f]{16}\n)+$/);
    expect(one.stdout).toBe(other.stdout);
  });

  it('does not hide a bug that is planted', { timeout: 30 * MINUTE_MS }, async () => {
    const { code, stdout } = await run('test/sim/mutants/main.ts', ['--known']);
    console.log(stdout);
    expect(stdout).not.toContain('none of');
    expect(code).toBe(0);
  });
});
