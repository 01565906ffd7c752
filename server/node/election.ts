/**
 * What etcd's election service does beyond waiting for a turn: the leader tells a value, gives leadership up, and
 * everybody may look who leads, now and from now on.
 */
import type { ByteString } from '../lib/bytes.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { TxnOp } from '../state/command.js';
import type { KeyValue } from '../state/result.js';
import type { Header, RequestOptions, TxnAnswer } from './member.js';
import { patientRead } from './patient-read.js';
import { createdAt, deleteOf, type LineParts, putOf, type Turn, WaitingLine } from './waiting-line.js';
import { watchOf, watchOutputs } from './watch-outputs.js';

export interface Leadership {
  readonly key: ByteString;
  readonly createRevision: number;
  readonly lease: bigint;
}

export interface Observed {
  readonly revision: number;
  /** The key of the leader; its value is what the leader tells. */
  readonly kv: KeyValue;
}

export class Election {
  readonly #parts: LineParts;

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  /** As WaitingLine.enter: a lease that stands for election already tells the new value at once. */
  campaign(name: ByteString, lease: bigint, value: ByteString, signal: AbortSignal | undefined): Promise<Turn> {
    return new WaitingLine(this.#parts, name).enter(lease, value, signal);
  }

  /** Rejects with NOT_ELECTED when the leadership is over. */
  async proclaim(leadership: Leadership, value: ByteString, options: RequestOptions): Promise<Header> {
    const { key, lease } = leadership;
    const { succeeded, header } = await this.#asLeader(leadership, putOf(key, value, lease), options);
    if (!succeeded) throw new QuorateError('NOT_ELECTED');
    return header;
  }

  /** Without effect when the leadership is over already. */
  async resign(leadership: Leadership, options: RequestOptions): Promise<Header> {
    const { header } = await this.#asLeader(leadership, deleteOf(leadership.key), options);
    return header;
  }

  /** Rejects with NO_ELECTED when nobody leads. */
  async leader(name: ByteString, options: RequestOptions): Promise<{ readonly header: Header; readonly kv: KeyValue }> {
    const { header, kv } = await new WaitingLine(this.#parts, name).first(options);
    if (kv === undefined) throw new QuorateError('NO_ELECTED');
    return { header, kv };
  }

  /**
   * Who leads now, then every leader and every value that a leader tells, in order and never going back; leaders that
   * came and went while nobody looked may be left out. Ends only by its reader, or by throwing, as watchOutputs does.
   */
  async *observe(name: ByteString, signal: AbortSignal | undefined): AsyncGenerator<Observed, never> {
    const line = new WaitingLine(this.#parts, name);
    for (;;) {
      const { header, kv } = await patientRead(() => line.first(), signal);
      if (kv === undefined) await this.#untilSomebody(line, header.revision + 1, signal);
      else yield* this.#follow(kv, header.revision, signal);
    }
  }

  async #untilSomebody(line: WaitingLine, from: number, signal: AbortSignal | undefined): Promise<void> {
    const spec = { ...watchOf(line.prefix, line.end, from), noDelete: true };
    for await (const { kind } of watchOutputs(this.#parts.watches, [spec], signal)) if (kind !== 'created') return;
  }

  /** One leader, to the end of its key. */
  async *#follow(leader: KeyValue, revision: number, signal: AbortSignal | undefined): AsyncGenerator<Observed, void> {
    yield { revision, kv: leader };
    for await (const output of watchOutputs(this.#parts.watches, [watchOf(leader.key, '', revision + 1)], signal)) {
      if (output.kind === 'canceled') return;
      if (output.kind !== 'events') continue;
      for (const event of output.events) {
        if (event.type === 'delete') return;
        yield { revision: event.revision.main, kv: event.kv };
      }
    }
  }

  #asLeader({ key, createRevision }: Leadership, op: TxnOp, options: RequestOptions): Promise<TxnAnswer> {
    const compares = [createdAt(key, createRevision)];
    return this.#parts.kv.txn({ kind: 'txn', compares, success: [op], failure: [] }, options);
  }
}
