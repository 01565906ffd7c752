/**
 * The ledger against a session that is true to session.proto, over streams that break, members that refuse, and writes
 * that come late and in any order. Whatever happens, nothing is applied twice, and what callers are told is true.
 */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../client/core/outcome.js';
import { LedgerEntry, type Refusal, SessionLedger } from '../../../client/core/session-ledger.js';
import { mulberry } from '../mulberry.js';

type Kind = 'plain' | 'refusedByStore' | 'refusedAtDoor' | 'read';

class Entry extends LedgerEntry {
  readonly frameBytesMax = 10;
  told: Outcome | 'answered' | undefined;
  applied = 0;

  constructor(
    readonly name: number,
    readonly kind: Kind,
  ) {
    super();
  }

  get isWrite(): boolean {
    return this.kind !== 'read';
  }
}

interface Message {
  readonly entry: Entry;
  readonly number: number;
  readonly sequence: number;
  readonly isVoid: boolean;
  readonly settled: number;
  readonly stream: number;
}

type Reply = 'applied' | 'void' | Refusal;

const refusal = (code: string, outcome: Outcome, retryable: boolean): Refusal => ({
  code,
  message: '',
  detail: '',
  outcome,
  retryable,
});
const byStore = refusal('LEASE_NOT_FOUND', 'notApplied', false);
const atDoor = refusal('EMPTY_KEY', 'notApplied', false);

/** What the log makes of a session's writes. */
class Session {
  #settled = 0;
  readonly #replies = new Map<number, Reply>();

  apply({ entry, sequence, isVoid, settled }: Message): Reply {
    this.#settled = Math.max(this.#settled, settled);
    if (sequence <= this.#settled) return refusal('SEQUENCE_SETTLED', 'notApplied', false);
    const kept = this.#replies.get(sequence);
    if (kept !== undefined) return kept;
    const isNext = sequence - 1 <= this.#settled || this.#replies.has(sequence - 1);
    if (!isNext) return refusal('SEQUENCE_GAP', 'notApplied', true);
    if (!isVoid && entry.kind === 'plain') entry.applied += 1;
    const reply: Reply = isVoid ? 'void' : entry.kind === 'refusedByStore' ? byStore : 'applied';
    this.#replies.set(sequence, reply);
    return reply;
  }
}

class World {
  readonly #below: (bound: number) => number;
  readonly #ledger: SessionLedger<Entry>;
  readonly entries: Entry[] = [];
  #session = new Session();
  #messages: Message[] = [];
  #replies: { readonly message: Message; readonly reply: Reply }[] = [];
  #stream = 0;
  #now = 0;
  #withFaults = true;

  constructor(seed: number) {
    this.#below = mulberry(seed);
    this.#ledger = new SessionLedger({ below: this.#below });
    this.#ledger.begin({ windowReplies: 6, requestsInFlight: 9 });
  }

