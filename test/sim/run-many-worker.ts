/** A worker process of the simulator; run-many.ts starts it. */
import { runPlan } from './run-seed.js';
import { serveRuns } from './run-many-serve.js';

serveRuns((plan) => runPlan(plan));
