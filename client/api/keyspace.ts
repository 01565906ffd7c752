/** The keys below a prefix, typed: values are checked on their way in and out. */
import type { LeaseId, Revision } from '../core/ids.js';
import { QuorateError } from '../core/quorate-error.js';
import type { CallOptions } from '../calls/caller.js';
import type { Bytes } from '../wire/bytes.js';
import type { KeyValue } from '../wire/key-value.js';
import type { DeleteResult, PutResult } from '../wire/kv-answers.js';
import type { DeleteCause, WatchEvent } from '../wire/watch-wire.js';
import { endable } from './endable.js';
import type { Kv, ListOptions, ReadOptions, ScanOptions, UpdateResult } from './kv.js';
import type { SchemaIssue, StandardSchema } from './standard-schema.js';
import type { PutOptions } from './txn.js';
import type { Watch, WatchBatch, WatchOptions } from './watch.js';

/** How values stand in the store. Default: JSON. */
export interface Codec {
  encode(value: unknown): Bytes;
  /** May throw for what it cannot read. */
  decode(bytes: Uint8Array): unknown;
}

/** How the part of a key below the prefix is made, and read back. */
export interface KeyCodec<Key> {
  encode(key: Key): string;
  /** May throw for what it cannot read. */
  decode(text: string): Key;
}

export interface KeyspaceOptions<Input, Output, Key> {
  readonly value: StandardSchema<Input, Output>;
  /** Default: keys are text. */
  readonly key?: KeyCodec<Key>;
  readonly codec?: Codec;
}

export interface Entry<Key, Value> {
  readonly key: Key;
  readonly value: Value;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  readonly version: number;
  readonly lease: LeaseId | undefined;
}

export interface EntryList<Key, Value> {
  readonly entries: readonly Entry<Key, Value>[];
  readonly more: boolean;
  readonly count: number;
  readonly revision: Revision;
}

export type EntryExpected = 'absent' | { readonly modRevision: Revision };

export type EntrySwapResult<Key, Value> =
  | { readonly ok: true; readonly revision: Revision }
  | { readonly ok: false; readonly revision: Revision; readonly current: Entry<Key, Value> | null };

export type EntryEvent<Key, Value> =
  | { readonly kind: 'put'; readonly entry: Entry<Key, Value>; readonly prev?: Entry<Key, Value> }
  | { readonly kind: 'delete'; readonly key: Key; readonly revision: Revision; readonly cause?: DeleteCause }
  /** Somebody wrote a key or a value that does not fit. */
  | { readonly kind: 'invalid'; readonly event: WatchEvent; readonly error: QuorateError };

export type EntryBatch<Key, Value> =
  | { readonly kind: 'initial'; readonly entries: readonly Entry<Key, Value>[]; readonly revision: Revision }
  | { readonly kind: 'synced' | 'resync'; readonly revision: Revision }
  | { readonly kind: 'events'; readonly events: readonly EntryEvent<Key, Value>[]; readonly revision: Revision };

const json: Codec = {
  encode: (value) => JSON.stringify(value),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
};
const text: KeyCodec<string> = { encode: (key) => key, decode: (key) => key };

export class Keyspace<Input, Output, Key> {
  readonly #kv: Kv;
  readonly #watch: (range: { readonly prefix: string }, options: WatchOptions) => Watch;
  readonly #prefix: string;
  readonly #schema: StandardSchema<Input, Output>;
  readonly #keys: KeyCodec<Key>;
  readonly #codec: Codec;

  /** @internal */
  constructor(
    kv: Kv,
    watch: (range: { readonly prefix: string }, options: WatchOptions) => Watch,
    prefix: string,
    { value, key, codec = json }: KeyspaceOptions<Input, Output, Key>,
  ) {
    this.#kv = kv;
    this.#watch = watch;
    this.#prefix = prefix;
    this.#schema = value;
    // Without a codec of keys the type says that they are text.
    this.#keys = key ?? (text as unknown as KeyCodec<Key>);
    this.#codec = codec;
  }

  /** Rejects with INVALID_VALUE when the value in the store does not fit. */
  async get(key: Key, options: ReadOptions = {}): Promise<Entry<Key, Output> | null> {
    const found = await this.#kv.get(this.#path(key), options);
    return found === null ? null : this.#entry(found);
  }

