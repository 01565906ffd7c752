/** The worker's side: runs what its parent asks for, one plan at a time, and ends with it. */
import { runOrFail } from './failed-run.js';
import type { Plan } from './plan-types.js';
import type { RunRequest, WorkerMessage } from './run-many-process.js';
import type { SeedResult } from './seed-result.js';

export function serveRuns(run: (plan: Plan) => Promise<SeedResult>): void {
  const tell = (message: WorkerMessage): void => {
    process.send?.(message);
  };
  process.on('message', ({ plan }: RunRequest) => {
    void runOrFail(plan, run).then((result) => tell({ kind: 'result', result }));
  });
  process.on('disconnect', () => process.exit());
  tell({ kind: 'ready' });
}
