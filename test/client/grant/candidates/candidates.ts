/** The candidates as their parent sees them. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Term } from './judge.js';
import type { CandidateOrder, FromCandidate } from './messages.js';

export class Candidates {
  readonly #orders: readonly CandidateOrder[];
  readonly #children: ChildProcess[];
  readonly #terms = new Map<number, Term & { readonly place: number }>();
  readonly #ready = new Set<number>();
  readonly #errors: string[] = [];
  resigned = 0;

  constructor(orders: readonly CandidateOrder[]) {
    this.#orders = orders;
    this.#children = orders.map((_, place) => this.#begin(place));
  }

  get terms(): readonly Term[] {
    return [...this.#terms.values()];
  }

  /** What went wrong in a candidate itself, and tokens that two of them told of. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  get areReady(): boolean {
    return this.#ready.size === this.#orders.length;
  }

  /** Who led last. */
  get leader(): number | undefined {
    return [...this.#terms.values()].toSorted((a, b) => a.token - b.token).at(-1)?.place;
  }

  signal(place: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#children[place]?.kill(signal);
  }

  /** Another process takes its place. */
  kill(place: number): void {
    this.#children[place]?.kill('SIGKILL');
    this.#children[place] = this.#begin(place);
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #begin(place: number): ChildProcess {
    const child = fork(join(import.meta.dirname, 'candidate.ts'), [JSON.stringify(this.#orders[place])], {
      execArgv: ['--import', 'tsx'],
    });
    child.on('message', (message) => this.#told(place, message as FromCandidate));
    child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL') this.#errors.push(`candidate ${place} ended with ${code ?? signal}`);
    });
    return child;
  }

  #told(place: number, message: FromCandidate): void {
    if (message.kind === 'ready') this.#ready.add(place);
    if (message.kind === 'ended' && message.how === 'resigned') this.resigned += 1;
    if (message.kind !== 'led') return;
    const { token, from, to } = message;
    const known = this.#terms.get(token);
    const candidate = this.#orders[place]?.name ?? '';
    if (known !== undefined && known.place !== place)
      this.#errors.push(`token ${token} of ${known.candidate} and ${candidate}`);
    this.#terms.set(token, { token, candidate, from, to, place });
  }
}
