/**
 * What a watch stream says, from the hub's words to the bytes of WatchResponse messages. An event is encoded once,
 * however many watchers it goes to: the bytes stay with the event object that they all share, and those of a whole batch
 * with the list of its events. What is left to do for each watcher is to name the three parts of its message.
 */
import { Event as WireEvent, Event_DeleteCause, Event_EventType } from '@quorate/proto/etcd/mvcc.js';
import { WatchResponse } from '@quorate/proto/etcd/watch.js';
import type { Header, WatchBatch, WatchOutput, WatchRefusal, WatchSpec } from '../node/member.js';
import type { DeleteCause, Event } from '../state/result.js';
import { encodeWith } from './codec.js';
import { wireErrors } from './errors.js';
import { headerToWire, keyValueToWire } from './kv-answer.js';
import type { Message } from './message-bundle.js';

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

export interface WatchEncoderOptions {
  readonly headerAt: (revision: number) => Header;
  /** A message of this size is split where the watcher allows it. */
  readonly fragmentBytes: number;
}

/** One for all streams: what it encoded for one it has for the others. */
export class WatchEncoder {
  readonly #options: WatchEncoderOptions;
  readonly #lists = new WeakMap<readonly Event[], Buffer>();
  readonly #listsWithPrevKv = new WeakMap<readonly Event[], Buffer>();
  #header: { readonly revision: number; readonly raftTerm: number; readonly field: Buffer } | undefined;

  constructor(options: WatchEncoderOptions) {
    this.#options = options;
  }

  /** One message, or several where the watcher allows fragments. */
  encode(output: WatchOutput): readonly Message[] {
    const header = this.#headerField(output.revision);
    switch (output.kind) {
      case 'created':
        return [[header, encodeFields({ watchId: output.watchId, created: true })]];
      case 'refused': {
        const cancelReason = refusalTexts[output.reason];
        return [[header, encodeFields({ watchId: NO_WATCHER, created: true, canceled: true, cancelReason })]];
      }
      case 'progress':
        return [[header, idField(output.watchId)]];
      case 'canceled': {
        const compactRevision = BigInt(output.compactRevision);
        return [[header, encodeFields({ watchId: output.watchId, canceled: true, compactRevision })]];
      }
      case 'events':
        return output.spec.fragment ? this.#fragments(output, header) : [this.#whole(output, header)];
    }
  }

  /** Whether most of encode() was done before, for another watcher. */
  knows({ events, spec }: WatchBatch): boolean {
    return this.#listsFor(spec).has(events);
  }

  #whole({ watchId, spec, events }: WatchBatch, header: Buffer): Message {
    const [only] = events;
    if (only !== undefined && events.length === 1) return [header, idField(watchId), eventBytes(only, spec.prevKv)];
    const lists = this.#listsFor(spec);
    let bytes = lists.get(events);
    if (bytes === undefined) {
      bytes = Buffer.concat(events.map((event) => eventBytes(event, spec.prevKv)));
      lists.set(events, bytes);
    }
    return [header, idField(watchId), bytes];
  }

  #fragments({ watchId, spec, events }: WatchBatch, header: Buffer): readonly Message[] {
    const id = idField(watchId);
    const encodedEvents = events.map((event) => eventBytes(event, spec.prevKv));
    const fragments = fragmentsOf(encodedEvents, this.#options.fragmentBytes - HEAD_BYTES);
    return fragments.map((part, place) => [header, id, ...(place < fragments.length - 1 ? [moreField] : []), ...part]);
  }

  #listsFor({ prevKv }: WatchSpec): WeakMap<readonly Event[], Buffer> {
    return prevKv ? this.#listsWithPrevKv : this.#lists;
  }

  /** Most messages that are written together have the same. */
  #headerField(revision: number): Buffer {
    const header = this.#options.headerAt(revision);
    const { raftTerm } = header;
    if (this.#header?.revision !== revision || this.#header.raftTerm !== raftTerm) {
      this.#header = { revision, raftTerm, field: encodeFields({ header: headerToWire(header) }) };
    }
    return this.#header.field;
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

function encodeFields(fields: Partial<WatchResponse>): Buffer {
  return encodeWith((to) => WatchResponse.encode({ ...nothing, ...fields }, to));
}

const moreField = encodeFields({ fragment: true });

/** By id: nearly all that occur, because streams number their watchers from 0 on. */
const idFields: Buffer[] = [];
const idFieldsMax = 1_024;

function idField(watchId: bigint): Buffer {
  const known = idFields[Number(watchId)];
  if (known !== undefined) return known;
  const field = encodeFields({ watchId });
  if (watchId >= 0n && watchId < idFieldsMax) idFields[Number(watchId)] = field;
  return field;
}
