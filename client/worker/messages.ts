/** What the main thread and the renewer say to each other. */
import type { Credentials } from '../calls/authenticator.js';
import type { LeaseId } from '../core/ids.js';
import type { TlsOptions } from '../transport/grpc-transport.js';
import type { Renewal } from './lease-table.js';

/** Given to the renewer at its start. */
export interface RenewerData {
  readonly memory: SharedArrayBuffer;
  readonly addresses: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly auth: Credentials | undefined;
}

export type ToRenewer =
  | { readonly kind: 'keep'; readonly slot: number; readonly id: LeaseId; readonly granted: Renewal }
  | { readonly kind: 'release' | 'verify'; readonly slot: number };

export type FromRenewer =
  | { readonly kind: 'renewed'; readonly slot: number; readonly marginMs: number }
  /** Nothing renewed it in time, or the members say that there is no such lease. */
  | { readonly kind: 'lost'; readonly slot: number }
  /** Nothing is written into the slot any more. */
  | { readonly kind: 'released'; readonly slot: number };
