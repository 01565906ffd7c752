/**
 * What a door may ask of a member about sessions. The same promises as in member.ts; a write that is sent again is told
 * what it was told before.
 */
import { InvariantError } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Command, LeaseGrantCommand, RangeQuery, Stamp } from '../state/command.js';
import type { Applied, SessionInfo } from '../state/result.js';
import { CLIENT_NAME_LENGTH_MAX, WINDOW_BYTES, WINDOW_REPLIES } from '../state/session/session-limits.js';
import type { MemberStore } from '../storage/member-store.js';
import { Answers, map } from './answers.js';
import { type Consistency, LINEARIZABLE } from './consistency.js';
import type { AcquireAnswer } from './grant-member.js';
import type { KvMember } from './kv-member.js';
import { type LeaseGrantAnswer, type NodeLeaseMember, seconds } from './lease-member.js';
import type { DeleteRangeAnswer, Header, PutAnswer, RangeAnswer, RequestOptions, TxnAnswer } from './member.js';
import { RangeReader } from './range-reader.js';
import type { RaftNode } from './raft-node.js';
import { type Asked, errorOf, type Maybe, Requests, resultOf } from './requests.js';
import type { Leadership } from './watchman.js';

export type { Asked } from './requests.js';
export type { Leadership } from './watchman.js';

/** What a session may write. */
export type SessionWrite = Extract<
  Command,
  {
    readonly kind:
      | 'put'
      | 'deleteRange'
      | 'txn'
      | 'compact'
      | 'leaseGrant'
      | 'leaseRevoke'
      | 'grantAcquire'
      | 'grantRelease'
      | 'grantProclaim'
      | 'void';
  }
>;

/** What was applied under the number of a write: where a client uses a number twice, not what it asks for now. */
export type WriteAnswer =
  | { readonly kind: 'put'; readonly answer: PutAnswer }
  | { readonly kind: 'deleteRange'; readonly answer: DeleteRangeAnswer }
  | { readonly kind: 'txn'; readonly answer: TxnAnswer }
  | { readonly kind: 'compact'; readonly header: Header }
  | { readonly kind: 'leaseGrant'; readonly answer: LeaseGrantAnswer }
  | { readonly kind: 'leaseRevoke'; readonly header: Header }
  | { readonly kind: 'grantAcquire'; readonly answer: AcquireAnswer }
  | { readonly kind: 'grantRelease'; readonly header: Header; readonly released: boolean }
  | { readonly kind: 'grantProclaim'; readonly header: Header }
  | { readonly kind: 'void' };

export interface Writing {
  readonly command: SessionWrite;
  readonly stamp: Stamp;
  /** A compaction is answered only when the old revisions are gone from this member's disk. */
  readonly physical?: boolean;
}

export interface SessionMember {
  /** Registers a session, through the log. INVALID_SESSION, TOO_MANY_SESSIONS. */
  register(clientName: string, options?: RequestOptions): Promise<SessionInfo>;
  /** As of now, or later. Undefined: there is no such session. */
  find(id: number, options?: RequestOptions): Promise<SessionInfo | undefined>;
  /** `signal` counts for nothing: abandon() does. */
  write(writing: Writing, options?: RequestOptions): Asked<WriteAnswer>;
  /** What grants a lease: `id` 0n is chosen, a ttl below the least one is raised to it. LEASE_TTL_TOO_LARGE. */
  grantCommand(request: { readonly id: bigint; readonly ttl: bigint }): LeaseGrantCommand;
  read(query: RangeQuery, consistency: Consistency, options?: RequestOptions): Promise<RangeAnswer>;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** What a session may leave unsettled. */
  readonly window: { readonly replies: number; readonly bytes: number };
  readonly leadership: Leadership;
  /** Returns how to stop listening. */
  onLeadershipChange(listener: (leadership: Leadership) => void): () => void;
}

export interface SessionMemberParts {
  readonly node: RaftNode;
  readonly store: MemberStore;
  readonly clock: Clock;
  readonly clusterId: bigint;
  readonly kv: KvMember;
  readonly leases: NodeLeaseMember;
  /** How long a session that is registered here lives without a write. Default 5 minutes. */
  readonly sessionTtlMs?: number;
}

