/**
 * The streams of clients of the SDK besides those of sessions: renewals and observations, through the real services from
 * the bytes of requests to the bytes of answers.
 */
import { EventEmitter } from 'node:events';
import { Metadata, status } from '@grpc/grpc-js';
import type { CallStatus, Metadata as ClientMetadata, StatusName } from '../../client/transport/transport.js';
import { silentLogger } from '../../server/lib/logger.js';
import type { GrantMember } from '../../server/node/grant-member.js';
import type { KvMember } from '../../server/node/kv-member.js';
import type { LeaseMember } from '../../server/node/lease-member.js';
import type { Carrier } from '../../server/rpc/carrier.js';
import { serveCoordination } from '../../server/rpc/coordination-service.js';
import { codeTrailer, detailTrailer, type WireStatus } from '../../server/rpc/errors.js';
import { LeaderLoss } from '../../server/rpc/leader-loss.js';
import { serveLeases } from '../../server/rpc/lease-service.js';
import type { LongCalls } from '../../server/rpc/long-calls.js';
import { MessageBundle } from '../../server/rpc/message-bundle.js';
import type { RequestGate } from '../../server/rpc/request-gate.js';
import { StreamEnds } from '../../server/rpc/stream-ends.js';
import { UnaryCalls } from '../../server/rpc/unary-calls.js';
import type { ServedStream, StreamOutlet } from './client-line.js';
import type { MemberProcess } from './member-clock.js';

const OK: CallStatus = { name: 'OK', text: '', wasSent: true };
const LIMITS = { maxRequestBytes: 1_572_864, maxTxnOps: 128 };

export interface SdkStreamsOptions {
  /** A client's wish to renew a lease is with the member from now on; the function is called when it is not any more. */
  readonly renewing: (lease: bigint) => () => void;
  readonly electionMs: number;
}

export interface SdkStreamsParts extends SdkStreamsOptions {
  readonly member: KvMember;
  readonly leases: LeaseMember;
  readonly grants: GrantMember;
  readonly process: MemberProcess;
  readonly gate: RequestGate;
  readonly longCalls: LongCalls;
}

type Serve = (call: HeldCall) => void;

export class SdkStreams {
  readonly #served = new Map<string, Serve>();
  readonly #leaderLoss: LeaderLoss;

  constructor({ member, leases, grants, process: clock, gate, longCalls, renewing, electionMs }: SdkStreamsParts) {
    this.#leaderLoss = new LeaderLoss(member, clock, electionMs);
    const ends = new StreamEnds(member, longCalls, this.#leaderLoss);
    const server: Carrier = {
      register: (path, handler) => {
        // Of a call the services use only what a HeldCall has.
        this.#served.set(path, handler as unknown as Serve);
        return true;
      },
    };
    const direct = { serve: () => undefined };
    const logger = silentLogger;
    const calls = new UnaryCalls({ server, direct, gate, longCalls, member, clock, logger });
    serveLeases(calls, watched(leases, renewing), { server, gate, ends, logger });
    serveCoordination(calls, { grants, server, ends, logger }, LIMITS);
  }

  /** Undefined: there is no such stream. */
  open(method: string, metadata: ClientMetadata, outlet: StreamOutlet): ServedStream | undefined {
    const serve = this.#served.get(method);
    if (serve === undefined) return undefined;
    const call = new HeldCall(metadata, outlet);
    serve(call);
    return {
      receive: (frame) => call.receive(frame),
      drained: () => call.emit('drain'),
      gone: () => call.gone(),
    };
  }

  stop(): void {
    this.#leaderLoss.stop();
  }
}

function watched(leases: LeaseMember, renewing: SdkStreamsOptions['renewing']): LeaseMember {
  return {
    grant: (request, options) => leases.grant(request, options),
    revoke: (id, options) => leases.revoke(id, options),
    timeToLive: (request, options) => leases.timeToLive(request, options),
    leases: (options) => leases.leases(options),
    async keepAlive(id, options) {
      const renewed = renewing(id);
      try {
        return await leases.keepAlive(id, options);
      } finally {
        renewed();
      }
    },
  };
}

/** A duplex call of grpc-js as far as these services need one. */
class HeldCall extends EventEmitter {
  readonly metadata = new Metadata();
  readonly #outlet: StreamOutlet;
  readonly #requests: Buffer[] = [];
  #isPaused = false;
  cancelled = false;

  constructor(metadata: ClientMetadata, outlet: StreamOutlet) {
    super();
    this.#outlet = outlet;
    for (const [name, value] of Object.entries(metadata)) this.metadata.set(name, value);
    this.on('error', (refusal: WireStatus) => outlet.end(callStatus(refusal)));
  }

  receive(request: Buffer): void {
    this.#requests.push(request);
    this.#flow();
  }

  gone(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.emit('cancelled');
  }

  // What services do with it

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flow();
  }

  write(chunk: MessageBundle | Buffer): boolean {
    const messages = chunk instanceof MessageBundle ? chunk.messages() : [chunk];
    let hasRoom = true;
    for (const message of messages) hasRoom = this.#outlet.write(message);
    return hasRoom;
  }

  end(): void {
    this.#outlet.end(OK);
  }

  #flow(): void {
    while (!this.#isPaused) {
      const request = this.#requests.shift();
      if (request === undefined) return;
      this.emit('data', request);
    }
  }
}

function callStatus({ code, details, metadata }: WireStatus): CallStatus {
  const detail = textOf(metadata, detailTrailer);
  return {
    name: (status[code] ?? 'UNKNOWN') as StatusName,
    text: details,
    wasSent: true,
    quorateCode: textOf(metadata, codeTrailer),
    quorateDetail: detail === undefined ? undefined : decodeURIComponent(detail),
  };
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
