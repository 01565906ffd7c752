/**
 * A watch stream through the gRPC door: the real code from the bytes of requests to the bytes of responses, above a call
 * that holds back what the client does not take, as HTTP/2 would.
 */
import { EventEmitter } from 'node:events';
import type { StatusObject } from '@grpc/grpc-js';
import {
  type Event as WireEvent,
  Event_DeleteCause,
  Event_EventType,
  type KeyValue as WireKeyValue,
} from '@quorate/proto/etcd/mvcc.js';
import { WatchCreateRequest_FilterType, WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';
import { byteStringFrom, bytesFrom } from '../../server/lib/bytes.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import type { Random } from '../../server/lib/random.js';
import type { WatchRefusal, WatchSource, WatchSpec } from '../../server/node/member.js';
import type { MessageBundle } from '../../server/rpc/message-bundle.js';
import { FRAME_HEADER_BYTES } from '../../server/rpc/one-message.js';
import { WatchEncoder } from '../../server/rpc/watch-answer.js';
import { type Call, WatchCall } from '../../server/rpc/watch-call.js';
import type { DeleteCause, Event, KeyValue } from '../../server/state/result.js';
import type { MemberProcess } from './member-clock.js';
import type { Outlet, ServedWatch } from './watch-line.js';
import { UNKNOWN_SUB, type WatchAsk, type WatchTold, type WatchWish } from './watch-ports.js';

export interface WireParts {
  readonly source: WatchSource;
  readonly outlet: Outlet;
  readonly process: MemberProcess;
  readonly random: Random;
  readonly wish: WatchWish;
}

export class WireWatch implements ServedWatch {
  readonly #call: HeldCall;
  readonly #watchCall: WatchCall;

  constructor({ source, outlet, process, random, wish }: WireParts) {
    this.#call = new HeldCall(process, outlet, wish.writesMax);
    const { progressIntervalMs, fragmentBytes } = wish;
    const over = (): void => undefined;
    // Of a call the door uses only what a HeldCall has.
    const call = this.#call as unknown as Call;
    const encoder = new WatchEncoder({ headerAt: (revision) => source.header(revision), fragmentBytes });
    this.#watchCall = new WatchCall(call, { source, clock: process, random, progressIntervalMs, encoder, over });
  }

  ask(ask: WatchAsk): void {
    this.#call.receive(Buffer.from(WatchRequest.encode({ requestUnion: wireAsk(ask) }).finish()));
  }

  drained(): void {
    this.#call.transmit();
  }

  gone(): void {
    this.#call.emit('cancelled');
  }

  stopped(): void {
    this.#watchCall.end(new QuorateError('STOPPED'));
  }
}

interface Write {
  readonly bundle: MessageBundle;
  readonly sent: () => void;
}

/** A duplex call of grpc-js as far as watches need one. */
class HeldCall extends EventEmitter {
  writableNeedDrain = false;
  readonly #process: MemberProcess;
  readonly #outlet: Outlet;
  readonly #writesMax: number;
  readonly #writes: Write[] = [];
  readonly #requests: Buffer[] = [];
  #isPaused = false;

  constructor(process: MemberProcess, outlet: Outlet, writesMax: number) {
    super();
    this.#process = process;
    this.#outlet = outlet;
    this.#writesMax = writesMax;
    this.on('error', ({ details }: StatusObject) => outlet.end(details));
  }

  receive(request: Buffer): void {
    this.#requests.push(request);
    this.#flow();
  }

  isPaused(): boolean {
    return this.#isPaused;
  }
  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    this.#isPaused = false;
    this.#process.defer(() => this.#flow());
  }

  write(bundle: MessageBundle, sent: () => void): void {
    this.#writes.push({ bundle, sent });
    if (this.#writes.length >= this.#writesMax) this.writableNeedDrain = true;
    this.transmit();
  }

  /** What the client has room for. */
  transmit(): void {
    while (this.#outlet.hasRoom) {
      const write = this.#writes.shift();
      if (write === undefined) break;
      for (const message of messagesOf(write.bundle)) this.#outlet.say(toldBy(WatchResponse.decode(message)));
      this.#process.defer(write.sent);
    }
    if (!this.writableNeedDrain || this.#writes.length > 0) return;
    this.#process.defer(() => {
      if (!this.writableNeedDrain || this.#writes.length > 0) return;
      this.writableNeedDrain = false;
      this.emit('drain');
    });
  }

  #flow(): void {
    while (!this.#isPaused) {
      const request = this.#requests.shift();
      if (request === undefined) return;
      this.emit('data', request);
    }
  }
}

