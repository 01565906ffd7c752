/**
 * What a session still owes its callers: which requests are to be sent, under which numbers, and what the replies say
 * about them. Pure: replies, broken streams and deadlines in; what to send, in which order, and outcomes out.
 *
 * A write keeps its sequence number however often it is sent, until the state machine has spoken about it. So a write
 * whose caller has left after it was sent is not forgotten: it becomes a void, which takes the number in its place.
 *
 *   fresh ----take----> inFlight ----reply----> over
 *                        |    ^
 *     refused, or stream v    | take, in the order of the sequence numbers
 *     lost              again-+
 */
import type { Random } from '../lib/random.js';
import { Queue } from '../lib/queue.js';
import { backoffMs } from './backoff.js';
import { WheelEntry } from './deadline-wheel.js';
import { NOTHING_SENT, type Outcome, outcomeAfter } from './outcome.js';
import { SequenceWindow } from './sequence-window.js';

/** What is given up while it waits is taken out of the queues many at a time. */
const ABANDONED_MAX = 1_024;

export abstract class LedgerEntry extends WheelEntry {
  abstract readonly isWrite: boolean;
  /** The bytes that it takes in a frame, at most. */
  abstract readonly frameBytesMax: number;
  /** Of a write that has been sent. */
  sequence = 0;
  /** Of the last time that it was sent. */
  number = 0;
  /** The number under which the write went that the void replaces; a late reply to it still counts. */
  replacedNumber = 0;
  place: 'fresh' | 'inFlight' | 'again' | 'over' = 'fresh';
  /** How often it was sent, as what it is. */
  attempts = 0;
  /** What all attempts so far say, those under way not counted. */
  outcome: Outcome = NOTHING_SENT;
  isVoid = false;
  /** What the caller is told once the void has shown that the write never happened. Undefined: the caller has left. */
  refusal: Refusal | undefined;

  /** From now on it is sent as a void. */
  becomeVoid(): void {
    this.isVoid = true;
  }
}

/** What a member says of a request that it does not answer. */
export interface Refusal {
  readonly code: string;
  /** etcd's text where etcd has one. */
  readonly message: string;
  /** For people: the limit and the value. */
  readonly detail: string;
  /** Of this one request. */
  readonly outcome: Outcome;
  readonly retryable: boolean;
}

export interface SessionLimits {
  /** Replies that the session keeps. */
  readonly windowReplies: number;
  /** Requests of a stream that the member reads before it has answered some. */
  readonly requestsInFlight: number;
}

/** What a refusal comes to. `again`: it will be sent again. `expired`: so is everything else of the session. */
export type Verdict = 'ignored' | 'again' | 'rejected' | 'expired';

export class SessionLedger<Entry extends LedgerEntry> {
  readonly #random: Random;
  readonly #freshWrites = new Queue<Entry>();
  readonly #freshReads = new Queue<Entry>();
  /** By sequence number. */
  readonly #writesAgain: Entry[] = [];
  readonly #readsAgain = new Queue<Entry>();
  /** By number. A write that became a void stands here under both. */
  readonly #inFlight = new Map<number, Entry>();
  /** Writes that the state machine has not spoken about, by sequence number modulo the window. */
  #open: (Entry | undefined)[] = [];
  #window = new SequenceWindow(1);
  #requestsInFlightMax = 1;
  #number = 0;
  #cancels: number[] = [];
  #refusals = 0;
  #heldUntil = 0;
  /** How many at most stand in the queues though they are over. */
  #abandoned = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Every write up to here is over. */
  get settled(): number {
    return this.#window.settled;
  }

  /** What was sent and not answered. */
  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  /** What waits to be sent, whatever for. */
  get waitingCount(): number {
    return this.#freshWrites.length + this.#freshReads.length + this.#writesAgain.length + this.#readsAgain.length;
  }

  /** What was refused is not sent again before. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  /** A session has begun: nothing of it has been sent. */
  begin({ windowReplies, requestsInFlight }: SessionLimits): void {
    this.#window = new SequenceWindow(windowReplies);
    this.#open = Array.from({ length: windowReplies }, () => undefined);
    this.resume({ requestsInFlight });
  }

  /** The same session goes on, on another stream. */
  resume({ requestsInFlight }: Pick<SessionLimits, 'requestsInFlight'>): void {
    this.#requestsInFlightMax = Math.max(1, requestsInFlight);
    this.#heldUntil = 0;
    this.#cancels = [];
  }

  submit(entry: Entry): void {
    if (entry.isWrite) this.#freshWrites.push(entry);
    else this.#freshReads.push(entry);
  }

