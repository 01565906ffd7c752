/**
 * A cluster of members without a log between them, for tests of the session client: one store, sessions that are true to
 * session.proto, streams whose every message takes a moment, and faults on demand. It speaks through the generated code.
 */
import { PutResponse, RangeResponse } from '@quorate/proto/etcd/kv.js';
import {
  ClientFrame,
  Outcome,
  type Read,
  Reply,
  type Request,
  type Requests,
  ServerFrame,
} from '@quorate/proto/quorate/v1/session.js';
import type { CallStatus, Connection, Stream, StreamHandler, Transport } from '../../client/transport/transport.js';
import type { Clock } from '../../client/lib/clock.js';

type ReplyBody = NonNullable<Reply['reply']>;

interface FakeSession {
  settled: number;
  readonly replies: Map<number, ReplyBody>;
}

interface Stored {
  value: Buffer;
  modRevision: number;
  /** How often it was really written. */
  version: number;
}

export function failure(code: string, outcome: Outcome = Outcome.NOT_APPLIED, retryable = false): ReplyBody {
  return { $case: 'failure', value: { code, message: `text of ${code}`, detail: '', outcome, retryable } };
}

const unavailable: CallStatus = { name: 'UNAVAILABLE', text: 'connection lost', wasSent: true };

export class FakeCluster implements Transport {
  readonly members = new Map<string, FakeMember>();
  readonly store = new Map<string, Stored>();
  readonly sessions = new Map<bigint, FakeSession>();
  revision = 1;
  term = 1;
  leader: string;
  windowReplies = 1_024;
  requestsInFlight = 4_096;
  sessionTtlMs = 300_000;
  #sessionId = 0n;

  constructor(
    readonly clock: Clock,
    addresses: readonly string[] = ['a:1', 'b:1', 'c:1'],
  ) {
    for (const address of addresses) this.members.set(address, new FakeMember(this, address));
    this.leader = addresses[0] ?? '';
  }

  member(address: string): FakeMember {
    const member = this.members.get(address);
    if (member === undefined) throw new Error(`no member ${address}`);
    return member;
  }

  connect(address: string): Connection {
    return new FakeConnection(this.member(address));
  }

  elect(leader: string): void {
    this.leader = leader;
    this.term += 1;
    for (const member of this.members.values()) member.tellLeadership();
  }

  beginSession(): bigint {
    this.#sessionId += 1n;
    this.sessions.set(this.#sessionId, { settled: 0, replies: new Map() });
    return this.#sessionId;
  }

  /** What the log makes of a write. */
  apply(sessionId: bigint, settled: number, { sequence: wireSequence, request }: Request): ReplyBody {
    const session = this.sessions.get(sessionId);
    const sequence = Number(wireSequence);
    if (session === undefined) return failure('SESSION_EXPIRED');
    session.settled = Math.max(session.settled, settled);
    for (const kept of session.replies.keys()) if (kept <= session.settled) session.replies.delete(kept);
    if (sequence <= session.settled) return failure('SEQUENCE_SETTLED');
    const kept = session.replies.get(sequence);
    if (kept !== undefined) return kept;
    if (sequence - 1 > session.settled && !session.replies.has(sequence - 1)) {
      return failure('SEQUENCE_GAP', Outcome.NOT_APPLIED, true);
    }
    if (session.replies.size >= this.windowReplies) return failure('SESSION_WINDOW_FULL', Outcome.NOT_APPLIED, true);
    const reply = this.#write(request);
    session.replies.set(sequence, reply);
    return reply;
  }

  #write(request: Request['request']): ReplyBody {
    if (request?.$case !== 'put') return { $case: 'void', value: {} };
    const { key, value, lease } = request.value;
    if (lease !== 0n) return failure('LEASE_NOT_FOUND');
    this.revision += 1;
    const { version = 0 } = this.store.get(key.toString()) ?? {};
    this.store.set(key.toString(), { value, modRevision: this.revision, version: version + 1 });
    return { $case: 'put', value: PutResponse.fromPartial({ header: { revision: BigInt(this.revision) } }) };
  }

  read({ range }: Read): ReplyBody {
    const key = range?.key ?? Buffer.alloc(0);
    const found = this.store.get(key.toString());
    const kvs =
      found === undefined
        ? []
        : [{ key, value: found.value, modRevision: BigInt(found.modRevision), version: BigInt(found.version) }];
    return { $case: 'range', value: RangeResponse.fromPartial({ header: { revision: BigInt(this.revision) }, kvs }) };
  }
}

/** What becomes of a request that arrives; undefined: it is answered as it should be. */
export type Fault =
  | { readonly refuse: ReplyBody }
  /** It is applied (or not), and the stream breaks before anybody says so. */
  | { readonly cut: 'beforeApply' | 'afterApply' }
  /** Nothing happens for so long. */
  | { readonly delayMs: number }
  | undefined;

export class FakeMember {
  readonly streams = new Set<FakeStream>();
  /** Of what arrived, in order. */
  readonly requests: Request[] = [];
  readonly frames: Requests[] = [];
  isUp = true;
  isPlain = false;
  /** Accepts everything and says nothing. */
  isSilent = false;
  knowsLeader = true;
  latencyMs = 1;
  fault: (request: Request) => Fault = () => undefined;

  constructor(
    readonly cluster: FakeCluster,
    readonly address: string,
  ) {}