/** As they stand in the frames that grpc-js sends. */
function messagesOf(bundle: MessageBundle): readonly Buffer[] {
  const frames = Buffer.alloc(FRAME_HEADER_BYTES + bundle.byteLength);
  bundle.copy(frames);
  const messages: Buffer[] = [];
  for (let at = 0; at < frames.length; ) {
    const end = at + FRAME_HEADER_BYTES + frames.readUInt32BE(at + 1);
    messages.push(frames.subarray(at + FRAME_HEADER_BYTES, end));
    at = end;
  }
  return messages;
}

function wireAsk(ask: WatchAsk): WatchRequest['requestUnion'] {
  if (ask.kind === 'create') return { $case: 'createRequest', value: wireCreation(ask.spec, ask.id) };
  if (ask.kind === 'cancel') return { $case: 'cancelRequest', value: { watchId: ask.id } };
  return { $case: 'progressRequest', value: {} };
}

type WireCreation = Extract<WatchRequest['requestUnion'], { $case: 'createRequest' }>['value'];

function wireCreation(spec: WatchSpec, watchId: bigint): WireCreation {
  const { NOPUT, NODELETE } = WatchCreateRequest_FilterType;
  return {
    key: bytesFrom(spec.key),
    rangeEnd: bytesFrom(spec.rangeEnd),
    startRevision: BigInt(spec.startRevision),
    progressNotify: spec.progressNotify,
    filters: [...(spec.noPut ? [NOPUT] : []), ...(spec.noDelete ? [NODELETE] : [])],
    prevKv: spec.prevKv,
    watchId,
    fragment: spec.fragment,
  };
}

/** etcd's words. */
const REFUSALS: Readonly<Record<string, WatchRefusal>> = {
  'mvcc: watcher range is empty': 'emptyRange',
  'mvcc: duplicate watch ID provided on the WatchStream': 'duplicateId',
  'etcdserver: mvcc: required revision has been compacted': 'negativeStart',
  'etcdserver: too many requests': 'tooManyWatchers',
};

/** Throws when it is none of what a watch stream may say. */
function toldBy(response: WatchResponse): WatchTold {
  const { watchId, created, canceled, compactRevision, cancelReason, fragment, events, header } = response;
  if (header === undefined) throw new Error('a watch response without a header');
  const revision = Number(header.revision);
  if (created && canceled) {
    const reason = REFUSALS[cancelReason];
    if (reason === undefined || watchId !== -1n) throw new Error(`a creation refused for "${cancelReason}"`);
    return { kind: 'refused', reason, revision };
  }
  if (cancelReason !== '') throw new Error(`"${cancelReason}", and nothing was refused`);
  if (events.length > 0) {
    if (created || canceled) throw new Error('events in an answer');
    return { kind: 'events', watchId, revision, events: events.map(eventFrom), isFragment: fragment };
  }
  if (fragment) throw new Error('a fragment of nothing');
  if (created) return { kind: 'created', watchId, revision };
  if (canceled) return { kind: 'canceled', watchId, revision, compactRevision: Number(compactRevision) };
  return { kind: 'progress', watchId, revision };
}

const CAUSES: Readonly<Record<Event_DeleteCause, DeleteCause | undefined>> = {
  [Event_DeleteCause.UNSPECIFIED]: undefined,
  [Event_DeleteCause.DELETE]: 'delete',
  [Event_DeleteCause.TXN]: 'txn',
  [Event_DeleteCause.LEASE_EXPIRED]: 'leaseExpired',
  [Event_DeleteCause.LEASE_REVOKED]: 'leaseRevoked',
  [Event_DeleteCause.UNRECOGNIZED]: undefined,
};

function eventFrom({ type, kv, prevKv, deleteCause }: WireEvent): Event {
  if (kv === undefined) throw new Error('an event without a key');
  const isPut = type === Event_EventType.PUT;
  const event = keyValueFrom(kv);
  const cause = CAUSES[deleteCause];
  return {
    type: isPut ? 'put' : 'delete',
    kv: event,
    revision: { main: event.modRevision, sub: UNKNOWN_SUB },
    prevKv: prevKv === undefined ? undefined : keyValueFrom(prevKv),
    ...(cause === undefined ? {} : { cause }),
  };
}

function keyValueFrom({ key, value, createRevision, modRevision, version, lease }: WireKeyValue): KeyValue {
  return {
    key: byteStringFrom(key),
    value: byteStringFrom(value),
    createRevision: Number(createRevision),
    modRevision: Number(modRevision),
    version: Number(version),
    lease,
  };
}
