/**
 * The member as the doors see it: turns requests into proposals and reads, results into answers. What must be read at
 * the very point where an entry was applied is opened in the turn that applied it.
 */
import { InvariantError } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import { isLearner } from '../raft/membership.js';
import type {
  Command,
  CompactCommand,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  TxnCommand,
} from '../state/command.js';
import type { HashCursor } from '../state/mvcc/hash-cursor.js';
import { isReadOnlyTxn, isSerializableTxn } from '../state/read-only-txn.js';
import type { Applied, CommandResult, MemberInfo, Outcome, RangeResult, TxnOpResult } from '../state/result.js';
import type { MemberStore } from '../storage/member-store.js';
import { LIMITS } from './limits.js';
import type {
  DeleteRangeAnswer,
  HashAnswer,
  Header,
  Member,
  MemberStatus,
  PutAnswer,
  RangeAnswer,
  RequestOptions,
  StreamReader,
  TxnAnswer,
  TxnOpAnswer,
  WatchSource,
  WatchStream,
} from './member.js';
import { RangeReader } from './range-reader.js';
import type { RaftNode } from './raft-node.js';
import { WatchFeeder } from './watch-feeder.js';

type Maybe<T> = T | Promise<T>;

export class KvMember implements Member, WatchSource {
  readonly #node: RaftNode;
  readonly #store: MemberStore;
  readonly #clock: Clock;
  readonly #clusterId: bigint;
  readonly #ranges: RangeReader;
  readonly #watches: WatchFeeder;

  /** To be made before the node starts. */
  constructor(node: RaftNode, store: MemberStore, clock: Clock, clusterId: bigint) {
    this.#node = node;
    this.#store = store;
    this.#clock = clock;
    this.#clusterId = clusterId;
    this.#ranges = new RangeReader(node, store, clock);
    this.#watches = new WatchFeeder(node, store, clock);
  }