const SESSION_TTL_MS = 5 * 60_000;

export class NodeSessionMember implements SessionMember {
  readonly #parts: SessionMemberParts;
  readonly #requests: Requests;
  readonly #answers: Answers;
  readonly window = { replies: WINDOW_REPLIES, bytes: WINDOW_BYTES };

  constructor(parts: SessionMemberParts) {
    const { node, store, clock, clusterId } = parts;
    this.#parts = parts;
    this.#requests = new Requests(node, clock, clusterId);
    const header = (revision: number): Header => this.#requests.header(revision);
    this.#answers = new Answers(node, new RangeReader(node, store, clock), header);
  }

  async register(clientName: string, options?: RequestOptions): Promise<SessionInfo> {
    const nameBytes = Buffer.byteLength(clientName);
    if (nameBytes > CLIENT_NAME_LENGTH_MAX) {
      throw new QuorateError('INVALID_SESSION', `a name of ${nameBytes} bytes, at most ${CLIENT_NAME_LENGTH_MAX}`);
    }
    const ttlMs = this.#parts.sessionTtlMs ?? SESSION_TTL_MS;
    return this.#requests.propose({ kind: 'sessionOpen', clientName, ttlMs }, options, (applied) => {
      const { id } = resultOf(applied, 'sessionOpen');
      return { id, clientName, ttlMs, settled: 0, applied: 0, contactMs: this.#parts.node.machine.sessions.timeMs };
    });
  }

  find(id: number, options?: RequestOptions): Promise<SessionInfo | undefined> {
    return this.#requests.read(LINEARIZABLE, options, () => this.#parts.node.machine.sessions.get(id));
  }

  write({ command, stamp, physical = false }: Writing, options?: RequestOptions): Asked<WriteAnswer> {
    const removed = physical && command.kind === 'compact' ? command.revision : undefined;
    return this.#requests.ask({ command, stamp, options }, (applied) => {
      const answer = this.#answer(applied);
      return removed === undefined ? answer : this.#parts.node.compacted(removed).then(() => answer);
    });
  }

  grantCommand(request: { readonly id: bigint; readonly ttl: bigint }): LeaseGrantCommand {
    return this.#parts.leases.grantCommand(request);
  }

  read(query: RangeQuery, consistency: Consistency, options?: RequestOptions): Promise<RangeAnswer> {
    return this.#parts.kv.read(query, consistency, options);
  }

  get clusterId(): bigint {
    return this.#parts.clusterId;
  }

  get memberId(): bigint {
    return this.#parts.node.id;
  }

  get leadership(): Leadership {
    const { leader, term, machine } = this.#parts.node;
    return { leader, term, members: machine.members() };
  }

  onLeadershipChange(listener: (leadership: Leadership) => void): () => void {
    return this.#parts.node.onLeadershipChange(listener);
  }

  #answer(applied: Applied): Maybe<WriteAnswer> {
    const { outcome, revision } = applied;
    if (!outcome.ok) throw errorOf(outcome);
    const { result } = outcome;
    switch (result.kind) {
      case 'put':
        return { kind: result.kind, answer: this.#answers.put(applied) };
      case 'deleteRange':
        return { kind: result.kind, answer: this.#answers.deleteRange(applied) };
      case 'txn':
        return map(this.#answers.txn(applied), (answer) => ({ kind: result.kind, answer }));
      case 'leaseGrant': {
        const { id, ttlMs } = result;
        return { kind: result.kind, answer: { header: this.#requests.header(revision), id, ttl: seconds(ttlMs) } };
      }
      case 'compact':
      case 'leaseRevoke':
      case 'grantProclaim':
        return { kind: result.kind, header: this.#requests.header(revision) };
      case 'grantAcquire': {
        const { kind, ...answer } = result;
        return { kind, answer: { header: this.#requests.header(revision), ...answer } };
      }
      case 'grantRelease':
        return { kind: result.kind, header: this.#requests.header(revision), released: result.released };
      case 'void':
        return { kind: result.kind };
      default:
        throw new InvariantError('a result that no write of a session has', { kind: result.kind });
    }
  }
}
