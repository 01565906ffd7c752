/**
 * One watch stream between a client and a member. What is said on it takes its time, arrives in order and each thing
 * once, until the stream breaks: then what is still on its way is lost, and either end may hear of it late or never.
 */
import type { Random } from '../../server/lib/random.js';
import { longTail } from './draws.js';
import type { MemberProcess } from './member-clock.js';
import { UNITS_PER_MS, type VirtualTime } from './virtual-time.js';
import type { WatchAsk, WatchConnection, WatchListener, WatchTold } from './watch-ports.js';

const LATENCY_MS = { from: 0.1, to: 2 } as const;

/** The member's end. Called inside the process only. */
export interface ServedWatch {
  ask(ask: WatchAsk): void;
  /** There is room again. */
  drained(): void;
  /** The client is gone. */
  gone(): void;
  /** The member stops. */
  stopped(): void;
}

/** What the member's end may do. */
export interface Outlet {
  readonly hasRoom: boolean;
  /** Beyond the room, too: what was begun is said whole. */
  say(told: WatchTold): void;
  /** The member ends the stream. */
  end(why: string): void;
}

export interface LineParts {
  readonly process: MemberProcess;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly window: number;
  /** The stream breaks here. */
  isLost(): boolean;
  /** The member says something. False: it ends before it has. */
  leaving(told: WatchTold): boolean;
  readonly over: (line: WatchLine) => void;
}

export class WatchLine implements WatchConnection, Outlet {
  readonly #parts: LineParts;
  readonly #listener: WatchListener;
  #served: ServedWatch | undefined;
  #isReading = true;
  /** The client has closed it, or was told that it broke. */
  #isClosed = false;
  /** Nothing passes any more. */
  #isBroken = false;
  /** When what was said last arrives. */
  readonly #arrivals = { up: 0, down: 0 };
  /** Has arrived and was not taken. */
  readonly #waiting: WatchTold[] = [];
  #unread = 0;
  /** Taken, and the member does not know it yet. */
  #taken = 0;

  constructor(listener: WatchListener, parts: LineParts) {
    this.#listener = listener;
    this.#parts = parts;
  }

  /** `serve` makes the member's end when the opening has arrived there. */
  open(serve: (outlet: Outlet) => ServedWatch): void {
    this.#up(() => {
      this.#served = serve(this);
    });
  }

  // The client's end

  ask(ask: WatchAsk): void {
    if (this.#isClosed || this.#isBroken) return;
    if (this.#parts.isLost()) this.#break();
    else this.#up(() => this.#served?.ask(ask));
  }

  get isReading(): boolean {
    return this.#isReading;
  }
  set isReading(isReading: boolean) {
    this.#isReading = isReading;
    this.#read();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave();
  }

  // The member's end

  get hasRoom(): boolean {
    return this.#unread < this.#parts.window;
  }

  say(told: WatchTold): void {
    if (!this.#parts.leaving(told) || this.#isClosed || this.#isBroken) return;
    this.#unread += 1;
    if (this.#parts.isLost()) this.#break();
    else this.#down(() => this.#arrive(told));
  }

  end(why: string): void {
    this.#down(() => this.#tellBroken(why));
    this.#parts.over(this);
  }

  stopped(): void {
    this.#served?.stopped();
  }

  /** The process is gone. Its machine may have gone with it: then nobody says so. */
  processEnded(): void {
    if (this.#parts.random.below(3) > 0) this.#down(() => this.#tellBroken('its member is gone'));
    this.#isBroken = true;
  }

  // On the way

  #break(): void {
    this.#isBroken = true;
    this.#leave();
    this.#down(() => this.#tellBroken('the connection broke'));
  }

  #leave(): void {
    this.#up(() => this.#served?.gone());
    this.#parts.over(this);
  }

  #arrive(told: WatchTold): void {
    this.#waiting.push(told);
    this.#read();
  }

  #read(): void {
    while (this.#isReading && !this.#isClosed) {
      const told = this.#waiting.shift();
      if (told === undefined) return;
      this.#took();
      this.#listener.told(told);
    }
  }

  /** Room is given back in large pieces, as HTTP/2 does. */
  #took(): void {
    this.#taken += 1;
    if (this.#taken * 2 < this.#parts.window) return;
    const taken = this.#taken;
    this.#taken = 0;
    this.#up(() => {
      this.#unread -= taken;
      this.#served?.drained();
    });
  }

  #tellBroken(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.broken(why);
  }

  #up(arrive: () => void): void {
    this.#travel('up', () => this.#parts.process.run(arrive));
  }

  #down(arrive: () => void): void {
    this.#travel('down', arrive);
  }

  #travel(way: 'up' | 'down', arrive: () => void): void {
    const { time, random } = this.#parts;
    const latency = Math.ceil(longTail(random, LATENCY_MS.from, LATENCY_MS.to) * UNITS_PER_MS);
    const at = Math.max(time.now + latency, this.#arrivals[way]);
    this.#arrivals[way] = at;
    time.at(at, arrive);
  }
}