  run(steps: number): void {
    const actions = [
      () => this.#submit(),
      () => this.#submit(),
      () => this.#send(),
      () => this.#send(),
      () => this.#arrive(),
      () => this.#arrive(),
      () => this.#arrive(),
      () => this.#reply(),
      () => this.#reply(),
      () => this.#reply(),
      () => this.#giveUp(),
      () => this.#lose(),
      () => this.#expire(),
    ];
    const rare = new Set([actions.length - 1, actions.length - 2]);
    for (let step = 0; step < steps; step += 1) {
      const chosen = this.#below(actions.length);
      this.#now += this.#below(20);
      if (!rare.has(chosen) || this.#below(10) === 0) actions[chosen]?.();
    }
    this.#withFaults = false;
    this.#lose();
    for (let step = 0; step < 20_000 && !this.#isDone(); step += 1) {
      this.#now += 100;
      this.#send();
      this.#arrive();
      this.#reply();
    }
    // What is still under way comes too late, and must come to nothing.
    while (this.#messages.length > 0) this.#arrive();
  }

  get unsettled(): number {
    return this.#ledger.waitingCount + this.#ledger.inFlightCount;
  }

  #isDone(): boolean {
    return this.unsettled === 0 && this.entries.every(({ told }) => told !== undefined);
  }

  #submit(): void {
    const kinds: readonly Kind[] = ['plain', 'plain', 'plain', 'refusedByStore', 'refusedAtDoor', 'read'];
    const entry = new Entry(this.entries.length, kinds[this.#below(kinds.length)] ?? 'plain');
    this.entries.push(entry);
    this.#ledger.submit(entry);
  }

  #send(): void {
    const stream = this.#stream;
    this.#ledger.takeCancels();
    for (const entry of this.#ledger.take(this.#now, 10 * (1 + this.#below(5)))) {
      const { number, sequence, isVoid } = entry;
      this.#messages.push({ entry, number, sequence, isVoid, settled: this.#ledger.settled, stream });
    }
  }

  /** One message, mostly the oldest, comes to a member: which may refuse it, or apply it and say so or not. */
  #arrive(): void {
    const place = this.#withFaults && this.#below(4) === 0 ? this.#below(this.#messages.length || 1) : 0;
    const [message] = this.#messages.splice(place, 1);
    if (message === undefined) return;
    const reply = (what: Reply): void => {
      this.#replies.push({ message, reply: what });
    };
    if (message.entry.kind === 'read') return reply('applied');
    if (message.entry.kind === 'refusedAtDoor' && !message.isVoid) return reply(atDoor);
    if (!this.#withFaults) return reply(this.#session.apply(message));
    switch (this.#below(8)) {
      case 0:
        return reply(refusal('NO_LEADER', 'notApplied', true));
      case 1:
        // Proposed, and applied only later, or never.
        if (this.#below(2) === 0) this.#messages.push({ ...message, number: -1, stream: -1 });
        return reply(refusal('OUTCOME_UNKNOWN', 'unknown', true));
      case 2:
        // The member is killed with the request in its hands.
        if (this.#below(2) === 0) this.#session.apply(message);
        return this.#lose();
      default:
        return reply(this.#session.apply(message));
    }
  }

  #reply(): void {
    const [one] = this.#replies.splice(this.#withFaults ? this.#below(this.#replies.length || 1) : 0, 1);
    if (one === undefined || one.message.stream !== this.#stream) return;
    const { message, reply } = one;
    if (typeof reply === 'string') {
      const entry = this.#ledger.answered(message.number);
      if (entry === undefined || (entry.isVoid && entry.refusal === undefined)) return;
      if (reply === 'void') this.#tell(entry, 'notApplied');
      else this.#tell(entry, 'answered');
      return;
    }
    const { verdict, entry } = this.#ledger.refused(message.number, reply, this.#now);
    if (verdict === 'rejected' && entry !== undefined) this.#tell(entry, entry.outcome);
  }

  #tell(entry: Entry, what: Outcome | 'answered'): void {
    expect(entry.told, `entry ${entry.name} is told once`).toBeUndefined();
    entry.told = what;
  }

  #giveUp(): void {
    const waiting = this.entries.filter(({ told }) => told === undefined);
    const entry = waiting[this.#below(waiting.length || 1)];
    if (entry !== undefined) this.#tell(entry, this.#ledger.giveUp(entry));
  }

  #lose(): void {
    this.#stream += 1;
    this.#ledger.streamLost();
    this.#ledger.resume({ requestsInFlight: 9 });
  }

  #expire(): void {
    this.#stream += 1;
    for (const entry of this.#ledger.expired()) this.#tell(entry, 'unknown');
    // Whatever of the old session is still under way finds no session.
    this.#messages = [];
    this.#session = new Session();
    this.#ledger.begin({ windowReplies: 6, requestsInFlight: 9 });
  }
}

describe('whatever happens', () => {
  const seeds = Array.from({ length: 300 }, (_, seed) => seed + 1);
  it('nothing is applied twice, every caller is told once, and what it is told is true', () => {
    const told = new Map<string, number>();
    for (const seed of seeds) {
      const world = new World(seed);
      world.run(400);
      expect(world.unsettled, `seed ${seed}: everything comes to an end`).toBe(0);
      for (const { name, kind, told: what, applied } of world.entries) {
        const story = `seed ${seed}, entry ${name}: told ${what}, applied ${applied} times`;
        told.set(`${kind} ${what}`, (told.get(`${kind} ${what}`) ?? 0) + 1);
        expect(applied, story).toBeLessThanOrEqual(1);
        if (what === 'answered' && kind === 'plain') expect(applied, story).toBe(1);
        if (what === 'notApplied') expect(applied, story).toBe(0);
        if (kind === 'refusedByStore' || kind === 'refusedAtDoor') expect(what, story).not.toBe('answered');
        expect(what, story).toBeDefined();
      }
    }
    // The run means something only when all of these really occur.
    for (const kind of ['plain answered', 'plain notApplied', 'plain unknown', 'refusedByStore notApplied']) {
      expect(told.get(kind) ?? 0, kind).toBeGreaterThan(20);
    }
  });
});
