/**
 * The member as the doors see it: turns requests into proposals and reads, results into answers.
 */
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import { isLearner } from '../raft/membership.js';
import type { CompactCommand, DeleteRangeCommand, PutCommand, RangeQuery, TxnCommand } from '../state/command.js';
import type { HashCursor } from '../state/mvcc/hash-cursor.js';
import { isReadOnlyTxn, isSerializableTxn } from '../state/read-only-txn.js';
import type { MemberInfo } from '../state/result.js';
import type { MemberStore } from '../storage/member-store.js';
import type { WatchLimits } from '../watch/watch-limits.js';
import { Answers, map } from './answers.js';
import { type Consistency, LINEARIZABLE, SERIALIZABLE } from './consistency.js';
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
  WatchSource,
  WatchStream,
} from './member.js';
import { RangeReader } from './range-reader.js';
import type { RaftNode } from './raft-node.js';
import { errorOf, Requests } from './requests.js';
import { WatchFeeder } from './watch-feeder.js';

export class KvMember implements Member, WatchSource {
  readonly #node: RaftNode;
  readonly #store: MemberStore;
  readonly #clock: Clock;
  readonly #ranges: RangeReader;
  readonly #answers: Answers;
  readonly #watches: WatchFeeder;
  readonly #requests: Requests;

  /** To be made before the node starts. `watchLimits`: overrides, for tests. */
  constructor(
    node: RaftNode,
    store: MemberStore,
    clock: Clock,
    clusterId: bigint,
    watchLimits: Partial<WatchLimits> = {},
  ) {
    this.#node = node;
    this.#store = store;
    this.#clock = clock;
    this.#ranges = new RangeReader(node, store, clock);
    this.#watches = new WatchFeeder(node, store, clock, watchLimits);
    this.#requests = new Requests(node, clock, clusterId);
    this.#answers = new Answers(node, this.#ranges, (revision) => this.header(revision));
  }

  put(command: PutCommand, options?: RequestOptions): Promise<PutAnswer> {
    return this.#requests.propose(command, options, (applied) => this.#answers.put(applied));
  }

  deleteRange(command: DeleteRangeCommand, options?: RequestOptions): Promise<DeleteRangeAnswer> {
    return this.#requests.propose(command, options, (applied) => this.#answers.deleteRange(applied));
  }

  txn(command: TxnCommand, options?: RequestOptions): Promise<TxnAnswer> {
    if (!isReadOnlyTxn(command))
      return this.#requests.propose(command, options, (applied) => this.#answers.txn(applied));
    return this.#requests.read(isSerializableTxn(command) ? SERIALIZABLE : LINEARIZABLE, options, () => {
      const applied = this.#node.machine.readTxn(command);
      if (!applied.outcome.ok) throw errorOf(applied.outcome);
      return this.#answers.txn(applied);
    });
  }

  range(query: RangeQuery, options?: RequestOptions): Promise<RangeAnswer> {
    return this.read(query, query.serializable ? SERIALIZABLE : LINEARIZABLE, options);
  }

  /** As fresh as `consistency` says; what the query itself says of that counts for nothing. */
  read(query: RangeQuery, consistency: Consistency, options?: RequestOptions): Promise<RangeAnswer> {
    return this.#requests.read(consistency, options, () => {
      const opened = this.#node.machine.openRange(query);
      if (!opened.ok) throw errorOf(opened);
      const header = this.header(opened.cursor.revision);
      return map(this.#ranges.read(opened.cursor), (result) => ({ header, ...result }));
    });
  }

  async compact(command: CompactCommand, physical: boolean, options?: RequestOptions): Promise<{ header: Header }> {
    const deadline = this.#requests.deadline(options);
    const answer = await this.#requests.propose(command, options, (applied) => ({
      header: this.header(applied.revision),
    }));
    if (physical) await this.#requests.within(deadline, 'OUTCOME_UNKNOWN', this.#node.compacted(command.revision));
    return answer;
  }

  members(linearizable: boolean, options?: RequestOptions): Promise<readonly (MemberInfo & { isLearner: boolean })[]> {
    return this.#requests.read(linearizable ? LINEARIZABLE : SERIALIZABLE, options, () => {
      const { conf } = this.#node.status();
      return this.#node.machine.members().map((member) => ({ ...member, isLearner: isLearner(conf, member.id) }));
    });
  }

  async status(): Promise<MemberStatus> {
    const { leader, commitIndex, appliedIndex } = this.#node.status();
    const size = await this.#requests.within(this.#requests.deadline(undefined), 'TIMEOUT', this.#store.size());
    const header = this.header(this.#node.machine.revision);
    return { header, leader, commitIndex, appliedIndex, isLearner: this.isLearner, ...size };
  }

  async hashKv(revision: number, options?: RequestOptions): Promise<HashAnswer> {
    const opened = this.#node.machine.openHash(revision);
    if (!opened.ok) throw errorOf(opened);
    return this.#requests.within(this.#requests.deadline(options), 'TIMEOUT', this.#hash(opened.cursor));
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

  get isLearner(): boolean {
    const { core, id } = this.#node;
    return isLearner(core.conf, id);
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
        await this.#requests.propose({ kind: 'publishMember', id, name, clientUrls }, undefined, () => undefined);
        return;
      } catch (error) {
        if (!(error instanceof QuorateError) || error.code === 'STOPPED') return;
        await new Promise<void>((resolve) => this.#clock.setTimer(resolve, PUBLISH_RETRY_MS));
      }
    }
  }

  header(revision: number): Header {
    return this.#requests.header(revision);
  }
}

const PUBLISH_RETRY_MS = 500;
