/** Leases: few enough to be left to the generated code. */
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from '@quorate/proto/etcd/lease.js';
import { type LeaseId, leaseIdFrom, leaseIdNumber, type Revision } from '../core/ids.js';
import { bufferOf, restOf } from './generated-message.js';
import { readPut } from './kv-answers.js';
import type { Request } from './request.js';

export interface Granted {
  readonly id: LeaseId;
  readonly ttlMs: number;
  readonly revision: Revision;
}

/** The wire knows whole seconds. */
export function leaseGrant(ttlMs: number): Request<Granted> {
  const message = LeaseGrantRequest.fromPartial({ TTL: BigInt(Math.ceil(ttlMs / 1_000)) });
  return {
    kind: 'leaseGrant',
    isWrite: true,
    consistency: undefined,
    body: bufferOf(LeaseGrantRequest.encode(message).finish()),
    decode(reader) {
      const { ID, TTL, header } = LeaseGrantResponse.decode(restOf(reader));
      reader.revision = Number(header?.revision ?? 0n) as Revision;
      return { id: leaseIdFrom(ID), ttlMs: Number(TTL) * 1_000, revision: reader.revision };
    },
  };
}

export function leaseRevoke(id: LeaseId): Request<{ readonly revision: Revision }> {
  return {
    kind: 'leaseRevoke',
    isWrite: true,
    consistency: undefined,
    body: bufferOf(LeaseRevokeRequest.encode({ ID: leaseIdNumber(id) }).finish()),
    decode: readPut,
  };
}

export interface TimeToLive {
  /** Undefined: there is no such lease. */
  readonly remainingMs: number | undefined;
  readonly grantedMs: number;
  readonly keys: readonly Uint8Array[];
}

export function leaseTimeToLive(id: LeaseId, wantsKeys: boolean): Request<TimeToLive> {
  const message = { ID: leaseIdNumber(id), keys: wantsKeys };
  return {
    kind: 'leaseTimeToLive',
    isWrite: false,
    consistency: undefined,
    body: bufferOf(LeaseTimeToLiveRequest.encode(message).finish()),
    decode(reader) {
      const { TTL, grantedTTL, keys } = LeaseTimeToLiveResponse.decode(restOf(reader));
      return {
        remainingMs: TTL < 0n ? undefined : Number(TTL) * 1_000,
        grantedMs: Number(grantedTTL) * 1_000,
        keys: keys.map((key) => reader.ownKey(key)),
      };
    },
  };
}

export function keepAliveMessage(id: LeaseId): Uint8Array {
  return LeaseKeepAliveRequest.encode({ ID: leaseIdNumber(id) }).finish();
}

/** `ttlMs` is 0 when there is no such lease any more. */
export function keepAliveAnswer(bytes: Uint8Array): { readonly id: LeaseId; readonly ttlMs: number } {
  const { ID, TTL } = LeaseKeepAliveResponse.decode(bytes);
  return { id: leaseIdFrom(ID), ttlMs: Math.max(0, Number(TTL)) * 1_000 };
}
