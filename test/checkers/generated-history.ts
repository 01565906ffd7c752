/**
 * Valid histories of any length: clients with random timing call a store that does one thing at a time, at some moment
 * between the start and the end of each call. Some are never told how their call ended; its effect may come late or
 * never. Members may lag behind, which serializable reads show.
 */
import type { Random } from '../../server/lib/random.js';
import { seededRandom } from '../../server/lib/random.js';
import type { FinalHistory } from './final-history.js';
import { KvSpec } from './kv-spec.js';
import type { Answer, Call, Compare, KeyValue, Operation, Outcome, TxnOp } from './operation.js';

export interface GeneratedOptions {
  readonly seed: number;
  readonly operations: number;
  /** 6 when absent. */
  readonly clients?: number;
  /** Keys that many calls touch; 10 when absent. */
  readonly hotKeys?: number;
  /** Percent of calls whose outcome is unknown; 5 when absent. */
  readonly unknownPercent?: number;
  /** What the hot keys begin with; `k` when absent. */
  readonly prefix?: string;
}

export interface Generated {
  readonly history: readonly Operation[];
  readonly finalHistory: FinalHistory;
  /** What a read of everything at an old revision finds at the end, as one more operation. */
  readAll(revision: number): Operation;
}

const lagMax = 6;
const lateMsMax = 400;

export function generateHistory(options: GeneratedOptions): Generated {
  return new Generator(options).run();
}

interface Pending {
  readonly atMs: number;
  run(): void;
}

class Generator {
  readonly #random: Random;
  readonly #options: Required<GeneratedOptions>;
  readonly #spec = new KvSpec();
  readonly #history: Operation[] = [];
  readonly #pending: Pending[] = [];
  /** The newest version of each key that any client saw, for guards. */
  readonly #seen = new Map<string, KeyValue>();
  #values = 0;
  #started = 0;

  constructor(options: GeneratedOptions) {
    this.#options = { clients: 6, hotKeys: 10, unknownPercent: 5, prefix: 'k', ...options };
    this.#random = seededRandom(options.seed);
  }

  run(): Generated {
    for (let client = 0; client < this.#options.clients; client += 1) this.#begin(client, this.#random.below(20));
    for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext()) next.run();
    return {
      history: this.#history,
      finalHistory: this.#finalHistory(),
      readAll: (revision) => this.#readAll(revision),
    };
  }

