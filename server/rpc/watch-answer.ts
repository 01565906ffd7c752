/**
 * What a watch stream says, from the hub's words to the bytes of WatchResponse messages. An event is encoded once,
 * however many watchers it goes to: the bytes stay with the event object that they all share.
 */
import { Event as WireEvent, Event_DeleteCause, Event_EventType } from '@quorate/proto/etcd/mvcc.js';
import { WatchResponse } from '@quorate/proto/etcd/watch.js';
import type { Header, WatchBatch, WatchOutput, WatchRefusal } from '../node/member.js';
import type { DeleteCause, Event } from '../state/result.js';
import { encodeWith } from './codec.js';
import { wireErrors } from './errors.js';
import { headerToWire, keyValueToWire } from './kv-answer.js';

/** Some of them clients know by heart. */
const refusalTexts: Readonly<Record<WatchRefusal, string>> = {
  emptyRange: 'mvcc: watcher range is empty',
  duplicateId: 'mvcc: duplicate watch ID provided on the WatchStream',
  negativeStart: wireErrors.COMPACTED.text,
  tooManyWatchers: wireErrors.TOO_MANY_REQUESTS.text,
};

const NO_WATCHER = -1n;
/** WatchResponse.events: field 11, length-delimited. */
const EVENTS_TAG = (11 << 3) | 2;
/** What a message takes besides its events, at most. */
const HEAD_BYTES = 96;

/** One message, or several where the watcher allows fragments and `fragmentBytes` are reached. */
export function encodeOutput(
  output: WatchOutput,
  headerAt: (revision: number) => Header,
  fragmentBytes: number,
): readonly Buffer[] {
  const header = headerToWire(headerAt(output.revision));
  switch (output.kind) {
    case 'created':
      return [encodeHead({ header, watchId: output.watchId, created: true })];
    case 'refused': {
      const cancelReason = refusalTexts[output.reason];
      return [encodeHead({ header, watchId: NO_WATCHER, created: true, canceled: true, cancelReason })];
    }
    case 'progress':
      return [encodeHead({ header, watchId: output.watchId })];
    case 'canceled': {
      const compactRevision = BigInt(output.compactRevision);
      return [encodeHead({ header, watchId: output.watchId, canceled: true, compactRevision })];
    }
    case 'events':
      return encodeBatch(output, header, fragmentBytes);
  }
}

/** The `events` field of one event. Encodes it when nobody has before. */
export function eventBytes(event: Event, withPrevKv: boolean): Buffer {
  const cache = withPrevKv && event.prevKv !== undefined ? encodedWithPrevKv : encoded;
  const known = cache.get(event);
  if (known !== undefined) return known;
  const bytes = encodeWith((to) => {
    WireEvent.encode(eventToWire(event, cache === encodedWithPrevKv), to.uint32(EVENTS_TAG).fork()).join();
  });
  cache.set(event, bytes);
  return bytes;
}

const encoded = new WeakMap<Event, Buffer>();
const encodedWithPrevKv = new WeakMap<Event, Buffer>();

const wireCauses: Readonly<Record<DeleteCause, Event_DeleteCause>> = {
  delete: Event_DeleteCause.DELETE,
  txn: Event_DeleteCause.TXN,
  leaseExpired: Event_DeleteCause.LEASE_EXPIRED,
  leaseRevoked: Event_DeleteCause.LEASE_REVOKED,
};

function eventToWire({ type, kv, prevKv, cause }: Event, withPrevKv: boolean): WireEvent {
  return {
    type: type === 'put' ? Event_EventType.PUT : Event_EventType.DELETE,
    kv: keyValueToWire(kv),
    prevKv: withPrevKv && prevKv !== undefined ? keyValueToWire(prevKv) : undefined,
    deleteCause: cause === undefined ? Event_DeleteCause.UNSPECIFIED : wireCauses[cause],
  };
}

function encodeBatch({ watchId, spec, events }: WatchBatch, header: WireHeader, fragmentBytes: number): Buffer[] {
  const encodedEvents = events.map((event) => eventBytes(event, spec.prevKv));
  if (!spec.fragment) return [encodeHead({ header, watchId }, encodedEvents)];
  const fragments = fragmentsOf(encodedEvents, fragmentBytes - HEAD_BYTES);
  return fragments.map((part, place) => {
    return encodeHead({ header, watchId, fragment: place < fragments.length - 1 }, part);
  });
}

/** Each has one event at least, and as many as stay below `bytesMax`. */
function fragmentsOf(events: readonly Buffer[], bytesMax: number): readonly (readonly Buffer[])[] {
  const fragments: Buffer[][] = [];
  let current: Buffer[] = [];
  let bytes = 0;
  for (const event of events) {
    if (current.length > 0 && bytes + event.length >= bytesMax) {
      fragments.push(current);
      current = [];
      bytes = 0;
    }
    current.push(event);
    bytes += event.length;
  }
  return [...fragments, current];
}

type WireHeader = NonNullable<WatchResponse['header']>;

const nothing: WatchResponse = {
  header: undefined,
  watchId: 0n,
  created: false,
  canceled: false,
  compactRevision: 0n,
  cancelReason: '',
  fragment: false,
  events: [],
};

function encodeHead(fields: Partial<WatchResponse>, events: readonly Buffer[] = []): Buffer {
  const head = encodeWith((to) => WatchResponse.encode({ ...nothing, ...fields }, to));
  return events.length === 0 ? head : Buffer.concat([head, ...events]);
}
