/** Grants: few enough to be left to the generated code. */
import {
  GrantAcquireRequest,
  GrantAcquireResponse,
  GrantAwaitRequest,
  GrantAwaitResponse,
  GrantMode,
  GrantProclaimRequest,
  GrantReleaseRequest,
  GrantReleaseResponse,
} from '@quorate/proto/quorate/v1/coordination.js';
import { type LeaseId, leaseIdNumber, type Revision } from '../core/ids.js';
import { bufferOf, restOf } from './generated-message.js';
import { readPut } from './kv-answers.js';
import type { Request } from './request.js';

/** What is asked for. Names as the members have them. */
export interface Wish {
  readonly attempt: string;
  readonly names: readonly Buffer[];
  readonly owner: string;
  readonly lease: LeaseId;
  readonly mode: 'exclusive' | 'shared';
  readonly weight: number;
  readonly capacity: number;
  readonly priority: number;
  readonly lockDelayMs: number;
  readonly metadata: Buffer;
  readonly value: Buffer;
  readonly mayWait: boolean;
}

export interface Place {
  /** 0: it was not free, and was not waited for. */
  readonly place: number;
  /** 0: it waits. */
  readonly token: number;
  readonly slots: readonly number[];
  readonly change: number;
}

export function grantAcquire(wish: Wish): Request<Place> {
  // Written out: spreads cost V8 more than all else that is done for a lock.
  const message: GrantAcquireRequest = {
    attempt: wish.attempt,
    names: [...wish.names],
    owner: wish.owner,
    lease: leaseIdNumber(wish.lease),
    mode: wish.mode === 'shared' ? GrantMode.SHARED : GrantMode.EXCLUSIVE,
    weight: wish.weight,
    capacity: wish.capacity,
    priority: wish.priority,
    lockDelayMs: wish.lockDelayMs,
    metadata: wish.metadata,
    value: wish.value,
    noWait: !wish.mayWait,
  };
  return {
    kind: 'grantAcquire',
    isWrite: true,
    consistency: undefined,
    body: bufferOf(GrantAcquireRequest.encode(message).finish()),
    decode(reader) {
      const { header, place, token, slots, change } = GrantAcquireResponse.decode(restOf(reader));
      reader.revision = Number(header?.revision ?? 0n) as Revision;
      return { place: Number(place), token: Number(token), slots, change: Number(change) };
    },
  };
}

/** Answered with token 0 when the member's patience is over. */
export function grantAwait(
  attempt: string,
  name: Buffer,
  change: number,
  untilLost: boolean,
): Request<Omit<Place, 'place'>> {
  const message = { attempt, name, change: BigInt(change), untilLost };
  return {
    kind: 'grantAwait',
    isWrite: false,
    consistency: undefined,
    body: bufferOf(GrantAwaitRequest.encode(message).finish()),
    decode(reader) {
      const { token, slots, change: at } = GrantAwaitResponse.decode(restOf(reader));
      return { token: Number(token), slots, change: Number(at) };
    },
  };
}

/** False: there was no such attempt any more. */
export function grantRelease(attempt: string, to = ''): Request<boolean> {
  return {
    kind: 'grantRelease',
    isWrite: true,
    consistency: undefined,
    body: bufferOf(GrantReleaseRequest.encode({ attempt, to }).finish()),
    decode: (reader) => GrantReleaseResponse.decode(restOf(reader)).released,
  };
}

export function grantProclaim(attempt: string, token: number, value: Buffer): Request<{ readonly revision: Revision }> {
  return {
    kind: 'grantProclaim',
    isWrite: true,
    consistency: undefined,
    body: bufferOf(GrantProclaimRequest.encode({ attempt, token: BigInt(token), value }).finish()),
    decode: readPut,
  };
}
