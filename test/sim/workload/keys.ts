/**
 * The keys of a run, in families: registers `r` that are only ever named one by one, others `k` that ranges go over,
 * lists `l`, banks `b`, and `s` that are swept together. A key retires after so many calls and its successor takes its place: checkers that try out
 * orders need short stories, and keys that are new are worth meeting, too.
 */
import type { Random } from '../../../server/lib/random.js';
import type { Call } from '../../checkers/operation.js';
import { putsOf } from '../../checkers/operation-facts.js';
import { chance, pickSome } from './draw.js';
import { type Mix, REGISTER_CLIENTS_MAX } from './mix.js';

interface Slot {
  readonly name: string;
  generation: number;
  calls: number;
}

export interface Span {
  readonly key: string;
  readonly rangeEnd: string;
}

/** Everything except the registers. */
export const MANY_KEYS: Span = { key: 'a', rangeEnd: 'r' };
export const ALL_KEYS: Span = { key: '\x01', rangeEnd: '\xff' };

export class Keys {
  readonly #mix: Mix;
  readonly #clients: number;
  readonly #registers: readonly Slot[];
  readonly #others: readonly Slot[];
  readonly #lists: readonly Slot[];
  readonly #bank: Slot = { name: 'b', generation: 0, calls: 0 };
  readonly #swept: Slot = { name: 's', generation: 0, calls: 0 };
  readonly #byName: ReadonlyMap<string, Slot>;

  constructor(mix: Mix, clients: number) {
    this.#mix = mix;
    this.#clients = clients;
    this.#registers = slots(mix.registers, (place) => `r${place}`);
    this.#others = slots(mix.others, (place) => `k${ODD_NAMES[place] ?? place}`);
    this.#lists = slots(mix.lists, (place) => `l${place}`);
    const all = [...this.#registers, ...this.#others, ...this.#lists, this.#bank, this.#swept];
    this.#byName = new Map(all.map((slot) => [slot.name, slot]));
  }

  register(client: number, random: Random): string {
    const allowed = this.#registers.filter(
      (_, place) => this.#clients <= REGISTER_CLIENTS_MAX || (client + place) % this.#clients < REGISTER_CLIENTS_MAX,
    );
    return this.#use(this.#hot(random, allowed));
  }

  other(random: Random): string {
    return this.#use(this.#hot(random, this.#others));
  }

  /** Of a kind that single-key calls work on. */
  any(client: number, random: Random): string {
    return chance(random, 65) ? this.register(client, random) : this.other(random);
  }

  /** Of neighbours among the others, now and then of none. */
  span(random: Random): Span {
    const names = this.#others.map(({ name }) => name).sort();
    const first = names[random.below(names.length)] ?? 'k';
    const end = names[random.below(names.length)] ?? 'l';
    return { key: first, rangeEnd: end > first || chance(random, 10) ? end : 'l' };
  }

  /** Two or three different ones. */
  lists(random: Random): readonly string[] {
    const count = chance(random, 50) ? 2 : 3;
    return pickSome(random, this.#lists, count).map((slot) => this.#use(slot));
  }

  /** All accounts of the bank that is open now. */
  bank(): Span & { readonly accounts: readonly string[] } {
    const key = `${this.#use(this.#bank)}.`;
    const accounts = Array.from({ length: this.#mix.accounts }, (_, place) => `${key}${place}`);
    return { key, rangeEnd: endOfPrefix(key), accounts };
  }

  /** From its key on there is nothing else; its names are in random order. */
  swept(random: Random): Span & { readonly names: readonly string[] } {
    const key = `${this.#use(this.#swept)}.`;
    return { key, rangeEnd: '\0', names: pickSome(random, ['0', '1', '2'], 3).map((name) => key + name) };
  }

  /** Each key that a call names has seen one call more. */
  called(call: Call): void {
    // A key that is put under a lease may see its end as well.
    const leased = putsOf(call).flatMap(({ key, lease }) => (lease === undefined ? [] : [key]));
    for (const key of [...namedBy(call), ...leased]) {
      const slot = this.#byName.get(key.slice(0, key.indexOf('.')));
      if (slot !== undefined && (key === nameOf(slot) || slot === this.#bank || slot === this.#swept)) slot.calls += 1;
    }
  }

  #hot(random: Random, all: readonly Slot[]): Slot {
    const isHot = chance(random, this.#mix.hotPercent);
    const slot = all[random.below(isHot ? Math.ceil(all.length / 4) : all.length)];
    if (slot === undefined) throw new Error('no key to choose');
    return slot;
  }

  #use(slot: Slot): string {
    if (slot.calls >= this.#mix.callsPerKey) {
      slot.generation += 1;
      slot.calls = 0;
    }
    return nameOf(slot);
  }
}

/** Bytes that text does not have; each is the name of one slot among the others. */
const ODD_NAMES: readonly (string | undefined)[] = [undefined, '\x00', undefined, '\xff', undefined, '\xc3\xa9'];

function slots(count: number, nameOf: (place: number) => string): readonly Slot[] {
  return Array.from({ length: count }, (_, place) => ({ name: nameOf(place), generation: 0, calls: 0 }));
}

function nameOf({ name, generation }: Slot): string {
  return `${name}.${generation}`;
}

function namedBy(call: Call): ReadonlySet<string> {
  if (call.kind === 'compact') return new Set();
  if (call.kind !== 'txn') return new Set([call.key]);
  return new Set([...call.compares, ...call.success, ...call.failure].map(({ key }) => key));
}

export function endOfPrefix(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}
