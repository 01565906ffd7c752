/** What a reader of the client's watch asked for and was given, as plain data. */
import type { WatchBatch } from '../../../client/api/watch.js';
import { leaseIdNumber } from '../../../client/core/ids.js';
import type { KeyValue as ClientKeyValue } from '../../../client/wire/key-value.js';
import type { WatchEvent } from '../../../client/wire/watch-wire.js';
import type { Event, KeyValue } from '../../../server/state/result.js';

export interface Asked {
  readonly name: string;
  readonly key: string;
  /** Exclusive; '': that key alone. */
  readonly rangeEnd: string;
  /** 0: from now on. */
  readonly from: number;
  readonly initial: boolean;
  readonly prevKv: boolean;
}

/** An event as it was told: nobody says where in its revision it stands. */
export type ToldEvent = Omit<Event, 'revision'>;

type Word =
  | { readonly kind: 'initial'; readonly revision: number; readonly entries: readonly KeyValue[] }
  | { readonly kind: 'events'; readonly revision: number; readonly events: readonly ToldEvent[] }
  | { readonly kind: 'synced'; readonly revision: number }
  | { readonly kind: 'resync'; readonly revision: number };

export type Told = Word & {
  /** The highest revision that anybody had asked to compact when it was given. */
  readonly compactedRevision: number;
};

export interface Watched {
  readonly asked: Asked;
  readonly told: readonly Told[];
}

export function toldOf(batch: WatchBatch, compactedRevision: number): Told {
  const { kind, revision } = batch;
  if (kind === 'initial') return { kind, revision, entries: batch.entries.map(keyValue), compactedRevision };
  if (kind === 'events') return { kind, revision, events: batch.events.map(toldEvent), compactedRevision };
  return { kind, revision, compactedRevision };
}

function toldEvent(event: WatchEvent): ToldEvent {
  const prevKv = event.prev === undefined ? undefined : keyValue(event.prev);
  if (event.kind === 'put') return { type: 'put', kv: keyValue(event.kv), prevKv };
  const { keyBytes, revision: modRevision, cause } = event;
  const kv = { key: latin1(keyBytes), value: '', createRevision: 0, modRevision, version: 0, lease: 0n };
  return { type: 'delete', kv, prevKv, ...(cause === undefined ? {} : { cause }) };
}

export function keyValue(kv: ClientKeyValue): KeyValue {
  const { keyBytes, value, createRevision, modRevision, version, lease } = kv;
  return {
    key: latin1(keyBytes),
    value: latin1(value),
    createRevision,
    modRevision,
    version,
    lease: lease === undefined ? 0n : leaseIdNumber(lease),
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
