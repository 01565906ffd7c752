/**
 * The requests of a session, one by one: checks and converts each, asks the member, and converts what it says. Knows
 * nothing of streams.
 */
import { RangeRequest } from '@quorate/proto/etcd/kv.js';
import type { GrantAwaitRequest } from '@quorate/proto/quorate/v1/coordination.js';
import type { Read, Request } from '@quorate/proto/quorate/v1/session.js';
import { bytesFrom } from '../lib/bytes.js';
import { clampedInteger } from '../lib/integers.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Consistency } from '../node/consistency.js';
import type { GrantMember } from '../node/grant-member.js';
import type { LeaseMember } from '../node/lease-member.js';
import type { Member, RequestOptions } from '../node/member.js';
import type { Asked, SessionMember, SessionWrite, WriteAnswer } from '../node/session-member.js';
import type { Stamp } from '../state/command.js';
import { isReadOnlyTxn } from '../state/read-only-txn.js';
import { awaitToWire } from './grant-answer.js';
import { acquireFrom, placeFrom, proclaimFrom, releaseFrom } from './grant-request.js';
import { headerToWire } from './kv-answer.js';
import { compactFrom, deleteRangeFrom, putFrom, rangeFrom, txnFrom } from './kv-request.js';
import { assertFits, type KvLimits } from './kv-service.js';
import { type Content, rangeContent, small, txnContent, writeContent } from './session-answers.js';
import type { SizedRequest } from './session-frames.js';

export interface SessionRequestsParts {
  readonly member: Pick<Member, 'txn'>;
  readonly leases: Pick<LeaseMember, 'keepAlive' | 'timeToLive'>;
  readonly sessions: SessionMember;
  readonly grants: Pick<GrantMember, 'granted'>;
  readonly limits: KvLimits;
}

/** Whose request it is, and what its client has settled. */
export type Writer = Pick<Stamp, 'session' | 'settled'>;

type WriteRequest = Extract<NonNullable<Request['request']>, { $case: SessionWrite['kind'] | 'keepSession' }>;

const VOID = { kind: 'void' } as const;
const nothing = (): void => undefined;

export class SessionRequests {
  readonly #parts: SessionRequestsParts;

  constructor(parts: SessionRequestsParts) {
    this.#parts = parts;
  }

