/**
 * What one member holds when all is over: everything that is there, everything at some earlier revisions, and the
 * histories of the keys whose writes nobody knows the end of.
 */
import type { FinalHistory } from '../../checkers/final-history.js';
import type { KeyValue, Operation } from '../../checkers/operation.js';
import type { Target } from '../workload-ports.js';
import { ALL_KEYS, type Span } from './keys.js';
import { persist, type PersistParts } from './persist.js';

/** Earlier revisions at which everything is read. */
const POINTS = 12;
/** Earlier versions that are looked up of one key, and of all keys together. */
const STEPS_PER_KEY_MAX = 15;
const STEPS_MAX = 150;
/** The store may move while it is read: what was sent before the end may come true after it. */
const ROUNDS_MAX = 5;

/** Undefined when the member does not answer, or does not come to rest. */
export async function readFinalHistory(target: Target, parts: PersistParts): Promise<FinalHistory | undefined> {
  const reader = new FinalReader(target, parts);
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const history = await reader.read();
    if (history === undefined) return undefined;
    const again = await reader.at(ALL_KEYS, 0);
    if (again?.revision === history.revision) return history;
  }
  return undefined;
}

class FinalReader {
  readonly #target: Target;
  readonly #parts: PersistParts;
  readonly #past = new Map<string, KeyValue>();
  #stepsLeft = STEPS_MAX;

  constructor(target: Target, parts: PersistParts) {
    this.#target = target;
    this.#parts = parts;
  }

  async read(): Promise<FinalHistory | undefined> {
    const now = await this.at(ALL_KEYS, 0);
    if (now === undefined) return undefined;
    const { revision, kvs: current } = now;
    for (let point = 1; point <= POINTS; point += 1) {
      const earlier = revision - Math.ceil((point * revision) / (POINTS + 1));
      if (earlier < 1 || (await this.at(ALL_KEYS, earlier)) === undefined) break;
    }
    for (const key of keysInDoubt(this.#parts.caller.history)) {
      await this.#walk(key, current.find((kv) => kv.key === key)?.modRevision ?? revision);
    }
    for (const kv of current) this.#past.delete(nameOf(kv));
    return { revision, current, past: [...this.#past.values()] };
  }

  /** Undefined when it was compacted, or there is no answer. */
  async at(
    where: Span | { readonly key: string },
    at: number,
  ): Promise<{ revision: number; kvs: readonly KeyValue[] } | undefined> {
    const call = { kind: 'range', ...where, revision: at, limit: 0, read: 'linearizable' } as const;
    const outcome = (await persist(this.#target, this.#parts, () => call))?.outcome;
    if (outcome?.kind !== 'ok' || outcome.answer.kind !== 'range') return undefined;
    const { kvs } = outcome.answer;
    for (const kv of kvs) this.#past.set(nameOf(kv), kv);
    return { revision: outcome.revision, kvs };
  }

  /** Back from one version to the one before, until a deletion, the compaction, or the limit. */
  async #walk(key: string, from: number): Promise<void> {
    let before = from;
    for (let step = 0; step < STEPS_PER_KEY_MAX && this.#stepsLeft > 0; step += 1) {
      this.#stepsLeft -= 1;
      const kv = before > 1 ? (await this.at({ key }, before - 1))?.kvs[0] : undefined;
      if (kv === undefined) return;
      before = kv.modRevision;
    }
  }
}

/** Written by calls of unknown outcome. Sorted. */
function keysInDoubt(history: readonly Operation[]): readonly string[] {
  const keys = new Set<string>();
  for (const { call, outcome } of history) {
    if (outcome.kind !== 'unknown') continue;
    const ops = call.kind === 'txn' ? [...call.success, ...call.failure] : [call];
    for (const op of ops) if (op.kind === 'put') keys.add(op.key);
  }
  return [...keys].sort();
}

function nameOf({ key, modRevision }: KeyValue): string {
  return `${modRevision} ${key}`;
}
