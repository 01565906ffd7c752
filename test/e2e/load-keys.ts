/**
 * The keys that the load's clients share. A key retires after so many uses and its successor takes its place: checkers
 * that try out orders need short stories, and the whole past of a key must be read back in the end.
 */
import type { Random } from '../../server/lib/random.js';

const registerSlots = 2;
/** A use of a register is two calls at most, and its checker bears 200. */
const registerUses = 90;
const listSlots = 3;
const listUses = 40;
const ownUses = 200;

class RotatingKey {
  readonly #prefix: string;
  readonly #usesMax: number;
  #uses = 0;

  constructor(prefix: string, usesMax: number) {
    this.#prefix = prefix;
    this.#usesMax = usesMax;
  }

  /** The name until the next use. */
  use(): string {
    const name = `${this.#prefix}.${Math.floor(this.#uses / this.#usesMax)}`;
    this.#uses += 1;
    return name;
  }
}

export class LoadKeys {
  readonly #registers = slots(registerSlots, (place) => new RotatingKey(`r${place}`, registerUses));
  readonly #lists = slots(listSlots, (place) => new RotatingKey(`l${place}`, listUses));
  readonly #own = new Map<number, RotatingKey>();

  /** Of all clients. */
  register(random: Random): string {
    const slot = this.#registers[random.below(this.#registers.length)];
    if (slot === undefined) throw new Error('no register');
    return slot.use();
  }

  /** All lists, or all but one. */
  lists(random: Random): readonly string[] {
    const left = random.below(this.#lists.length * 2);
    return this.#lists.filter((_, place) => place !== left).map((slot) => slot.use());
  }

  /** Only `client` writes it. */
  own(client: number): string {
    const slot = this.#own.get(client) ?? new RotatingKey(`own/${client}`, ownUses);
    this.#own.set(client, slot);
    return slot.use();
  }
}

/** All keys that clients have for their own. */
export const ownSpan = { key: 'own/', rangeEnd: 'own0' } as const;

function slots<T>(count: number, make: (place: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, place) => make(place));
}
