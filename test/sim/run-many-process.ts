/** One worker process as its parent sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { createDeferred, type Deferred } from '../../server/lib/deferred.js';
import { failedRun } from './failed-run.js';
import type { Plan } from './plan-types.js';
import { processorMs } from './processor-time.js';
import type { SeedResult } from './seed-result.js';

export interface WorkerProgram {
  /** A module that calls serveRuns. */
  readonly file: string;
  /** The folder of the package that it belongs to. */
  readonly cwd: string;
}

/** Parent to worker. */
export interface RunRequest {
  readonly plan: Plan;
}

/** Worker to parent: `ready` once, when all is loaded, then a result for each request. */
export type WorkerMessage = { readonly kind: 'ready' } | { readonly kind: 'result'; readonly result: SeedResult };

export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError';
}

/** TypeScript as it stands, our own packages from their sources. */
const NODE_ARGS = ['--conditions=quorate-source', '--import', 'tsx'];
const START_MS_MAX = 60_000;
const LATE_LOOK_MS = 1_000;
/** So much slower than alone a child may be when many others want the processors. */
const STARVED_FACTOR = 10;
/** Of the end of what the worker said on stderr. */
const STDERR_CHARS_MAX = 4_000;

type Happening =
  | { readonly kind: 'message'; readonly message: WorkerMessage }
  | { readonly kind: 'ended'; readonly how: string }
  | { readonly kind: 'late' };

export class RunManyProcess {
  readonly #child: ChildProcess;
  readonly #closed = createDeferred<void>();
  #waiting: Deferred<Happening> | undefined;
  /** Came while nobody waited. */
  #early: Happening | undefined;
  #stderr = '';
  #isRunning = true;

  constructor({ file, cwd }: WorkerProgram) {
    this.#child = fork(file, [], { cwd, execArgv: NODE_ARGS, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_CHARS_MAX);
    });
    this.#child.on('message', (message) => this.#happened({ kind: 'message', message: message as WorkerMessage }));
    this.#child.on('error', (error) => this.#ended(String(error)));
    this.#child.on('close', (code, signal) => this.#ended(signal === null ? `exit code ${code}` : `${signal}`));
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Rejects with WorkerStartError when the program does not come to that. */
  async ready(): Promise<void> {
    const first = await this.#next(START_MS_MAX);
    if (first.kind === 'message') return;
    throw new WorkerStartError(`the worker did not start: ${this.#described(first, START_MS_MAX)}`);
  }

  /** Never rejects: a process that dies or stands still is a violation, and is not running afterwards. */
  async run(plan: Plan, msMax: number): Promise<SeedResult> {
    const request: RunRequest = { plan };
    this.#child.send(request, () => undefined);
    const happening = await this.#next(msMax);
    if (happening.kind === 'message' && happening.message.kind === 'result') return happening.message.result;
    await this.end();
    const checker = happening.kind === 'late' ? 'time limit' : 'process';
    return failedRun(plan, checker, this.#described(happening, msMax));
  }

  /** Kills it. Resolves when it is gone; may be called again. */
  end(): Promise<void> {
    if (this.#isRunning) this.#child.kill('SIGKILL');
    return this.#closed.promise;
  }

  #next(msMax: number): Promise<Happening> {
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) return Promise.resolve(early);
    if (!this.#isRunning) return Promise.resolve({ kind: 'ended', how: 'gone already' });
    const waiting = createDeferred<Happening>();
    this.#waiting = waiting;
    const isLate = this.#deadline(msMax);
    const timer = setInterval(
      () => {
        if (isLate()) this.#happened({ kind: 'late' });
      },
      Math.min(LATE_LOOK_MS, msMax / 4),
    );
    void waiting.promise.then(() => clearInterval(timer));
    return waiting.promise;
  }

  /** After `msMax` of the child's own processor time. One that waits for nothing uses none: it has real time, too. */
  #deadline(msMax: number): () => boolean {
    const { pid = 0 } = this.#child;
    const startedAt = performance.now();
    const usedBefore = processorMs(pid) ?? 0;
    return () => {
      const realMs = performance.now() - startedAt;
      const usedMs = (processorMs(pid) ?? usedBefore + realMs) - usedBefore;
      return usedMs >= msMax || realMs >= STARVED_FACTOR * msMax;
    };
  }

  #happened(happening: Happening): void {
    if (this.#waiting === undefined) {
      this.#early = happening;
      return;
    }
    this.#waiting.resolve(happening);
    this.#waiting = undefined;
  }

  #ended(how: string): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#happened({ kind: 'ended', how });
    this.#closed.resolve();
  }

  #described(happening: Happening, msMax: number): string {
    const said = this.#stderr.trim() === '' ? '' : `\n${this.#stderr.trim()}`;
    switch (happening.kind) {
      case 'late':
        return `no result after ${msMax / 1000} s of its processor, or much longer without${said}`;
      case 'ended':
        return `the process ended: ${happening.how}${said}`;
      case 'message':
        return `an unexpected message: ${happening.message.kind}`;
    }
  }
}
