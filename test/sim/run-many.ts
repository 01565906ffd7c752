/**
 * Runs plans in worker processes, one plan at a time in each. A worker that dies or stands still is a failure of the
 * plan that it ran, never of the others: another process takes its place.
 */
import { fileURLToPath } from 'node:url';
import type { Plan } from './plan-types.js';
import { RunManyProcess, type WorkerProgram } from './run-many-process.js';
import type { SeedResult } from './seed-result.js';

export interface RunManyJob {
  readonly plans: Iterable<Plan>;
  readonly workers: number;
  /** Called in the order in which the runs end. False: that is enough, what is under way is dropped. */
  readonly onResult: (result: SeedResult) => boolean;
  /** Default: the simulator. */
  readonly program?: WorkerProgram;
  /** Of a processor's time for one plan; default SEED_MS_MAX. */
  readonly seedMsMax?: number;
}

/** Of a processor's time, after which a worker is taken to stand still in its plan. */
export const SEED_MS_MAX = 120_000;
/** Then a fresh process: nothing that a run leaves behind may pile up. */
const RUNS_PER_PROCESS_MAX = 500;

export const SIMULATOR: WorkerProgram = {
  file: fileURLToPath(new URL('run-many-worker.ts', import.meta.url)),
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
};

/** Rejects with WorkerStartError when the program cannot be loaded: that says nothing about any plan. */
export async function runMany(job: RunManyJob): Promise<void> {
  const lanes = new Lanes(job);
  await Promise.all(Array.from({ length: job.workers }, () => lanes.run()));
}

class Lanes {
  readonly #job: RunManyJob;
  readonly #plans: Iterator<Plan>;
  readonly #processes = new Set<RunManyProcess>();
  #isEnough = false;

  constructor(job: RunManyJob) {
    this.#job = job;
    this.#plans = job.plans[Symbol.iterator]();
  }

  /** One process after the other, until the plans are used up. */
  async run(): Promise<void> {
    for (let plan = this.#nextPlan(); plan !== undefined; ) {
      const process = new RunManyProcess(this.#job.program ?? SIMULATOR);
      this.#processes.add(process);
      try {
        await process.ready();
        plan = await this.#runOn(process, plan);
      } catch (error) {
        // Whoever ended the run has ended this process, too.
        if (this.#isEnough) return;
        this.#stop();
        throw error;
      } finally {
        this.#processes.delete(process);
        await process.end();
      }
    }
  }

  /** Answers the first plan that it leaves to another process. */
  async #runOn(process: RunManyProcess, first: Plan): Promise<Plan | undefined> {
    const { onResult, seedMsMax = SEED_MS_MAX } = this.#job;
    let plan: Plan | undefined = first;
    for (let runs = 0; plan !== undefined && runs < RUNS_PER_PROCESS_MAX && process.isRunning; runs += 1) {
      const result = await process.run(plan, seedMsMax);
      if (this.#isEnough) return undefined;
      if (!onResult(result)) this.#stop();
      plan = this.#nextPlan();
    }
    return plan;
  }

  #nextPlan(): Plan | undefined {
    if (this.#isEnough) return undefined;
    const next = this.#plans.next();
    return next.done === true ? undefined : next.value;
  }

  #stop(): void {
    this.#isEnough = true;
    for (const process of this.#processes) void process.end();
  }
}
