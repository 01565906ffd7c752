/** What the clients with grants of a run know of each other: what is held, and who waits. May be stale. */
import type { Random } from '../../../server/lib/random.js';
import { pick } from './draw.js';

interface Known {
  readonly name: string;
  readonly token: number;
}

const REMEMBERED = 12;

export class GrantBoard {
  #tokens: Known[] = [];
  readonly #waiting = new Map<string, Set<string>>();

  held(name: string, token: number): void {
    this.#tokens = [...this.#tokens, { name, token }].slice(-REMEMBERED);
  }

  /** One that is or was held. */
  any(random: Random): Known | undefined {
    return this.#tokens.length === 0 ? undefined : pick(random, this.#tokens);
  }

  /** An earlier one of the name than `token`, if any is known. */
  older(random: Random, name: string, token: number): number {
    const older = this.#tokens.filter((known) => known.name === name && known.token < token);
    return older.length === 0 ? token : pick(random, older).token;
  }

  waits(names: readonly string[], attempt: string): void {
    const waiting = this.#waiting.get(names.join()) ?? new Set<string>();
    this.#waiting.set(names.join(), waiting.add(attempt));
  }

  waitsNoLonger(names: readonly string[], attempt: string): void {
    this.#waiting.get(names.join())?.delete(attempt);
  }

  /** Somebody who waits for the same; '': nobody. */
  next(random: Random, names: readonly string[]): string {
    const waiting = [...(this.#waiting.get(names.join()) ?? [])];
    return waiting.length === 0 ? '' : pick(random, waiting);
  }
}
