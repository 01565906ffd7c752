/**
 * The grants of a member through its coordination service: the real one, from the bytes of requests to those of answers. Who
 * waits for a grant waits in the service, and whoever observes a name does so on a stream, of which the first word is taken.
 */
import { EventEmitter } from 'node:events';
import { Metadata, type StatusObject } from '@grpc/grpc-js';
import {
  CoordinationDefinition,
  GrantAcquireRequest,
  GrantAcquireResponse,
  GrantDescribeRequest,
  GrantDescribeResponse,
  type GrantEntry as WireEntry,
  GrantForceRequest,
  GrantForceResponse,
  GrantMode,
  GrantObserveRequest,
  GrantObserveResponse,
  GrantProclaimRequest,
  GrantProclaimResponse,
  type GrantQueue,
  GrantReleaseRequest,
  GrantReleaseResponse,
} from '@quorate/proto/quorate/v1/coordination.js';
import { byteStringFrom, bytesFrom } from '../../server/lib/bytes.js';
import { silentLogger } from '../../server/lib/logger.js';
import { type ErrorCode, QuorateError } from '../../server/lib/quorate-error.js';
import type { AcquireAnswer, DescribeAnswer, GrantMember, QueueAnswer } from '../../server/node/grant-member.js';
import type { KvMember } from '../../server/node/kv-member.js';
import type { Header, RequestOptions } from '../../server/node/member.js';
import type { Carrier } from '../../server/rpc/carrier.js';
import { serveCoordination } from '../../server/rpc/coordination-service.js';
import { codeTrailer } from '../../server/rpc/errors.js';
import { LeaderLoss } from '../../server/rpc/leader-loss.js';
import { LongCalls } from '../../server/rpc/long-calls.js';
import { RequestGate } from '../../server/rpc/request-gate.js';
import { StreamEnds } from '../../server/rpc/stream-ends.js';
import type { ServeUnary, UnaryCall } from '../../server/rpc/unary-call.js';
import { UnaryCalls } from '../../server/rpc/unary-calls.js';
import type {
  GrantAcquireCommand,
  GrantForceCommand,
  GrantProclaimCommand,
  GrantReleaseCommand,
} from '../../server/state/command.js';
import type { GrantEntry } from '../../server/state/grant/grant-entry.js';
import type { MemberProcess } from './member-clock.js';

const LIMITS = { maxRequestBytes: 1_572_864, maxTxnOps: 128 };
const NOTHING = Buffer.alloc(0);

export interface ServedGrantsParts {
  readonly kv: KvMember;
  readonly grants: GrantMember;
  readonly process: MemberProcess;
  readonly electionMs: number;
}

/** Called inside the process only. */
export class ServedGrants {
  readonly #process: MemberProcess;
  readonly #longCalls = new LongCalls();
  readonly #unary = new Map<string, ServeUnary>();
  #observe: (call: ObserverCall) => void = () => undefined;

