/**
 * What one member holds when all is over: everything that is there, and everything that was there at earlier revisions:
 * at some of them, and wherever nobody knows yet what was written.
 */
import type { FinalHistory } from '../../checkers/final-history.js';
import type { KeyValue } from '../../checkers/operation.js';
import type { Target } from '../workload-ports.js';
import { ALL_KEYS } from './keys.js';
import { persist, type PersistParts } from './persist.js';
import type { RevisionGaps } from './revision-gaps.js';

const POINTS = 8;
/** The store may move while it is read: what was sent before the end may come true after it. */
const ROUNDS_MAX = 5;

export interface FinalParts extends PersistParts {
  readonly gaps: RevisionGaps;
}

/** Undefined when the member does not answer, or does not come to rest. */
export async function readFinalHistory(target: Target, parts: FinalParts): Promise<FinalHistory | undefined> {
  const reader = new FinalReader(target, parts);
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const history = await reader.read();
    if (history === undefined) return undefined;
    const again = await reader.at(0);
    if (again?.revision === history.revision) return history;
  }
  return undefined;
}

class FinalReader {
  readonly #target: Target;
  readonly #parts: FinalParts;
  readonly #past = new Map<string, KeyValue>();

  constructor(target: Target, parts: FinalParts) {
    this.#target = target;
    this.#parts = parts;
  }

  async read(): Promise<FinalHistory | undefined> {
    const now = await this.at(0);
    if (now === undefined) return undefined;
    const { revision, kvs: current } = now;
    for (let point = 1; point <= POINTS; point += 1) {
      const earlier = revision - Math.ceil((point * revision) / (POINTS + 1));
      if (earlier < 1 || (await this.at(earlier)) === undefined) break;
    }
    await this.#closeGaps();
    for (const kv of current) this.#past.delete(nameOf(kv));
    return { revision, current, past: [...this.#past.values()] };
  }

  /** Undefined when it was compacted, or there is no answer. */
  async at(at: number): Promise<{ revision: number; kvs: readonly KeyValue[] } | undefined> {
    const call = { kind: 'range', ...ALL_KEYS, revision: at, limit: 0, read: 'linearizable' } as const;
    const outcome = (await persist(this.#target, this.#parts, () => call))?.outcome;
    if (outcome?.kind !== 'ok' || outcome.answer.kind !== 'range') return undefined;
    const { kvs } = outcome.answer;
    for (const kv of kvs) this.#past.set(nameOf(kv), kv);
    return { revision: outcome.revision, kvs };
  }

  async #closeGaps(): Promise<void> {
    const { gaps, isOver } = this.#parts;
    for (let next = gaps.next(); next !== undefined && !isOver(); next = gaps.next()) {
      for (const look of next.looks) await this.at(look);
      gaps.close(next.gap);
    }
  }
}

function nameOf({ key, modRevision }: KeyValue): string {
  return `${modRevision} ${key}`;
}