  #takeNext(): Pending | undefined {
    let first = 0;
    for (const [index, { atMs }] of this.#pending.entries())
      if (atMs < (this.#pending[first]?.atMs ?? 0)) first = index;
    return this.#pending.splice(first, 1)[0];
  }

  #begin(client: number, startMs: number): void {
    if (this.#started >= this.#options.operations) return;
    this.#started += 1;
    this.#pending.push({ atMs: startMs, run: () => this.#start(client, startMs) });
  }

  #start(client: number, startMs: number): void {
    const call = this.#draw();
    const effectMs = startMs + this.#random.below(10);
    const endMs = effectMs + this.#random.below(10);
    const end = (outcome: Outcome): void => {
      if (outcome.kind === 'ok') this.#look(outcome.answer);
      this.#history.push({ client, member: `m${1 + (client % 3)}`, call, outcome, startMs, endMs });
      this.#begin(client, endMs + this.#random.below(8));
    };
    const isUnknown = this.#random.below(100) < this.#options.unknownPercent;
    if (!isUnknown && this.#random.below(100) < 2) {
      this.#pending.push({ atMs: endMs, run: () => end({ kind: 'failed', code: 'NO_LEADER' }) });
    } else if (isUnknown) {
      const lateMs = this.#random.below(2) === 0 ? 0 : this.#random.below(lateMsMax);
      if (this.#random.below(2) === 0)
        this.#pending.push({ atMs: effectMs + lateMs, run: () => void this.#take(call) });
      this.#pending.push({ atMs: endMs, run: () => end({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' }) });
    } else {
      const take = (): void => {
        const outcome = this.#take(call);
        this.#pending.push({ atMs: endMs, run: () => end(outcome) });
      };
      this.#pending.push({ atMs: effectMs, run: take });
    }
  }

  #take(call: Call): Outcome {
    if (call.kind === 'range' && call.read === 'serializable') return this.#takeLagging(call);
    const answer = this.#answer(call);
    if (typeof answer === 'string') return { kind: 'failed', code: answer };
    return { kind: 'ok', revision: this.#spec.revision, answer };
  }

  #answer(call: Call): Answer | string {
    if (call.kind === 'range') return this.#spec.range(call);
    if (call.kind === 'compact') return this.#spec.compact(call.revision) ?? { kind: 'compact' };
    return this.#spec.apply(call);
  }

  #takeLagging(call: Extract<Call, { kind: 'range' }>): Outcome {
    const lag = this.#random.below(lagMax);
    const revision = Math.max(1, this.#spec.compacted, this.#spec.revision - lag);
    if (call.revision > revision) return { kind: 'failed', code: 'FUTURE_REVISION' };
    const answer = this.#spec.range({ ...call, revision: call.revision === 0 ? revision : call.revision });
    return typeof answer === 'string' ? { kind: 'failed', code: answer } : { kind: 'ok', revision, answer };
  }

  #look(answer: Answer): void {
    if (answer.kind === 'txn') answer.results.forEach((result) => this.#look(result));
    if (answer.kind === 'range') for (const kv of answer.kvs) this.#seen.set(kv.key, kv);
  }

  #draw(): Call {
    const roll = this.#random.below(100);
    if (roll < 25) return { kind: 'put', key: this.#key(), value: this.#value() };
    if (roll < 45) return { kind: 'range', key: this.#key(), revision: 0, limit: 0, read: this.#read() };
    if (roll < 53) return { ...this.#interval('range'), revision: 0, limit: this.#random.below(4), read: this.#read() };
    if (roll < 58)
      return { kind: 'range', key: this.#key(), revision: this.#oldRevision(), limit: 0, read: this.#read() };
    if (roll < 64) return { kind: 'deleteRange', key: this.#key() };
    if (roll < 65) return this.#interval('deleteRange');
    if (roll < 67) return { kind: 'compact', revision: Math.max(0, this.#oldRevision() - 20) };
    if (roll < 85) return this.#compareAndSwap();
    return this.#txn();
  }

  #compareAndSwap(): Call {
    const key = this.#key();
    return {
      kind: 'txn',
      compares: [this.#compare(key)],
      success: [{ kind: 'put', key, value: this.#value() }],
      failure: this.#random.below(2) === 0 ? [] : [{ kind: 'range', key, revision: 0, limit: 0 }],
    };
  }

  #txn(): Call {
    const branch = (): TxnOp[] => {
      const [first, second, third] = [this.#key(), this.#key(), this.#key()];
      const ops: TxnOp[] = [{ ...this.#interval('range'), revision: 0, limit: 0 }];
      if (this.#random.below(2) === 0) ops.push({ kind: 'put', key: first, value: this.#value() });
      if (second !== first) ops.push({ kind: 'deleteRange', key: second });
      if (third !== second && third !== first) ops.unshift({ kind: 'put', key: third, value: this.#value() });
      ops.push({ kind: 'range', key: first, revision: 0, limit: 0 });
      return ops;
    };
    return { kind: 'txn', compares: [this.#compare(this.#key())], success: branch(), failure: branch() };
  }

  #compare(key: string): Compare {
    const seen = this.#seen.get(key);
    switch (this.#random.below(5)) {
      case 0:
        return { key, target: 'create', is: 'equal', operand: seen?.createRevision ?? 0 };
      case 1:
        return { key, target: 'version', is: 'greater', operand: seen?.version ?? 0 };
      case 2:
        return { key, target: 'value', is: 'equal', operand: seen?.value ?? '' };
      default:
        return { key, target: 'mod', is: 'equal', operand: seen?.modRevision ?? 0 };
    }
  }

  #interval<Kind extends 'range' | 'deleteRange'>(kind: Kind): { kind: Kind; key: string; rangeEnd: string } {
    const from = this.#random.below(this.#options.hotKeys);
    return { kind, key: this.#keyAt(from), rangeEnd: this.#keyAt(from + 1 + this.#random.below(3)) };
  }

  #key(): string {
    return this.#keyAt(this.#random.below(this.#options.hotKeys));
  }

  #keyAt(index: number): string {
    return `${this.#options.prefix}${String(index).padStart(4, '0')}`;
  }

  #value(): string {
    this.#values += 1;
    return `v${this.#values}`;
  }

  #read(): 'linearizable' | 'serializable' {
    return this.#random.below(3) === 0 ? 'serializable' : 'linearizable';
  }

  #oldRevision(): number {
    return Math.max(1, this.#spec.revision - this.#random.below(12) + 2);
  }

  #readAll(revision: number): Operation {
    const call = { kind: 'range', key: '\0', rangeEnd: '\0', revision, limit: 0, read: 'linearizable' } as const;
    const nowMs = this.#history.reduce((latest, { endMs }) => Math.max(latest, endMs), 0) + lateMsMax;
    return { client: 0, member: 'm1', call, outcome: this.#take(call), startMs: nowMs, endMs: nowMs };
  }

  #finalHistory(): FinalHistory {
    const { revision } = this.#spec;
    const all = this.#spec.range({ kind: 'range', key: '\0', rangeEnd: '\0', revision: 0, limit: 0 });
    return { revision, current: typeof all === 'string' ? [] : all.kvs, past: [] };
  }
}
