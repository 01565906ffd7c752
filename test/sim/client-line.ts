/**
 * One stream between a client of the SDK and a member. What is said on it takes its time, arrives in order and each thing
 * once, until the stream breaks: then what is still on its way is lost, and either end may hear of it late, or never. A
 * member that is not there refuses it, or nobody answers at all.
 */
import type { CallStatus, Metadata, Stream, StreamHandler } from '../../client/transport/transport.js';
import type { Random } from '../../server/lib/random.js';
import { between, longTail } from './draws.js';
import type { MemberProcess } from './member-clock.js';
import { UNITS_PER_MS, type VirtualTime } from './virtual-time.js';

const LATENCY_MS = { from: 0.1, to: 2 } as const;
/** By when an end whose other end is gone without a word finds out by itself. */
const KEEPALIVE_MS = { from: 1000, to: 20_000 } as const;

const NOT_THERE: CallStatus = { name: 'UNAVAILABLE', text: 'connection refused', wasSent: false };
const BROKEN: CallStatus = { name: 'UNAVAILABLE', text: 'the connection broke', wasSent: true };
const CANCELLED: CallStatus = { name: 'CANCELLED', text: 'from here', wasSent: true };

/** The member's end. Called inside the process only. */
export interface ServedStream {
  receive(frame: Buffer): void;
  /** There is room again. */
  drained(): void;
  /** The client is gone. */
  gone(): void;
}

/** What the member's end may do. */
export interface StreamOutlet {
  /** Takes the frame in any case; false: there is no room for more before ServedStream.drained(). */
  write(frame: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** That was the last frame. */
  end(status: CallStatus): void;
}

/** A member as the other end of streams. */
export interface StreamMember {
  readonly process: MemberProcess;
  open(method: string, metadata: Metadata, outlet: StreamOutlet): ServedStream;
  /** It says something. False: it ends before it has. */
  leaving(): boolean;
}

export interface ClientLineParts {
  readonly client: MemberProcess;
  readonly time: VirtualTime;
  readonly random: Random;
  /** Frames that the client has not taken before the member waits. */
  readonly window: number;
  /** Who is there when the opening arrives; undefined: nobody. */
  readonly member: () => StreamMember | undefined;
  /** Nobody can be reached there now, and nobody says so. */
  readonly isCutOff: () => boolean;
  /** The stream breaks here. */
  readonly isLost: () => boolean;
  readonly delayMs: () => number;
  readonly over: (line: ClientLine) => void;
  /** For the story. */
  readonly note: (what: string) => void;
}

export class ClientLine implements Stream {
  readonly #parts: ClientLineParts;
  readonly #handler: StreamHandler;
  #member: StreamMember | undefined;
  #served: ServedStream | undefined;
  /** The client has left, or was told of the end. */
  #isClosed = false;
  /** Nothing passes any more. */
  #isBroken = false;
  /** When what was said last arrives. */
  readonly #arrivals = { up: 0, down: 0 };
  #isMemberPaused = false;
  /** Whoever waits for room on the member's side. */
  #waiting: (() => void)[] = [];
  #isReading = true;
  #unread: Buffer[] = [];
  #underway = 0;
  #isBlocked = false;

  constructor(method: string, metadata: Metadata, handler: StreamHandler, parts: ClientLineParts) {
    this.#handler = handler;
    this.#parts = parts;
    this.#travel('up', () => this.#open(method, metadata));
  }

  get member(): StreamMember | undefined {
    return this.#member;
  }

  // The client's end