  /** The request is no cancel. What is wrong with it is told by the answer, which rejects; nothing is thrown. */
  ask({ request, bytes }: SizedRequest, writer: Writer, options: RequestOptions): Asked<Content> {
    const { request: asked, sequence } = request;
    if (asked === undefined || asked.$case === 'cancel') {
      return this.#write(sequence, writer, options, () => {
        throw new QuorateError('UNIMPLEMENTED', 'a request of a kind that this member does not know');
      });
    }
    switch (asked.$case) {
      case 'read':
        return this.#reading(sequence, () => this.#read(asked.value, options));
      case 'leaseKeepAlive':
        return this.#reading(sequence, () => this.#keepAlive(asked.value.ID, options));
      case 'leaseTimeToLive':
        return this.#reading(sequence, () => this.#timeToLive(asked.value, options));
      case 'grantAwait':
        return this.#awaiting(sequence, asked.value, options);
      case 'txn':
        if (sequence === 0n) return this.#reading(sequence, () => this.#readTxn(asked.value, options));
        return this.#write(sequence, writer, options, () => this.#commandOf(asked, bytes));
      default:
        return this.#write(sequence, writer, options, () => this.#commandOf(asked, bytes));
    }
  }

  #reading(sequence: bigint, read: () => Promise<Content>): Asked<Content> {
    if (sequence !== 0n) return refused(new QuorateError('INVALID_SEQUENCE', `a read with the number ${sequence}`));
    try {
      return { answer: read(), abandon: nothing };
    } catch (error) {
      return refused(error);
    }
  }

  async #read({ range, consistency }: Read, options: RequestOptions): Promise<Content> {
    const query = rangeFrom(range ?? RangeRequest.fromPartial({}));
    return rangeContent(await this.#parts.sessions.read(query, consistencyFrom(consistency), options));
  }

  async #readTxn(request: Parameters<typeof txnFrom>[0], options: RequestOptions): Promise<Content> {
    const { member, limits } = this.#parts;
    const command = txnFrom(request, limits.maxTxnOps);
    if (!isReadOnlyTxn(command)) throw new QuorateError('INVALID_SEQUENCE', 'a transaction that writes has a number');
    return txnContent(await member.txn(command, options));
  }

  async #keepAlive(leaseId: bigint, options: RequestOptions): Promise<Content> {
    const { header, id, ttl } = await this.#parts.leases.keepAlive(leaseId, options);
    return small({ $case: 'leaseKeepAlive', value: { header: headerToWire(header), ID: id, TTL: ttl } });
  }

  async #timeToLive(request: { readonly ID: bigint; readonly keys: boolean }, options: RequestOptions) {
    const answer = await this.#parts.leases.timeToLive({ id: request.ID, keys: request.keys }, options);
    const { header, id, ttl, grantedTtl, keys } = answer;
    const value = { header: headerToWire(header), ID: id, TTL: ttl, grantedTTL: grantedTtl, keys: keys.map(bytesFrom) };
    const bytes = keys.reduce((sum, key) => sum + key.length, 64);
    return small({ $case: 'leaseTimeToLive', value }, bytes);
  }

  #awaiting(sequence: bigint, request: GrantAwaitRequest, options: RequestOptions): Asked<Content> {
    const aborter = new AbortController();
    const { answer } = this.#reading(sequence, async () => {
      const granted = await this.#parts.grants.granted(placeFrom(request), { ...options, signal: aborter.signal });
      return small({ $case: 'grantAwait', value: awaitToWire(granted) });
    });
    return { answer, abandon: () => aborter.abort(new QuorateError('CANCELED')) };
  }

  #write(sequence: bigint, writer: Writer, options: RequestOptions, command: () => Converted): Asked<Content> {
    // Written out here and below: a spread costs V8 more than all the rest that is done for a request.
    const stamp = { session: writer.session, sequence: Number(sequence), settled: writer.settled };
    if (stamp.sequence < 1 || !Number.isSafeInteger(stamp.sequence)) {
      return refused(new QuorateError('INVALID_SEQUENCE', `a write with the number ${sequence}`));
    }
    let converted: Converted;
    try {
      converted = command();
    } catch (error) {
      return error instanceof QuorateError ? this.#takeNumber(error, stamp, options) : refused(error);
    }
    const writing = { command: converted.command, stamp, physical: converted.physical ?? false };
    const { answer, abandon } = this.#parts.sessions.write(writing, options);
    return { answer: answer.then(writeContent), abandon };
  }

  /**
   * A write that is at fault takes its number all the same: else all those after it would leave a hole, and would have to
   * be sent again. Where the number was taken before, the answer is the one from then.
   */
  #takeNumber(refusal: QuorateError, stamp: Stamp, options: RequestOptions): Asked<Content> {
    const { answer, abandon } = this.#parts.sessions.write({ command: VOID, stamp }, options);
    const told = answer.then(
      (written: WriteAnswer) => {
        if (written.kind === 'void') throw refusal;
        return writeContent(written);
      },
      () => {
        throw refusal;
      },
    );
    return { answer: told, abandon };
  }

  #commandOf(asked: WriteRequest, bytes: number): Converted {
    const command = this.#converted(asked);
    assertFits({ requestBytes: bytes }, this.#parts.limits);
    return command;
  }

  #converted(asked: WriteRequest): Converted {
    switch (asked.$case) {
      case 'put':
        return { command: putFrom(asked.value) };
      case 'deleteRange':
        return { command: deleteRangeFrom(asked.value) };
      case 'txn':
        return { command: txnFrom(asked.value, this.#parts.limits.maxTxnOps) };
      case 'compact':
        return { command: compactFrom(asked.value), physical: asked.value.physical };
      case 'leaseGrant':
        return { command: this.#parts.sessions.grantCommand({ id: asked.value.ID, ttl: asked.value.TTL }) };
      case 'leaseRevoke':
        return { command: { kind: 'leaseRevoke', id: asked.value.ID } };
      case 'grantAcquire':
        return { command: acquireFrom(asked.value) };
      case 'grantRelease':
        return { command: releaseFrom(asked.value) };
      case 'grantProclaim':
        return { command: proclaimFrom(asked.value) };
      case 'void':
      case 'keepSession':
        return { command: VOID };
    }
  }
}

interface Converted {
  readonly command: SessionWrite;
  readonly physical?: boolean;
}

function refused(error: unknown): Asked<Content> {
  return { answer: Promise.reject(error), abandon: nothing };
}

function consistencyFrom(consistency: Read['consistency']): Consistency {
  switch (consistency?.$case) {
    case undefined:
    case 'linearizable':
      return { kind: 'linearizable' };
    case 'serializable':
      return { kind: 'serializable' };
    case 'session':
      return { kind: 'session', seenRevision: clampedInteger(consistency.value.seenRevision) };
    case 'maxStalenessMs':
      return { kind: 'maxStaleness', ms: clampedInteger(consistency.value) };
  }
}
