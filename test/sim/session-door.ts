/**
 * A running member as clients of the SDK reach it: the real exchanges, from the bytes of requests to the bytes of replies,
 * and nothing between them and the lines of this world.
 */
import type { CallStatus, Metadata } from '../../client/transport/transport.js';
import { silentLogger } from '../../server/lib/logger.js';
import type { GrantMember } from '../../server/node/grant-member.js';
import type { KvMember } from '../../server/node/kv-member.js';
import type { LeaseMember } from '../../server/node/lease-member.js';
import type { SessionMember } from '../../server/node/session-member.js';
import { LongCalls } from '../../server/rpc/long-calls.js';
import { RequestGate } from '../../server/rpc/request-gate.js';
import { MemberSessions } from '../../server/rpc/session-source.js';
import type { ServedStream, StreamMember, StreamOutlet } from './client-line.js';
import type { MemberProcess } from './member-clock.js';
import { SdkStreams, type SdkStreamsOptions } from './sdk-streams.js';

const EXCHANGE = '/quorate.v1.Session/Exchange';
const OK: CallStatus = { name: 'OK', text: '', wasSent: true };
const LIMITS = { maxRequestBytes: 1_572_864, maxTxnOps: 128 };
const nothing = (): void => undefined;

export interface SessionDoorParts {
  readonly kv: KvMember;
  readonly leases: LeaseMember;
  readonly grants: GrantMember;
  readonly sessions: SessionMember;
  readonly process: MemberProcess;
  /** The process may die here. */
  readonly answering: () => void;
  /** Undefined: nobody opens any others than those of sessions. */
  readonly streams: SdkStreamsOptions | undefined;
}

export class SessionDoor implements StreamMember {
  readonly process: MemberProcess;
  readonly #parts: SessionDoorParts;
  readonly #gate = new RequestGate();
  readonly #longCalls = new LongCalls();
  readonly #exchanges: MemberSessions;
  readonly #streams: SdkStreams | undefined;

  constructor(parts: SessionDoorParts) {
    const { kv: member, leases, grants, sessions, process: clock } = parts;
    this.process = clock;
    this.#parts = parts;
    this.#exchanges = new MemberSessions({
      member,
      leases,
      grants,
      sessions,
      limits: LIMITS,
      gate: this.#gate,
      longCalls: this.#longCalls,
      clock,
      logger: silentLogger,
    });
    const streamParts = { member, leases, grants, process: clock, gate: this.#gate, longCalls: this.#longCalls };
    this.#streams = parts.streams && new SdkStreams({ ...streamParts, ...parts.streams });
  }

  open(method: string, metadata: Metadata, outlet: StreamOutlet): ServedStream {
    if (method !== EXCHANGE) return this.#openOther(method, metadata, outlet);
    const exchange = this.#exchanges.open({
      write: (frame) => outlet.write(frame),
      pause: () => outlet.pause(),
      resume: () => outlet.resume(),
      end: () => outlet.end(OK),
    });
    return {
      receive: (frame) => exchange.receive(frame),
      drained: () => exchange.drained(),
      gone: () => exchange.close(),
    };
  }

  leaving(): boolean {
    if (!this.process.isEnded) this.#parts.answering();
    return !this.process.isEnded;
  }

  /** The member stops: it says so on every stream. */
  stop(): void {
    void this.#gate.close();
    this.#longCalls.stop();
    this.#streams?.stop();
  }

  #openOther(method: string, metadata: Metadata, outlet: StreamOutlet): ServedStream {
    const served = this.#streams?.open(method, metadata, outlet);
    if (served !== undefined) return served;
    outlet.end({ name: 'UNIMPLEMENTED', text: method, wasSent: true });
    return { receive: nothing, drained: nothing, gone: nothing };
  }
}
