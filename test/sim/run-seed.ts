/**
 * One run of the simulator: a cluster under the faults of its plan, then left in peace, then judged. The same plan gives
 * the same run on every machine. What is violated is in the result; nothing is thrown for it.
 */
import { drawPlan } from './draw-plan.js';
import { streamOf } from './draws.js';
import { drive } from './event-loop.js';
import { Faults } from './faults.js';
import type { Plan } from './plan-types.js';
import { QuietPhase } from './quiet-phase.js';
import type { RunOptions, SeedResult } from './seed-result.js';
import { describeError, World, type WorldOptions } from './world.js';
import { makeWorkload } from './workload/workload.js';
import type { MakeWorkload, Workload } from './workload-ports.js';

export interface SimulationOptions extends WorldOptions {
  /** Default: the one and only. */
  readonly makeWorkload?: MakeWorkload;
}

export function runSeed(seed: number, options?: RunOptions): Promise<SeedResult> {
  return runPlan(drawPlan(seed), options);
}

export async function runPlan(plan: Plan, options: RunOptions & SimulationOptions = {}): Promise<SeedResult> {
  const world = new World(plan, options);
  const workload = (options.makeWorkload ?? makeWorkload)(plan, {
    random: streamOf(plan.seed, 'workload'),
    clock: { now: () => world.time.nowMs, setTimer: (callback, ms) => world.time.after(ms, callback) },
    targets: () => world.targets,
    history: () => world.checks.reference.history,
    trace: (line) => world.trace.line(line),
    leaseRecords: world.checks.leases,
    sessionRecords: world.checks.sessions,
    grantRecords: world.checks.grants,
    held: world.checks.held,
    sdk: world.clients,
    answers: world.checks.answers,
  });
  const unhandled = (error: unknown): void => world.report('unhandled-rejection', describeError(error));
  process.on('unhandledRejection', unhandled);
  try {
    let isOver = false;
    live(world, workload).then(
      () => {
        isOver = true;
      },
      (error: unknown) => world.report('exception', describeError(error)),
    );
    await drive(() => !isOver && world.step());
    // Rejections that nobody handled are told when Node gets its turn.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  return resultOf(world, workload);
}

async function live(world: World, workload: Workload): Promise<void> {
  const { plan } = world;
  const faults = new Faults(world);
  for (let spare = 1; spare <= plan.spares; spare += 1) world.addSlot(BigInt(plan.voters + spare));
  for (const slot of world.slots.values()) world.start(slot);
  faults.start();
  workload.start();
  await world.sleep(plan.faultyMs);
  await new QuietPhase(world).run(faults, workload);
}

function resultOf(world: World, workload: Workload): SeedResult {
  const { plan, trace, time, events, faults, violation, checks, counts } = world;
  return {
    plan,
    traceHash: trace.hash,
    virtualMs: time.nowMs,
    events,
    faults: faults.all(),
    counts: {
      ...counts,
      elections: checks.elections,
      committed: checks.committed.index,
      checkedSteps: checks.steps,
      ...workload.counts,
    },
    violation,
  };
}