  cut(): void {
    for (const stream of this.streams) stream.end(unavailable);
  }

  stop(): void {
    this.isUp = false;
    this.cut();
  }

  tellLeadership(): void {
    for (const stream of this.streams) stream.say({ $case: 'leadership', value: this.leadership() });
  }

  leadership(): { leaderId: bigint; term: bigint; clientUrls: string[] } {
    const { leader, term, members } = this.cluster;
    if (!this.knowsLeader) return { leaderId: 0n, term: BigInt(term), clientUrls: [] };
    return {
      leaderId: BigInt([...members.keys()].indexOf(leader) + 1),
      term: BigInt(term),
      clientUrls: [`http://${leader}`],
    };
  }
}

class FakeConnection implements Connection {
  readonly #member: FakeMember;
  readonly #streams = new Set<FakeStream>();

  constructor(member: FakeMember) {
    this.#member = member;
  }

  unary(): () => void {
    throw new Error('the fake cluster has no unary calls');
  }

  stream(_method: string, _metadata: unknown, handler: StreamHandler): Stream {
    const stream = new FakeStream(this.#member, handler);
    this.#streams.add(stream);
    return stream;
  }

  close(): void {
    for (const stream of this.#streams) stream.cancel();
  }
}

export class FakeStream implements Stream {
  readonly #member: FakeMember;
  readonly #handler: StreamHandler;
  #sessionId = 0n;
  #lastNumber = 0n;
  #hasEnded = false;

  constructor(member: FakeMember, handler: StreamHandler) {
    this.#member = member;
    this.#handler = handler;
    member.streams.add(this);
    const status: CallStatus | undefined = !member.isUp
      ? { ...unavailable, wasSent: false }
      : member.isPlain
        ? { name: 'UNIMPLEMENTED', text: 'unknown service', wasSent: true }
        : undefined;
    if (status !== undefined) this.#later(() => this.end(status));
  }

  send(bytes: Uint8Array, done?: () => void): void {
    const { frame } = ClientFrame.decode(bytes);
    this.#later(() => {
      done?.();
      if (this.#member.isSilent) return;
      if (frame?.$case === 'open') this.#open(frame.value.sessionId);
      else if (frame?.$case === 'requests') this.#arrived(frame.value);
    });
  }

  pause(): void {}
  resume(): void {}

  cancel(): void {
    this.end({ name: 'CANCELLED', text: 'from here', wasSent: true });
  }

  end(status: CallStatus): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#member.streams.delete(this);
    this.#member.cluster.clock.setTimer(() => this.#handler.onEnd(status), 0);
  }

  say(frame: NonNullable<Parameters<typeof ServerFrame.fromPartial>[0]['frame']>): void {
    const bytes = ServerFrame.encode(ServerFrame.fromPartial({ frame })).finish();
    this.#later(() => this.#handler.onMessage(bytes));
  }

  #later(callback: () => void): void {
    this.#member.cluster.clock.setTimer(() => {
      if (!this.#hasEnded) callback();
    }, this.#member.latencyMs);
  }

  #open(sessionId: bigint): void {
    const { cluster } = this.#member;
    if (sessionId !== 0n && !cluster.sessions.has(sessionId)) {
      this.say({ $case: 'goodbye', value: { failure: failure('SESSION_EXPIRED').value as never } });
      return;
    }
    this.#sessionId = sessionId === 0n ? cluster.beginSession() : sessionId;
    this.say({
      $case: 'welcome',
      value: {
        protocolVersion: 1,
        sessionId: this.#sessionId,
        leadership: this.#member.leadership(),
        sessionTtlMs: BigInt(cluster.sessionTtlMs),
        windowReplies: cluster.windowReplies,
        requestsInFlight: cluster.requestsInFlight,
      },
    });
  }

  #arrived(requests: Requests): void {
    this.#member.frames.push(requests);
    const replies: Reply[] = [];
    for (const request of requests.requests) {
      if (request.number <= this.#lastNumber) throw new Error(`request ${request.number} after ${this.#lastNumber}`);
      this.#lastNumber = request.number;
      this.#member.requests.push(request);
      if (request.request?.$case === 'cancel') continue;
      const answer = (): Reply => Reply.fromPartial({ number: request.number, reply: this.#answer(request, requests) });
      const fault = this.#member.fault(request);
      if (fault === undefined) replies.push(answer());
      else if ('refuse' in fault) replies.push(Reply.fromPartial({ number: request.number, reply: fault.refuse }));
      else if ('delayMs' in fault) this.#answerLater(fault.delayMs, answer);
      else {
        if (fault.cut === 'afterApply') answer();
        this.end(unavailable);
        return;
      }
    }
    if (replies.length > 0) this.say({ $case: 'replies', value: { replies } });
  }

  #answerLater(delayMs: number, answer: () => Reply): void {
    this.#member.cluster.clock.setTimer(() => {
      // It happens whether or not anybody is there to be told.
      const reply = answer();
      if (!this.#hasEnded) this.say({ $case: 'replies', value: { replies: [reply] } });
    }, delayMs);
  }

  #answer(request: Request, { settled }: Requests): ReplyBody {
    const { cluster } = this.#member;
    if (request.request?.$case === 'read') return cluster.read(request.request.value);
    return cluster.apply(this.#sessionId, Number(settled), request);
  }
}
