/** Keys and values. */
import { backoffMs } from '../core/backoff.js';
import type { Revision } from '../core/ids.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Caller, CallOptions } from '../calls/caller.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { Bytes } from '../wire/bytes.js';
import { isSingleKey, type KeyRange, rangeAfter } from '../wire/key-range.js';
import type { KeyValue } from '../wire/key-value.js';
import type { CompactResult, DeleteResult, PutResult, RangeResult } from '../wire/kv-answers.js';
import type { Sort } from '../wire/kv-requests.js';
import type { Consistency, Request } from '../wire/request.js';
import { pause } from './pause.js';
import type { Requests } from './requests.js';
import { cmp, type Condition, get, put, putFields, type PutOptions, Txn } from './txn.js';

export interface ReadOptions extends CallOptions {
  /** Default: 'linearizable'. */
  readonly consistency?: Consistency;
}

export interface ListOptions extends ReadOptions {
  /** Most keys to return. */
  readonly limit?: number;
  /** Leave the values out. */
  readonly keysOnly?: boolean;
  readonly sort?: Sort;
}

export interface ScanOptions extends ReadOptions {
  /** Keys that are fetched at a time. Default: 1,000. */
  readonly pageSize?: number;
  readonly keysOnly?: boolean;
}

/** What a key must be like to be written. */
export type Expected = 'absent' | { readonly modRevision: Revision } | { readonly value: Bytes };

export type SwapResult =
  | { readonly ok: true; readonly revision: Revision }
  /** `current`: what stood in the way; null: the key does not exist. */
  | { readonly ok: false; readonly current: KeyValue | null; readonly revision: Revision };

export interface UpdateResult {
  /** Of the write; when nothing was written, of what was read. */
  readonly revision: Revision;
  readonly isWritten: boolean;
}

const PAGE_SIZE = 1_000;

export class Kv {
  readonly #caller: Caller;
  readonly #requests: Requests;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #timeoutMs: number;

  /** @internal */
  constructor(caller: Caller, requests: Requests, ports: { clock: Clock; random: Random }, timeoutMs: number) {
    this.#caller = caller;
    this.#requests = requests;
    this.#clock = ports.clock;
    this.#random = ports.random;
    this.#timeoutMs = timeoutMs;
  }

  /** Null: the key does not exist. */
  get(key: Bytes, options: ReadOptions = {}): Promise<KeyValue | null> {
    return this.#call(() => this.#requests.get(key, options.consistency ?? 'linearizable'), options);
  }

  /** All keys of a range at one moment. */
  list(range: KeyRange, options: ListOptions = {}): Promise<RangeResult> {
    return this.#call(() => this.#requests.range(range, options.consistency ?? 'linearizable', options), options);
  }

  /** How many keys a range has. */
  async count(range: KeyRange, options: ReadOptions = {}): Promise<number> {
    const wanted = { countOnly: true };
    const { count } = await this.#call(
      () => this.#requests.range(range, options.consistency ?? 'linearizable', wanted),
      options,
    );
    return count;
  }

  /**
   * The keys of a range one by one, in their order, all as they were at one moment. Fetches pages as they are needed; a
   * compaction of that moment in between ends the scan with COMPACTED.
   */
  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<KeyValue, void, undefined> {
    const { pageSize = PAGE_SIZE, keysOnly = false, consistency = 'linearizable' } = options;
    const wanted = { limit: pageSize, keysOnly };
    let page = await this.#call(() => this.#requests.range(range, consistency, wanted), options);
    const isPinned = typeof consistency === 'object' && 'revision' in consistency;
    const pinned = isPinned ? consistency : { revision: page.revision };
    for (;;) {
      yield* page.entries;
      const last = page.entries.at(-1);
      if (!page.more || last === undefined || isSingleKey(range)) return;
      const rest = rangeAfter(range, last.keyBytes);
      page = await this.#call(() => this.#requests.range(rest, pinned, wanted), options);
    }
  }

  put(key: Bytes, value: Bytes, options: PutOptions & CallOptions = {}): Promise<PutResult> {
    return this.#call(() => this.#requests.put(key, value, putFields(options)), options);
  }

  /** Deletes a key, or a range of them, in one step. */
  delete(range: KeyRange, options: { readonly prevKv?: boolean } & CallOptions = {}): Promise<DeleteResult> {
    return this.#call(() => this.#requests.delete(range, options.prevKv ?? false), options);
  }

  /** Writes the key if it is as expected. */
  async compareAndSwap(
    key: Bytes,
    expected: Expected,
    next: Bytes,
    options: Pick<PutOptions, 'lease'> & CallOptions = {},
  ): Promise<SwapResult> {
    const { ok, revision, results } = await new Txn(this.#caller, this.#requests)
      .if(conditionOf(key, expected))
      .then(put(key, next, options))
      .else(get(key))
      .commit(options);
    return ok ? { ok, revision } : { ok, revision, current: results[0] };
  }

  /**
   * Writes what `change` makes of the key, as often as it takes: `change` is called again when somebody else was faster.
   * It is given null when the key does not exist, and returns undefined to leave things as they are. The timeout is
   * for the whole.
   */
  async update(
    key: Bytes,
    change: (current: KeyValue | null) => Bytes | undefined | Promise<Bytes | undefined>,
    options: Pick<PutOptions, 'lease'> & CallOptions = {},
  ): Promise<UpdateResult> {
    const { signal, timeout = this.#timeoutMs } = options;
    const deadline = this.#clock.now() + timeout;
    const left = (): CallOptions => ({ ...options, timeout: Math.max(1, deadline - this.#clock.now()) });
    const { entries, revision } = await this.list(key, left());
    let current = entries[0] ?? null;
    let seen = revision;
    for (let attempt = 1; ; attempt += 1) {
      const next = await change(current);
      if (next === undefined) return { revision: seen, isWritten: false };
      const expected: Expected = current === null ? 'absent' : { modRevision: current.modRevision };
      const result = await this.compareAndSwap(key, expected, next, left());
      if (result.ok) return { revision: result.revision, isWritten: true };
      current = result.current;
      seen = result.revision;
      const pauseMs = backoffMs(attempt, this.#random);
      if (this.#clock.now() + pauseMs >= deadline) {
        const detail = `others were faster ${attempt} times`;
        throw new QuorateError('DEADLINE_EXCEEDED', {
          outcome: 'notApplied',
          retryable: true,
          attempts: attempt,
          detail,
        });
      }
      await pause(this.#clock, pauseMs, signal);
    }
  }

  /** Gives up the history before a revision. */
  compact(revision: Revision, options: { readonly physical?: boolean } & CallOptions = {}): Promise<CompactResult> {
    return this.#call(() => this.#requests.compact(revision, options.physical ?? false), options);
  }

  /** What makes no sense is a rejection like everything else. */
  #call<Answer>(make: () => Request<Answer>, options: CallOptions): Promise<Answer> {
    let request: Request<Answer>;
    try {
      request = make();
    } catch (error) {
      return Promise.reject(error as QuorateError);
    }
    return this.#caller.call(request, options);
  }
}

function conditionOf(key: Bytes, expected: Expected): Condition {
  if (expected === 'absent') return cmp(key).absent();
  if ('modRevision' in expected) return cmp(key).modRevision.equals(expected.modRevision);
  return cmp(key).value.equals(expected.value);
}