  constructor({ kv, grants, process, electionMs }: ServedGrantsParts) {
    this.#process = process;
    const register = (path: string, serve: unknown): boolean => {
      if (path.endsWith(`/${CoordinationDefinition.methods.observe.name}`)) {
        this.#observe = serve as (call: ObserverCall) => void;
      }
      return true;
    };
    // Of a server the services use only what a carrier has.
    const server = { register } as unknown as Carrier;
    const direct = {
      serve: (path: string, serve: ServeUnary): void =>
        void this.#unary.set(path.slice(path.lastIndexOf('/') + 1), serve),
    };
    const [longCalls, logger, gate] = [this.#longCalls, silentLogger, new RequestGate()];
    const ends = new StreamEnds(kv, longCalls, new LeaderLoss(kv, process, electionMs));
    const calls = new UnaryCalls({ server, direct, gate, longCalls, member: kv, clock: process, logger });
    serveCoordination(calls, { grants, server, ends, logger }, LIMITS);
  }

  /** Answers when it is granted, where it may wait. */
  async acquire(command: GrantAcquireCommand, options: RequestOptions): Promise<AcquireAnswer> {
    const { kind: _kind, mayWait, mode, names, metadata, value, ...rest } = command;
    const request = GrantAcquireRequest.encode({
      ...rest,
      names: names.map(bytesFrom),
      mode: mode === 'exclusive' ? GrantMode.EXCLUSIVE : GrantMode.SHARED,
      metadata: bytesFrom(metadata),
      value: bytesFrom(value),
      noWait: !mayWait,
    }).finish();
    const answer = GrantAcquireResponse.decode(await this.#call('Acquire', request, options));
    const { header, place, token, slots, change } = answer;
    return { header: headerFrom(header), place: Number(place), token: Number(token), slots, change: Number(change) };
  }

  async release({ attempt, to }: GrantReleaseCommand, options: RequestOptions) {
    const request = GrantReleaseRequest.encode({ attempt, to }).finish();
    const { header, released } = GrantReleaseResponse.decode(await this.#call('Release', request, options));
    return { header: headerFrom(header), released };
  }

  async proclaim({ attempt, token, value }: GrantProclaimCommand, options: RequestOptions) {
    const request = GrantProclaimRequest.encode({ attempt, token: BigInt(token), value: bytesFrom(value) }).finish();
    return { header: headerFrom(GrantProclaimResponse.decode(await this.#call('Proclaim', request, options)).header) };
  }

  async force({ name, token }: GrantForceCommand, options: RequestOptions) {
    const request = GrantForceRequest.encode({ name: bytesFrom(name), token: BigInt(token), reason: 'drawn' }).finish();
    return { header: headerFrom(GrantForceResponse.decode(await this.#call('Force', request, options)).header) };
  }

  /** Of all names. */
  async describe(limit: number, options: RequestOptions): Promise<DescribeAnswer> {
    const request = GrantDescribeRequest.encode({ name: NOTHING, rangeEnd: NOTHING, limit }).finish();
    const { header, queues, more } = GrantDescribeResponse.decode(await this.#call('Describe', request, options));
    return { header: headerFrom(header), queues: queues.map(queueFrom), more, timeMs: 0 };
  }

  /** The first word of a new stream. */
  next(name: string, change: number, signal: AbortSignal | undefined): Promise<QueueAnswer> {
    const request = GrantObserveRequest.encode({ name: bytesFrom(name), change: BigInt(change) }).finish();
    return new Promise((resolve, reject) => {
      const call = new ObserverCall(
        ({ queue }) => {
          if (queue === undefined) reject(new Error('an observer is told of no name'));
          else resolve(queueFrom(queue));
          call.cancel();
        },
        (status) => reject(errorOf(status)),
      );
      signal?.addEventListener('abort', () => call.cancel(), { once: true });
      this.#observe(call);
      this.#process.defer(() => call.emit('data', Buffer.from(request)));
    });
  }

  /** The member stops: it says so to whoever waits. */
  stop(): void {
    this.#longCalls.stop();
  }

  #call(method: string, request: Uint8Array, { deadline, signal }: RequestOptions): Promise<Buffer> {
    const serve = this.#unary.get(method);
    if (serve === undefined) throw new Error(`nobody serves ${method}`);
    return new Promise((resolve, reject) => {
      const call = new ServedCall(Buffer.from(request), deadline, resolve, (status) => reject(errorOf(status)));
      signal?.addEventListener('abort', () => call.close(), { once: true });
      serve(call);
    });
  }
}

/** A unary call as the service sees it. */
class ServedCall implements UnaryCall {
  readonly requiresLeader = false;
  isClosed = false;
  readonly #listeners: (() => void)[] = [];

  constructor(
    readonly request: Buffer,
    readonly deadline: number | undefined,
    readonly answered: (message: Buffer) => void,
    readonly refused: (status: StatusObject) => void,
  ) {}

  onClosed(listener: () => void): void {
    if (!this.isClosed) this.#listeners.push(listener);
  }
  answer(message: Buffer): void {
    this.answered(message);
    this.close();
  }
  refuse(status: StatusObject): void {
    this.refused(status);
    this.close();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const listener of this.#listeners) listener();
  }
}

/** A duplex call of grpc-js as far as an observer needs one. */
class ObserverCall extends EventEmitter {
  readonly metadata = new Metadata();
  cancelled = false;
  readonly #told: (message: GrantObserveResponse) => void;

  constructor(told: (message: GrantObserveResponse) => void, ended: (status: StatusObject) => void) {
    super();
    this.#told = told;
    this.on('error', ended);
  }

  write(message: Buffer): boolean {
    if (!this.cancelled) this.#told(GrantObserveResponse.decode(message));
    return true;
  }

  cancel(): void {
    this.cancelled = true;
    this.emit('cancelled');
  }
}

function queueFrom({ name, change, granted, waiting, grantedCount, waitingCount }: GrantQueue): QueueAnswer {
  return {
    name: byteStringFrom(name),
    change: Number(change),
    granted: granted.map(entryFrom),
    grantedCount,
    waiting: waiting.map(entryFrom),
    waitingCount,
  };
}

/** What is not told is 0. */
function entryFrom(wire: WireEntry): GrantEntry {
  const { attempt, owner, lease, weight, capacity, priority, slots, isBar } = wire;
  return {
    attempt,
    owner,
    lease,
    weight,
    capacity,
    priority,
    slots,
    names: wire.names.map(byteStringFrom),
    mode: wire.mode === GrantMode.EXCLUSIVE ? 'exclusive' : 'shared',
    lockDelayMs: 0,
    metadata: byteStringFrom(wire.metadata),
    value: byteStringFrom(wire.value),
    place: Number(wire.place),
    isFirst: false,
    cameMs: 0,
    grantedMs: 0,
    token: Number(wire.token),
    barsUntilMs: isBar ? 1 : 0,
  };
}

function headerFrom(wire: GrantAcquireResponse['header']): Header {
  if (wire === undefined) throw new Error('an answer without a header');
  const { clusterId, memberId, revision, raftTerm } = wire;
  return { clusterId, memberId, revision: Number(revision), raftTerm: Number(raftTerm) };
}

/** By the code that programs read. */
function errorOf({ details, metadata }: StatusObject): Error {
  const [code] = metadata.get(codeTrailer);
  return typeof code === 'string' ? new QuorateError(code as ErrorCode, details) : new Error(details);
}