  /** What goes out now, numbered, in order. At most about `bytesMax`, but always one if there is one. */
  take(now: number, bytesMax: number): readonly Entry[] {
    const taken: Entry[] = [];
    let bytes = 0;
    const send = (entry: Entry): void => {
      bytes += entry.frameBytesMax;
      this.#number += 1;
      entry.number = this.#number;
      if (!entry.isVoid) entry.attempts += 1;
      entry.place = 'inFlight';
      this.#inFlight.set(entry.number, entry);
      taken.push(entry);
    };
    const hasRoom = (): boolean => bytes < bytesMax && this.#inFlight.size < this.#requestsInFlightMax;
    if (now >= this.#heldUntil) this.#takeAgain(hasRoom, send);
    while (hasRoom() && this.#mayBeginWrite()) {
      const entry = this.#freshWrites.shift() as Entry;
      entry.sequence = this.#window.assign();
      this.#open[entry.sequence % this.#open.length] = entry;
      send(entry);
    }
    while (hasRoom()) {
      const entry = this.#freshReads.shift();
      if (entry === undefined) break;
      if (entry.place !== 'over') send(entry);
    }
    return taken;
  }

  /** Numbers of requests whose replies nobody wants any more; each is told once. */
  takeCancels(): readonly number[] {
    if (this.#cancels.length === 0) return this.#cancels;
    const cancels = this.#cancels;
    this.#cancels = [];
    return cancels;
  }

  /** Whatever is not over, but for voids that nobody waits for. */
  everything(): readonly Entry[] {
    const again = [...this.#writesAgain, ...this.#readsAgain.toArray()];
    const all = [...this.#inFlight.values(), ...again, ...this.#freshWrites.toArray(), ...this.#freshReads.toArray()];
    return [...new Set(all)].filter(
      ({ place, isVoid, refusal }) => place !== 'over' && (!isVoid || refusal !== undefined),
    );
  }

  /** For requests that the ledger does not track. */
  nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }

  /** The request was answered: it is over. Undefined: nobody waits for it. */
  answered(number: number): Entry | undefined {
    const entry = this.#inFlight.get(number);
    if (entry === undefined) return undefined;
    this.#refusals = 0;
    this.#over(entry, true);
    return entry;
  }

  /** The request was refused. A verdict of `rejected` leaves the entry with its final outcome. */
  refused(number: number, refusal: Refusal, now: number): { readonly verdict: Verdict; readonly entry?: Entry } {
    const entry = this.#inFlight.get(number);
    if (entry === undefined) return { verdict: 'ignored' };
    this.#inFlight.delete(number);
    // The void that took its place has yet to be answered.
    if (number !== entry.number) return { verdict: 'ignored' };
    if (!entry.isWrite) return { verdict: this.#refusedRead(entry, refusal, now), entry };
    if (refusal.code === 'SESSION_EXPIRED') {
      this.#inFlight.set(number, entry);
      return { verdict: 'expired' };
    }
    const isDoubt = refusal.outcome === 'unknown';
    const end = isDoubt ? 'lost' : refusal.outcome === 'applied' ? 'provedApplied' : 'refused';
    const before = entry.outcome;
    entry.outcome = outcomeAfter(before, end);
    if (refusal.outcome !== 'applied' && (refusal.retryable || isDoubt)) {
      if (refusal.code !== 'SEQUENCE_GAP' || this.#window.mayFollow(entry.sequence)) this.#hold(now);
      this.#sendAgain(entry);
      return { verdict: 'again' };
    }
    return { verdict: this.#refusedForGood(entry, refusal), entry };
  }

  /** The stream broke: what was sent on it and not answered may have happened or not. */
  streamLost(): void {
    const lost = [...new Set(this.#inFlight.values())];
    this.#inFlight.clear();
    for (const entry of lost) {
      if (entry.place !== 'inFlight') continue;
      if (entry.isWrite) {
        entry.outcome = outcomeAfter(entry.outcome, 'lost');
        this.#sendAgain(entry);
      } else {
        entry.place = 'again';
        this.#readsAgain.push(entry);
      }
    }
  }

  /** The session is over. Returns the writes that nobody will ever speak about; unsent ones go on in the next session. */
  expired(): readonly Entry[] {
    this.streamLost();
    const writes = this.#writesAgain.splice(0);
    const unsent = writes.filter((entry) => entry.outcome === 'notApplied' && !entry.isVoid);
    for (const entry of unsent) {
      entry.sequence = 0;
      entry.place = 'fresh';
    }
    this.#freshWrites.unshift(unsent);
    const lost = writes.filter((entry) => entry.outcome !== 'notApplied' || entry.isVoid);
    for (const entry of lost) entry.place = 'over';
    return lost.filter((entry) => !entry.isVoid || entry.refusal !== undefined);
  }

  /**
   * The caller waits no longer. Returns what can be said of the outcome now. A write that may have happened stays in the
   * ledger as a void.
   */
  giveUp(entry: Entry): Outcome {
    if (entry.place === 'over') return entry.outcome;
    entry.refusal = undefined;
    if (entry.sequence === 0) {
      if (entry.place === 'inFlight') this.#cancel(entry.number);
      else this.#abandoned += 1;
      entry.place = 'over';
      if (this.#abandoned > ABANDONED_MAX) this.#sweep();
      return NOTHING_SENT;
    }
    if (entry.place === 'inFlight') entry.outcome = outcomeAfter(entry.outcome, 'lost');
    if (entry.outcome === 'notApplied') {
      this.#removeAgain(entry);
      this.#over(entry, false);
      return 'notApplied';
    }
    if (!entry.isVoid) this.#replace(entry);
    return entry.outcome;
  }

  #sweep(): void {
    for (const queue of [this.#freshWrites, this.#freshReads, this.#readsAgain]) {
      queue.unshift(queue.drain().filter(({ place }) => place !== 'over'));
    }
    this.#abandoned = 0;
  }

  #takeAgain(hasRoom: () => boolean, send: (entry: Entry) => void): void {
    let count = 0;
    for (const entry of this.#writesAgain) {
      if (!hasRoom() || !this.#maySend(entry)) break;
      send(entry);
      count += 1;
    }
    this.#writesAgain.splice(0, count);
    while (hasRoom()) {
      const entry = this.#readsAgain.shift();
      if (entry === undefined) break;
      if (entry.place !== 'over') send(entry);
    }
  }

  /** A member takes writes in order: the one before is over, or was sent since this one was last refused. */
  #maySend({ sequence, number }: Entry): boolean {
    if (this.#window.mayFollow(sequence)) return true;
    const before = this.#open[(sequence - 1) % this.#open.length];
    return before !== undefined && before.place === 'inFlight' && before.number > number;
  }

  #mayBeginWrite(): boolean {
    for (let entry = this.#freshWrites.peek(); entry?.place === 'over'; entry = this.#freshWrites.peek()) {
      this.#freshWrites.shift();
    }
    if (this.#freshWrites.length === 0 || this.#writesAgain.length > 0 || this.#window.isFull) return false;
    const { next } = this.#window;
    return this.#window.mayFollow(next) || this.#open[(next - 1) % this.#open.length]?.place === 'inFlight';
  }

  #refusedRead(entry: Entry, refusal: Refusal, now: number): Verdict {
    if (!refusal.retryable) {
      entry.place = 'over';
      return 'rejected';
    }
    this.#hold(now);
    entry.place = 'again';
    this.#readsAgain.push(entry);
    return 'again';
  }

  /** It will not fare better. What the caller may be told depends on what became of earlier attempts. */
  #refusedForGood(entry: Entry, refusal: Refusal): Verdict {
    if (entry.isVoid) {
      // Answered with what the write itself was answered: the state machine has spoken. Anything else proves nothing.
      const isProof = refusal.outcome === 'applied' || refusal.code === entry.refusal?.code;
      if (isProof && refusal.outcome === 'notApplied') entry.outcome = 'notApplied';
      this.#over(entry, false);
      return entry.refusal === undefined ? 'ignored' : 'rejected';
    }
    if (entry.outcome === 'unknown') {
      // An earlier attempt may still come into the log: a void finds out.
      entry.refusal = refusal;
      entry.becomeVoid();
      this.#sendAgain(entry);
      return 'again';
    }
    this.#over(entry, refusal.outcome === 'applied');
    return 'rejected';
  }

  #hold(now: number): void {
    if (now < this.#heldUntil) return;
    this.#refusals += 1;
    this.#heldUntil = now + backoffMs(this.#refusals, this.#random);
  }

  #sendAgain(entry: Entry): void {
    entry.place = 'again';
    let place = this.#writesAgain.length;
    while (place > 0 && (this.#writesAgain[place - 1] as Entry).sequence > entry.sequence) place -= 1;
    this.#writesAgain.splice(place, 0, entry);
  }

  #removeAgain(entry: Entry): void {
    const place = this.#writesAgain.indexOf(entry);
    if (place !== -1) this.#writesAgain.splice(place, 1);
  }

  #replace(entry: Entry): void {
    if (entry.place === 'inFlight') {
      this.#cancel(entry.number, true);
      entry.replacedNumber = entry.number;
      entry.number = 0;
    } else {
      this.#removeAgain(entry);
    }
    entry.becomeVoid();
    this.#sendAgain(entry);
  }

  #cancel(number: number, isWatched = false): void {
    this.#cancels.push(number);
    if (!isWatched) this.#inFlight.delete(number);
  }

  #over(entry: Entry, isApplied: boolean): void {
    if (entry.place === 'again') this.#removeAgain(entry);
    entry.place = 'over';
    this.#inFlight.delete(entry.number);
    if (entry.replacedNumber > 0) this.#inFlight.delete(entry.replacedNumber);
    if (entry.sequence === 0) return;
    this.#open[entry.sequence % this.#open.length] = undefined;
    if (isApplied) this.#window.applied(entry.sequence);
    else this.#window.abandoned(entry.sequence);
  }
}
