/**
 * The recipe behind etcd's lock and election services. Below a name each caller has a key that hangs on its lease, and
 * the oldest key, by create revision, has the turn. Three things that etcd's own lacks: a waiter whose key is gone fails
 * at once, because it watches that too; nobody is told that it has the turn unless one look at the store, its own key and
 * everybody before it together, has just said so; and who is answered for a place that it had already marks it, so that
 * an earlier call which gives the place back, late, from another member, does not take it away.
 */
import type { ByteString } from '../lib/bytes.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Compare, DeleteRangeCommand, PutCommand, RangeQuery } from '../state/command.js';
import { keyQuery } from '../state/key-query.js';
import type { KeyValue } from '../state/result.js';
import type { Header, Member, RequestOptions, TxnAnswer, WatchSource } from './member.js';
import { patientRead } from './patient-read.js';
import { watchOf, watchOutputs } from './watch-outputs.js';

export interface LineParts {
  readonly kv: Pick<Member, 'txn'>;
  readonly watches: Pick<WatchSource, 'watch'>;
}

export interface Place {
  readonly key: ByteString;
  /** Rises with every place: whoever writes elsewhere under its turn can be told from those before it. */
  readonly createRevision: number;
  readonly lease: bigint;
  /** Of the moment when the place was taken, or found. */
  readonly header: Header;
}

/** A place at the head of the line. */
export interface Turn extends Place {
  /** When that was so. */
  readonly turnHeader: Header;
}

/** What a caller may make of the entry that takes a place: its key, or the prefix, stands there again and again. */
export function placeBytes(nameBytes: number, valueBytes: number): number {
  return 9 * nameBytes + valueBytes;
}

interface Entered {
  readonly place: Place;
  readonly isNew: boolean;
  readonly isFirst: boolean;
}

export class WaitingLine {
  readonly #parts: LineParts;
  /** Of all places. */
  readonly prefix: ByteString;

  constructor(parts: LineParts, name: ByteString) {
    this.#parts = parts;
    this.prefix = `${name}/`;
  }

  /** The first key behind all places: the prefix ends with a slash, so its last byte has a successor. */
  get end(): ByteString {
    return `${this.prefix.slice(0, -1)}0`;
  }

  /**
   * Takes a place and waits until it has the turn. A lease has one place: who has it already is answered for that one,
   * which is written anew, with `value` unless that is undefined. Rejects with LEASE_NOT_FOUND; with TURN_LOST when the
   * place is lost while it waits; with what `signal` was aborted with. The place that this call took it gives back then.
   */
  async enter(lease: bigint, value: ByteString | undefined, signal: AbortSignal | undefined): Promise<Turn> {
    const key = `${this.prefix}${lease.toString(16)}`;
    const { place, isNew, isFirst } = await this.#take(key, lease, value);
    try {
      return { ...place, turnHeader: await this.#untilFirst(place, isFirst, signal) };
    } catch (error) {
      if (isNew) void this.#leave(place);
      throw error;
    }
  }

  /** Whose turn it is, as of `header`. */
  async first(options?: RequestOptions): Promise<{ readonly header: Header; readonly kv: KeyValue | undefined }> {
    const answer = await this.#look([this.#oldest()], options);
    const [result] = answer.results;
    return { header: answer.header, kv: result?.kind === 'range' ? result.kvs[0] : undefined };
  }

  /** Not given up half way: what was taken must be known, to be given back. */
  async #take(key: ByteString, lease: bigint, value: ByteString | undefined): Promise<Entered> {
    const { header, succeeded, results } = await this.#parts.kv.txn({
      kind: 'txn',
      compares: [createdAt(key, 0)],
      success: [putOf(key, value ?? '', lease), keyQuery(key), this.#oldest()],
      failure: [value === undefined ? markOf(key) : putOf(key, value, lease), keyQuery(key), this.#oldest()],
    });
    const [own, first] = results.flatMap((result) => (result.kind === 'range' ? [result.kvs[0]] : []));
    const createRevision = own?.createRevision ?? header.revision;
    return { place: { key, createRevision, lease, header }, isNew: succeeded, isFirst: first?.key === key };
  }

  async #untilFirst(place: Place, isFirst: boolean, signal: AbortSignal | undefined): Promise<Header> {
    const { key, createRevision } = place;
    // Where nobody is there any more to be told, nobody else shall wait for that.
    if (isFirst && signal?.aborted !== true) return place.header;
    for (;;) {
      const ranges = [keyQuery(key), this.#youngestBefore(createRevision)];
      const { header, results } = await patientRead(() => this.#look(ranges), signal);
      const [own, before] = results.map((result) => (result.kind === 'range' ? result.kvs[0] : undefined));
      if (own?.createRevision !== createRevision) throw new QuorateError('TURN_LOST');
      if (before === undefined) return header;
      await this.#untilDeleted([key, before.key], header.revision + 1, signal);
    }
  }

  /** That one of them was deleted, or that it cannot be told any more: in both cases it is worth to look again. */
  async #untilDeleted(keys: readonly ByteString[], from: number, signal: AbortSignal | undefined): Promise<void> {
    const specs = keys.map((key) => ({ ...watchOf(key, '', from), noPut: true }));
    for await (const { kind } of watchOutputs(this.#parts.watches, specs, signal)) if (kind !== 'created') return;
  }

  /** All ranges at one point of history that nothing acknowledged before the call is missing from. */
  #look(ranges: readonly RangeQuery[], options?: RequestOptions): Promise<TxnAnswer> {
    return this.#parts.kv.txn({ kind: 'txn', compares: [], success: ranges, failure: [] }, options);
  }

  #oldest(): RangeQuery {
    return { ...keyQuery(this.prefix), rangeEnd: this.end, limit: 1, sortOrder: 'ascend', sortTarget: 'create' };
  }

  #youngestBefore(createRevision: number): RangeQuery {
    return { ...this.#oldest(), sortOrder: 'descend', maxCreateRevision: createRevision - 1, keysOnly: true };
  }

  /** Whoever waited has gone, and nobody has come back for the place; if this fails, it goes with its lease. */
  async #leave({ key, createRevision }: Place): Promise<void> {
    const compares = [unchangedSince(key, createRevision)];
    try {
      await this.#parts.kv.txn({ kind: 'txn', compares, success: [deleteOf(key)], failure: [] });
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
    }
  }
}

export function createdAt(key: ByteString, revision: number): Compare {
  return { key, rangeEnd: '', result: 'equal', target: 'create', operand: revision };
}

export function putOf(key: ByteString, value: ByteString, lease: bigint): PutCommand {
  return { kind: 'put', key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false };
}

export function deleteOf(key: ByteString): DeleteRangeCommand {
  return { kind: 'deleteRange', key, rangeEnd: '', prevKv: false };
}

function unchangedSince(key: ByteString, revision: number): Compare {
  return { key, rangeEnd: '', result: 'equal', target: 'mod', operand: revision };
}

/** Changes nothing but the revision. */
function markOf(key: ByteString): PutCommand {
  return { ...putOf(key, '', 0n), ignoreValue: true, ignoreLease: true };
}
