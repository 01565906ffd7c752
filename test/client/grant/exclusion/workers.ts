/** The workers as their parent sees them: it stops them in the middle of what they do, kills them and begins them anew. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FromWorker, Register, WorkerOrder } from './messages.js';

export type Tally = Record<'cycles' | 'failed', number>;
/** Writes to one register, as those who sent them saw it. */
export type Writes = Record<'sent' | 'acknowledged' | 'refused', number>;

export class Workers {
  readonly tally: Tally = { cycles: 0, failed: 0 };
  readonly writes: Readonly<Record<Register, Writes>> = { plain: noWrites(), fenced: noWrites(), guarded: noWrites() };
  readonly #orders: readonly WorkerOrder[];
  readonly #children: ChildProcess[];
  readonly #errors: string[] = [];
  /** Until all that a child has said was heard. */
  readonly #hearing: Promise<unknown>[] = [];
  #onHolding: ((place: number) => void) | undefined;
  #hasEnded = false;

  constructor(orders: readonly WorkerOrder[]) {
    this.#orders = orders;
    this.#children = orders.map((_, place) => this.#begin(place));
  }

  /** What went wrong in a worker itself. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** The next one that has read and will write. */
  untilHolding(): Promise<number> {
    return new Promise((resolve) => {
      this.#onHolding = resolve;
    });
  }

  stop(place: number): void {
    this.#children[place]?.kill('SIGSTOP');
  }

  resume(place: number): void {
    this.#children[place]?.kill('SIGCONT');
  }

  /** Another process takes its place. */
  kill(place: number): void {
    this.#children[place]?.kill('SIGKILL');
    this.#children[place] = this.#begin(place);
  }

  /** Resolves when everything was heard. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(this.#hearing);
  }

  #begin(place: number): ChildProcess {
    const child = fork(join(import.meta.dirname, 'worker.ts'), [JSON.stringify(this.#orders[place])], {
      execArgv: ['--import', 'tsx'],
    });
    this.#hearing.push(once(child, 'close'));
    child.on('message', (message) => this.#told(place, message as FromWorker));
    child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && !this.#hasEnded) this.#errors.push(`worker ${place} ended with ${code ?? signal}`);
    });
    return child;
  }

  #told(place: number, message: FromWorker): void {
    if (message.kind === 'holding') {
      const onHolding = this.#onHolding;
      this.#onHolding = undefined;
      onHolding?.(place);
    } else if (message.kind === 'failed') this.tally.failed += 1;
    else if (message.kind === 'cycle') this.tally.cycles += 1;
    else {
      const writes = this.writes[message.register];
      if (message.kind === 'writing') writes.sent += 1;
      else if (message.kind === 'wrote') writes.acknowledged += 1;
      else writes.refused += 1;
    }
  }
}

function noWrites(): Writes {
  return { sent: 0, acknowledged: 0, refused: 0 };
}
