/** The processes of a run as their parent sees them. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Cycle } from './cycle.js';
import type { WorkerOrder } from './worker.js';

/** TypeScript as it stands, our own packages from their sources. */
const nodeArgs = ['--conditions=quorate-source', '--import', 'tsx'];
const errorCharsMax = 4_000;

export class Workers {
  /** In the order in which they were told. */
  readonly cycles: Cycle[] = [];
  readonly #children: readonly ChildProcess[];
  readonly #ready: Promise<unknown>;
  readonly #ended: Promise<unknown>;

  constructor(count: number, order: Omit<WorkerOrder, 'worker'>) {
    this.#children = Array.from({ length: count }, (_, worker) => {
      const child = fork(join(import.meta.dirname, 'worker.ts'), [JSON.stringify({ ...order, worker })], {
        execArgv: nodeArgs,
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      child.on('message', (message: Cycle | 'ready') => {
        if (message !== 'ready') this.cycles.push(message);
      });
      return child;
    });
    this.#ready = Promise.all(this.#children.map((child) => new Promise((resolve) => child.once('message', resolve))));
    this.#ended = Promise.all(this.#children.map(endOf));
    // Whoever awaits it is told; until then it is no news.
    this.#ended.catch(() => undefined);
  }

  /** Rejects when one of them has failed. */
  async start(): Promise<void> {
    await Promise.race([this.#ready, this.#ended]);
  }

  /** Resolves once each has finished its last cycle; rejects when one of them has failed. */
  async finish(): Promise<void> {
    for (const child of this.#children) if (child.connected) child.send('enough');
    await this.#ended;
  }

  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

function endOf(child: ChildProcess): Promise<void> {
  let errors = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    errors = (errors + bytes.toString()).slice(-errorCharsMax);
  });
  // Behind everything that it told.
  const silent = new Promise<void>((resolve) => child.once('disconnect', resolve));
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (code === 0) resolve(silent);
      else reject(new Error(`a worker ended with ${code}: ${errors}`));
    });
  });
}