  async list(options: ListOptions = {}): Promise<EntryList<Key, Output>> {
    const { entries, ...rest } = await this.#kv.list({ prefix: this.#prefix }, { ...options, keysOnly: false });
    return { ...rest, entries: await this.#entries(entries) };
  }

  async *scan(options: Omit<ScanOptions, 'keysOnly'> = {}): AsyncGenerator<Entry<Key, Output>, void, undefined> {
    for await (const kv of this.#kv.scan({ prefix: this.#prefix }, options)) yield await this.#entry(kv);
  }

  /** Rejects with INVALID_VALUE, and sends nothing, when the value does not fit. */
  async put(key: Key, value: Input, options: Omit<PutOptions, 'prevKv'> & CallOptions = {}): Promise<PutResult> {
    return this.#kv.put(this.#path(key), await this.#encoded(value), options);
  }

  delete(key: Key, options: CallOptions = {}): Promise<DeleteResult> {
    return this.#kv.delete(this.#path(key), options);
  }

  async compareAndSwap(
    key: Key,
    expected: EntryExpected,
    next: Input,
    options: Pick<PutOptions, 'lease'> & CallOptions = {},
  ): Promise<EntrySwapResult<Key, Output>> {
    const result = await this.#kv.compareAndSwap(this.#path(key), expected, await this.#encoded(next), options);
    if (result.ok) return result;
    const { revision, current } = result;
    return { ok: false, revision, current: current === null ? null : await this.#entry(current) };
  }

  /** As `kv.update`: `change` is called again when somebody else was faster; undefined leaves things as they are. */
  update(
    key: Key,
    change: (current: Entry<Key, Output> | null) => Input | undefined | Promise<Input | undefined>,
    options: Pick<PutOptions, 'lease'> & CallOptions = {},
  ): Promise<UpdateResult> {
    const changeBytes = async (current: KeyValue | null): Promise<Bytes | undefined> => {
      const next = await change(current === null ? null : await this.#entry(current));
      return next === undefined ? undefined : this.#encoded(next);
    };
    return this.#kv.update(this.#path(key), changeBytes, options);
  }

  /** Ends with INVALID_VALUE when the initial state does not fit; an event that does not is told as `invalid`. */
  watch(options: WatchOptions = {}): AsyncIterableIterator<EntryBatch<Key, Output>> {
    const watch = this.#watch({ prefix: this.#prefix }, options);
    return endable(this.#batches(watch), () => watch.close());
  }

  async *#batches(watch: Watch): AsyncGenerator<EntryBatch<Key, Output>, void, undefined> {
    for await (const batch of watch) yield await this.#batch(batch);
  }

  async #batch(batch: WatchBatch): Promise<EntryBatch<Key, Output>> {
    const { revision } = batch;
    switch (batch.kind) {
      case 'initial':
        return { kind: 'initial', entries: await this.#entries(batch.entries), revision };
      case 'synced':
      case 'resync':
        return { kind: batch.kind, revision };
      case 'events': {
        const events = await Promise.all(batch.events.map((event) => this.#event(event)));
        return { kind: 'events', events, revision };
      }
    }
  }

  async #event(event: WatchEvent): Promise<EntryEvent<Key, Output>> {
    try {
      if (event.kind === 'delete') {
        const { kind, revision, cause } = event;
        return { kind, key: this.#key(event.key), revision, ...(cause === undefined ? {} : { cause }) };
      }
      const entry = await this.#entry(event.kv);
      return event.prev === undefined
        ? { kind: 'put', entry }
        : { kind: 'put', entry, prev: await this.#entry(event.prev) };
    } catch (error) {
      if (error instanceof QuorateError) return { kind: 'invalid', event, error };
      throw error;
    }
  }

  #path(key: Key): string {
    return `${this.#prefix}${this.#keys.encode(key)}`;
  }

  #key(path: string): Key {
    try {
      return this.#keys.decode(path.slice(this.#prefix.length));
    } catch (error) {
      throw new QuorateError('INVALID_VALUE', { detail: `the key ${path} does not fit`, cause: error });
    }
  }

  #entries(kvs: readonly KeyValue[]): Promise<readonly Entry<Key, Output>[]> {
    return Promise.all(kvs.map((kv) => this.#entry(kv)));
  }

  async #entry(kv: KeyValue): Promise<Entry<Key, Output>> {
    const { createRevision, modRevision, version, lease } = kv;
    const key = this.#key(kv.key);
    const value = await this.#checked(this.#decoded(kv), kv.key);
    return { key, value, createRevision, modRevision, version, lease };
  }

  #decoded({ key, value }: KeyValue): unknown {
    try {
      return this.#codec.decode(value);
    } catch (error) {
      throw new QuorateError('INVALID_VALUE', { detail: `the value of ${key} cannot be read`, cause: error });
    }
  }

  async #encoded(value: Input): Promise<Bytes> {
    await this.#checked(value, 'what is to be written');
    return this.#codec.encode(value);
  }

  async #checked(value: unknown, what: string): Promise<Output> {
    const result = await this.#schema['~standard'].validate(value);
    if (result.issues === undefined) return result.value;
    const issues: readonly SchemaIssue[] = result.issues;
    const detail = `${what}: ${issues.map(({ message }) => message).join('; ')}`;
    throw new QuorateError('INVALID_VALUE', { detail, cause: issues });
  }
}