  put(command: PutCommand, options?: RequestOptions): Promise<PutAnswer> {
    return this.#propose(command, options, (applied) => {
      const { prevKv } = resultOf(applied, 'put');
      return { header: this.header(applied.revision), prevKv };
    });
  }

  deleteRange(command: DeleteRangeCommand, options?: RequestOptions): Promise<DeleteRangeAnswer> {
    return this.#propose(command, options, (applied) => {
      const { deleted, prevKvs } = resultOf(applied, 'deleteRange');
      return { header: this.header(applied.revision), deleted, prevKvs };
    });
  }

  txn(command: TxnCommand, options?: RequestOptions): Promise<TxnAnswer> {
    if (!isReadOnlyTxn(command)) return this.#propose(command, options, (applied) => this.#answerTxn(applied));
    return this.#read(isSerializableTxn(command), options, () => {
      const applied = this.#node.machine.readTxn(command);
      if (!applied.outcome.ok) throw errorOf(applied.outcome);
      return this.#answerTxn(applied);
    });
  }

  range(query: RangeQuery, options?: RequestOptions): Promise<RangeAnswer> {
    return this.#read(query.serializable, options, () => {
      const opened = this.#node.machine.openRange(query);
      if (!opened.ok) throw errorOf(opened);
      const header = this.header(opened.cursor.revision);
      return map(this.#ranges.read(opened.cursor), (result) => ({ header, ...result }));
    });
  }

  async compact(command: CompactCommand, physical: boolean, options?: RequestOptions): Promise<{ header: Header }> {
    const deadline = this.#deadline(options);
    const answer = await this.#propose(command, options, (applied) => ({ header: this.header(applied.revision) }));
    if (physical) await this.#within(deadline, 'OUTCOME_UNKNOWN', this.#node.compacted(command.revision));
    return answer;
  }

  members(linearizable: boolean, options?: RequestOptions): Promise<readonly (MemberInfo & { isLearner: boolean })[]> {
    return this.#read(!linearizable, options, () => {
      const { conf } = this.#node.status();
      return this.#node.machine.members().map((member) => ({ ...member, isLearner: isLearner(conf, member.id) }));
    });
  }

  async status(): Promise<MemberStatus> {
    const { leader, commitIndex, appliedIndex, conf, id } = this.#node.status();
    const size = await this.#within(this.#deadline(undefined), 'TIMEOUT', this.#store.size());
    const header = this.header(this.#node.machine.revision);
    return { header, leader, commitIndex, appliedIndex, isLearner: isLearner(conf, id), ...size };
  }

  async hashKv(revision: number, options?: RequestOptions): Promise<HashAnswer> {
    const opened = this.#node.machine.openHash(revision);
    if (!opened.ok) throw errorOf(opened);
    return this.#within(this.#deadline(options), 'TIMEOUT', this.#hash(opened.cursor));
  }

  async #hash(cursor: HashCursor): Promise<HashAnswer> {
    const { machine } = this.#node;
    const header = this.header(machine.revision);
    try {
      await this.#node.written();
      const records = await this.#store.scanRevisions(cursor.revision);
      try {
        for (;;) {
          const slice = await records.nextRevisions(LIMITS.rebuildSliceRecords);
          if (slice.length === 0) break;
          for (const record of slice) cursor.add(record);
        }
      } finally {
        await records.close();
      }
      if (this.#node.machine !== machine || !this.#node.isServing) {
        throw new QuorateError('LEADER_CHANGED', 'a snapshot replaced the state');
      }
      const { compactedRevision, revision: hashRevision } = cursor;
      return { header, hash: cursor.result(), compactRevision: compactedRevision, hashRevision };
    } finally {
      cursor.close();
    }
  }

  hash(options?: RequestOptions): Promise<HashAnswer> {
    return this.hashKv(0, options);
  }

  watch(reader: StreamReader): WatchStream {
    return this.#watches.open(reader);
  }

  /** How many there are on this member. */
  get watchers(): number {
    return this.#watches.watchers;
  }

  get isReady(): boolean {
    return this.#node.isReady;
  }

  onReadyChange(listener: (isReady: boolean) => void): void {
    this.#node.onReadyChange(listener);
  }

  /** Tells the cluster this member's name and client URLs, as often as it takes. Resolves once applied, or stopped. */
  async publish(name: string, clientUrls: readonly string[]): Promise<void> {
    const { id } = this.#node;
    for (;;) {
      try {
        await this.#propose({ kind: 'publishMember', id, name, clientUrls }, undefined, () => undefined);
        return;
      } catch (error) {
        if (!(error instanceof QuorateError) || error.code === 'STOPPED') return;
        await new Promise<void>((resolve) => this.#clock.setTimer(resolve, PUBLISH_RETRY_MS));
      }
    }
  }

  header(revision: number): Header {
    return { clusterId: this.#clusterId, memberId: this.#node.id, revision, raftTerm: this.#node.term };
  }

  #deadline(options: RequestOptions | undefined): number {
    return Math.min(options?.deadline ?? Infinity, this.#clock.now() + this.#node.requestTimeoutMs);
  }

  #propose<T>(
    command: Command,
    options: RequestOptions | undefined,
    answer: (applied: Applied) => Maybe<T>,
  ): Promise<T> {
    if (options?.signal?.aborted === true) return Promise.reject(new QuorateError('CANCELED'));
    const deadline = this.#deadline(options);
    return new Promise((resolve, reject) => {
      const proposal = this.#node.propose(command, deadline, {
        applied: (applied) =>
          settle(resolve, reject, () => {
            if (!applied.outcome.ok) throw errorOf(applied.outcome);
            return this.#within(deadline, 'OUTCOME_UNKNOWN', answer(applied));
          }),
        failed: reject,
      });
      options?.signal?.addEventListener('abort', () => proposal.abandon(), { once: true });
    });
  }

  /** `look` runs once this member may answer: at once when `isLocal`, else when the read is confirmed and applied. */
  #read<T>(isLocal: boolean, options: RequestOptions | undefined, look: () => Maybe<T>): Promise<T> {
    const deadline = this.#deadline(options);
    return new Promise((resolve, reject) => {
      const ready = (): void => settle(resolve, reject, () => this.#within(deadline, 'TIMEOUT', look()));
      if (isLocal && this.#node.isServing) ready();
      else this.#node.read({ deadline, ready, failed: reject });
    });
  }

  /**
   * An answer that takes slices or a look at the disk has the same deadline as the decision before it. `late` is what to
   * say when it does not come, and for a write (OUTCOME_UNKNOWN) whatever else keeps the answer away: it has happened.
   */
  #within<T>(deadline: number, late: 'TIMEOUT' | 'OUTCOME_UNKNOWN', answer: Maybe<T>): Maybe<T> {
    if (!(answer instanceof Promise)) return answer;
    return new Promise<T>((resolve, reject) => {
      const refuse = (detail: string, cause?: unknown): void => reject(new QuorateError(late, detail, { cause }));
      const wait = Math.max(0, deadline - this.#clock.now());
      const timer = this.#clock.setTimer(() => refuse('not answered in time'), wait);
      const failed = (error: unknown): void => {
        // Neither a refusal nor the closed store of a member that stops: a bug or a broken disk, told as it is.
        if (!(error instanceof QuorateError) && this.#node.isServing) reject(error);
        else if (late === 'OUTCOME_UNKNOWN') refuse('done, but the answer cannot be told', error);
        else reject(error instanceof QuorateError ? error : new QuorateError('STOPPED', '', { cause: error }));
      };
      void answer.then(resolve, failed).then(() => timer.cancel());
    });
  }

  #answerTxn(applied: Applied): Maybe<TxnAnswer> {
    const { succeeded, results } = resultOf(applied, 'txn');
    const header = this.header(applied.revision);
    return map(this.#answerOps(results), (answers) => ({ header, succeeded, results: answers }));
  }

  #answerOps(results: readonly TxnOpResult[]): Maybe<readonly TxnOpAnswer[]> {
    return all(results.map((result) => this.#answerOp(result)));
  }

  #answerOp(result: TxnOpResult): Maybe<TxnOpAnswer> {
    if (result.kind === 'range') {
      const { query, at, revision } = result;
      const opened = this.#node.machine.openRange(query, at);
      if (!opened.ok) throw errorOf(opened);
      return map(this.#ranges.read(opened.cursor), (range: RangeResult) => ({ kind: 'range', revision, ...range }));
    }
    if (result.kind !== 'txn') return result;
    const { succeeded } = result;
    return map(this.#answerOps(result.results), (results) => ({ kind: 'txn', succeeded, results }));
  }
}

const PUBLISH_RETRY_MS = 500;

function resultOf<K extends CommandResult['kind']>(applied: Applied, kind: K): Extract<CommandResult, { kind: K }> {
  const { outcome } = applied;
  if (outcome.ok && isKind(outcome.result, kind)) return outcome.result;
  throw new InvariantError('a result of another kind than the command', { kind });
}

function isKind<K extends CommandResult['kind']>(
  result: CommandResult,
  kind: K,
): result is Extract<CommandResult, { kind: K }> {
  return result.kind === kind;
}

/** A refusal is an answer; whatever else is thrown is a bug, which stops the node: nobody must wait for it in vain. */
function settle<T>(
  resolve: (value: Maybe<T>) => void,
  reject: (error: QuorateError) => void,
  work: () => Maybe<T>,
): void {
  try {
    resolve(work());
  } catch (error) {
    if (error instanceof QuorateError) {
      reject(error);
      return;
    }
    reject(new QuorateError('OUTCOME_UNKNOWN', 'the member stops'));
    throw error;
  }
}

function errorOf(refusal: Extract<Outcome, { ok: false }>): QuorateError {
  return new QuorateError(refusal.code, refusal.detail);
}

function map<T, U>(value: Maybe<T>, change: (value: T) => U): Maybe<U> {
  return value instanceof Promise ? value.then(change) : change(value);
}

function all<T>(values: readonly Maybe<T>[]): Maybe<readonly T[]> {
  const isSettled = (value: Maybe<T>): value is T => !(value instanceof Promise);
  return values.every(isSettled) ? values : Promise.all(values);
}
