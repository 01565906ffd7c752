/** What was noticed against the cluster while it ran, before any checker looks at the whole history. */
import type { Finding } from '../workload-ports.js';

/** The first ones tell the story; a member gone mad would fill the memory with the rest. */
const FINDINGS_MAX = 100;

export class Findings {
  readonly #all: Finding[] = [];

  add(checker: string, message: string): void {
    if (this.#all.length < FINDINGS_MAX) this.#all.push({ checker, message });
  }

  get all(): readonly Finding[] {
    return this.#all;
  }
}
