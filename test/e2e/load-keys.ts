/**
 * The keys that the load's clients share. A key retires after so many calls and its successor takes its place: checkers
 * that try out orders need short stories, and the whole past of a key must be read back in the end. Calls that failed
 * do not count, so that a key's story goes on where a fault stopped everybody.
 */
import type { Random } from '../../server/lib/random.js';
import type { Operation } from '../checkers/operation.js';

const registerSlots = 2;
/** The checker bears 200, and every client may have chosen the key when it retires, for one play. */
const registerCalls = 150;
const listSlots = 3;
const listCalls = 80;
const ownCalls = 200;

/** `prefix.0`, `prefix.1`, ... */
class RotatingKey {
  readonly #prefix: string;
  readonly #callsMax: number;
  #calls = 0;

  constructor(prefix: string, callsMax: number) {
    this.#prefix = prefix;
    this.#callsMax = callsMax;
  }

  get name(): string {
    return `${this.#prefix}.${Math.floor(this.#calls / this.#callsMax)}`;
  }

  called(key: string): void {
    if (key === this.name) this.#calls += 1;
  }
}

export class LoadKeys {
  readonly #registers: readonly RotatingKey[];
  readonly #lists: readonly RotatingKey[];
  readonly #own: readonly RotatingKey[];

  constructor(clients: number) {
    this.#registers = slots(registerSlots, (place) => new RotatingKey(`r${place}`, registerCalls));
    this.#lists = slots(listSlots, (place) => new RotatingKey(`l${place}`, listCalls));
    this.#own = slots(clients, (place) => new RotatingKey(`own/${place}`, ownCalls));
  }

  /** Of all clients. */
  register(random: Random): string {
    return nameOf(this.#registers[random.below(this.#registers.length)]);
  }

  /** All lists, or all but one. */
  lists(random: Random): readonly string[] {
    const left = random.below(this.#lists.length * 2);
    return this.#lists.filter((_, place) => place !== left).map(nameOf);
  }

  /** Only `client` writes it. */
  own(client: number): string {
    return nameOf(this.#own[client]);
  }

  called({ call, outcome }: Operation): void {
    if (outcome.kind === 'failed' || call.kind === 'compact' || call.kind === 'leaseEnd') return;
    const names = call.kind === 'txn' ? [...call.compares, ...call.success].map(({ key }) => key) : [call.key];
    const all = [...this.#registers, ...this.#lists, ...this.#own];
    for (const name of new Set(names)) for (const slot of all) slot.called(name);
  }
}

/** All keys that clients have for their own. */
export const ownSpan = { key: 'own/', rangeEnd: 'own0' } as const;

function nameOf(slot: RotatingKey | undefined): string {
  if (slot === undefined) throw new Error('no such key');
  return slot.name;
}

function slots<T>(count: number, make: (place: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, place) => make(place));
}
