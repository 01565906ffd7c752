/** Runs plans one after the other in a process of its own, for whoever decides by each result what to run next. */
import type { Plan } from './plan-types.js';
import { SEED_MS_MAX, SIMULATOR } from './run-many.js';
import { RunManyProcess, type WorkerProgram } from './run-many-process.js';
import type { SeedResult } from './seed-result.js';

export class SerialRuns {
  readonly #program: WorkerProgram;
  #process: RunManyProcess | undefined;

  constructor(program: WorkerProgram = SIMULATOR) {
    this.#program = program;
  }

  /** Rejects with WorkerStartError alone. */
  async run(plan: Plan, seedMsMax: number = SEED_MS_MAX): Promise<SeedResult> {
    if (this.#process?.isRunning !== true) {
      this.#process = new RunManyProcess(this.#program);
      await this.#process.ready();
    }
    return this.#process.run(plan, seedMsMax);
  }

  async end(): Promise<void> {
    await this.#process?.end();
  }
}
