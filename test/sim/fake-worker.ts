/** A worker of run-many.ts that does by seed what a test wants to see. */
import { fakeResult } from './fake-run.js';
import { FAKE_SEEDS } from './fake-seeds.js';
import type { Plan } from './plan-types.js';
import { serveRuns } from './run-many-serve.js';
import type { SeedResult } from './seed-result.js';

async function run(plan: Plan): Promise<SeedResult> {
  switch (plan.seed) {
    case FAKE_SEEDS.violates:
      return fakeResult(plan, { checker: 'fake', message: 'as wanted', atMs: 5 });
    case FAKE_SEEDS.throws:
      throw new Error('thrown as wanted');
    case FAKE_SEEDS.dies:
      console.error('last words');
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => undefined);
    case FAKE_SEEDS.standsStill:
      for (;;);
    case FAKE_SEEDS.rejectsLater:
      void Promise.reject(new Error('nobody waits for this'));
      return new Promise(() => undefined);
    default:
      return fakeResult(plan);
  }
}

serveRuns(run);
