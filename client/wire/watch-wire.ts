/** What is asked of a watch stream, and what comes over it. Fields are numbered as in proto/etcd/watch.proto. */
import { WatchRequest } from '@quorate/proto/etcd/watch.js';
import type { Revision } from '../core/ids.js';
import { AnswerReader } from './answer-reader.js';
import { KeyValue } from './key-value.js';
import { boundsOf, type KeyRange, type Namespace } from './key-range.js';

/** Why a key was deleted, where the member says so. */
export type DeleteCause = 'delete' | 'txn' | 'leaseExpired' | 'leaseRevoked';

export type WatchEvent =
  | { readonly kind: 'put'; readonly kv: KeyValue; readonly prev?: KeyValue }
  | {
      readonly kind: 'delete';
      readonly key: string;
      readonly keyBytes: Uint8Array;
      readonly revision: Revision;
      readonly cause?: DeleteCause;
      readonly prev?: KeyValue;
    };

export interface WatchStart {
  /** Undefined: whatever comes. */
  readonly from: number | undefined;
  readonly prevKv: boolean;
}

export function watchCreateMessage(namespace: Namespace, range: KeyRange, { from, prevKv }: WatchStart): Uint8Array {
  const { key, rangeEnd } = boundsOf(namespace, range);
  const message = WatchRequest.fromPartial({
    requestUnion: {
      $case: 'createRequest',
      value: {
        key: Buffer.from(key),
        rangeEnd: Buffer.from(rangeEnd),
        startRevision: BigInt(from ?? 0),
        progressNotify: true,
        prevKv,
      },
    },
  });
  return WatchRequest.encode(message).finish();
}

export interface WatchAnswer {
  /** As of when. */
  readonly revision: Revision;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Above 0: a compaction took what the watch needed; the oldest revision left. */
  readonly compactRevision: Revision;
  readonly cancelReason: string;
  readonly events: readonly WatchEvent[];
}

export function readWatchAnswer(bytes: Uint8Array, namespaceLength: number): WatchAnswer {
  const reader = new AnswerReader(bytes, namespaceLength);
  const events: WatchEvent[] = [];
  let created = false;
  let canceled = false;
  let compactRevision = 0;
  let cancelReason = '';
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    switch (tag) {
      case 10:
        reader.header();
        break;
      case 24:
        created = reader.boolean();
        break;
      case 32:
        canceled = reader.boolean();
        break;
      case 40:
        compactRevision = reader.number();
        break;
      case 50:
        cancelReason = reader.text();
        break;
      case 90:
        events.push(readEvent(reader));
        break;
      default:
        reader.skip(tag);
    }
  }
  return {
    revision: reader.revision,
    created,
    canceled,
    compactRevision: compactRevision as Revision,
    cancelReason,
    events,
  };
}

const NO_KEY = new KeyValue(new Uint8Array(0), new Uint8Array(0), 0 as Revision, 0 as Revision, 0, undefined);
/** Field 1000 of an event, a number. */
const DELETE_CAUSE = 8_000;
const causes: readonly (DeleteCause | undefined)[] = [undefined, 'delete', 'txn', 'leaseExpired', 'leaseRevoked'];

function readEvent(reader: AnswerReader): WatchEvent {
  const outer = reader.enter();
  let isDelete = false;
  let kv = NO_KEY;
  let prev: KeyValue | undefined;
  let cause: DeleteCause | undefined;
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === 8) isDelete = reader.number() === 1;
    else if (tag === 18) kv = reader.keyValue();
    else if (tag === 26) prev = reader.keyValue();
    else if (tag === DELETE_CAUSE) cause = causes[reader.number()];
    else reader.skip(tag);
  }
  reader.leave(outer);
  const before = prev === undefined ? {} : { prev };
  if (!isDelete) return { kind: 'put', kv, ...before };
  const { key, keyBytes, modRevision: revision } = kv;
  return { kind: 'delete', key, keyBytes, revision, ...(cause === undefined ? {} : { cause }), ...before };
}