  send(bytes: Uint8Array, done?: () => void): void {
    if (this.#isClosed) return;
    // Half of what is lost, is lost before it arrives.
    if (this.#parts.isLost()) this.break();
    this.#travel('up', () => {
      if (this.#isMemberPaused && !this.#isBroken && done !== undefined) this.#waiting.push(done);
      // Whoever writes to a broken connection does not notice at once.
      else if (done !== undefined) this.#parts.client.run(done);
      if (!this.#isBroken) this.#member?.process.run(() => this.#served?.receive(Buffer.from(bytes)));
    });
  }

  pause(): void {
    this.#isReading = false;
  }

  resume(): void {
    this.#isReading = true;
    this.#read();
  }

  cancel(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.note('is left by its client');
    this.#parts.client.defer(() => this.#handler.onEnd(CANCELLED));
    this.#tellMember(0);
  }

  /** The client's process is gone; its machine may have gone with it. */
  clientEnded(): void {
    this.#isClosed = true;
    this.#tellMember(this.#parts.random.below(2) === 0 ? 0 : this.#keepaliveMs());
  }

  // The member's end

  #write(frame: Buffer): boolean {
    const { isLost, window } = this.#parts;
    const isGone = this.#member === undefined || !this.#member.leaving();
    if (isGone || this.#isBroken || this.#isClosed) return true;
    if (isLost()) {
      this.break();
      return true;
    }
    this.#underway += 1;
    this.#travel('down', () => {
      if (this.#isBroken) return;
      this.#parts.client.run(() => {
        this.#unread.push(frame);
        this.#read();
      });
    });
    this.#isBlocked = this.#underway >= window;
    return !this.#isBlocked;
  }

  #end(status: CallStatus): void {
    if (this.#isBroken || this.#member?.process.isEnded === true) return;
    this.#travel('down', () => this.#tellClient(status));
    this.#parts.over(this);
  }

  #resumeMember(): void {
    this.#isMemberPaused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) this.#parts.client.defer(done);
  }

  /** The member's process is gone; its machine may have gone with it. */
  processEnded(): void {
    this.#break();
  }

  // On the way

  /** Both ends are left to find out. */
  break(): void {
    if (this.#isBroken) return;
    this.#break();
    this.#tellMember(this.#parts.random.below(3) > 0 ? 0 : this.#keepaliveMs());
  }

  #break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#parts.note('breaks');
    this.#parts.over(this);
    // Else the client has to find out by itself that nobody answers.
    if (this.#parts.random.below(3) > 0) this.#travel('down', () => this.#tellClient(BROKEN));
  }

  #open(method: string, metadata: Metadata): void {
    if (this.#isClosed) return;
    if (this.#parts.isCutOff()) {
      this.#isBroken = true;
      this.#parts.over(this);
      return;
    }
    const member = this.#parts.member();
    this.#parts.note(member === undefined ? 'finds nobody' : 'is open');
    if (member === undefined) {
      this.#isBroken = true;
      this.#travel('down', () => this.#tellClient(NOT_THERE));
      this.#parts.over(this);
      return;
    }
    this.#member = member;
    member.process.run(() => {
      this.#served = member.open(method, metadata, {
        write: (frame) => this.#write(frame),
        pause: () => {
          this.#isMemberPaused = true;
        },
        resume: () => this.#resumeMember(),
        end: (status) => this.#end(status),
      });
    });
  }

  #read(): void {
    while (this.#isReading && !this.#isClosed) {
      const frame = this.#unread.shift();
      if (frame === undefined) break;
      this.#underway -= 1;
      this.#handler.onMessage(frame);
    }
    if (!this.#isBlocked || this.#underway > 0) return;
    this.#isBlocked = false;
    this.#travel('up', () => {
      if (!this.#isBroken) this.#member?.process.run(() => this.#served?.drained());
    });
  }

  #tellMember(afterMs: number): void {
    this.#parts.time.after(afterMs, () => {
      this.#travel('up', () => {
        this.#member?.process.run(() => this.#served?.gone());
        this.#parts.over(this);
      });
    });
  }

  #tellClient(status: CallStatus): void {
    this.#parts.client.run(() => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#parts.note(`ends: ${status.name} ${status.text}`);
      this.#handler.onEnd(status);
    });
  }

  #keepaliveMs(): number {
    return between(this.#parts.random, KEEPALIVE_MS.from, KEEPALIVE_MS.to);
  }

  #travel(way: 'up' | 'down', arrive: () => void): void {
    const { time, random, delayMs } = this.#parts;
    const ms = longTail(random, LATENCY_MS.from, LATENCY_MS.to) + delayMs();
    const at = Math.max(time.now + Math.ceil(ms * UNITS_PER_MS), this.#arrivals[way]);
    this.#arrivals[way] = at;
    time.at(at, arrive);
  }
}
