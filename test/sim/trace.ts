/**
 * What happened, as a hash and, for whoever wants it, as a story. Everything goes into the hash as numbers; the text of a
 * line is made only when somebody takes it.
 */
import { UNITS_PER_MS, type VirtualTime } from './virtual-time.js';

export class Trace {
  readonly #time: VirtualTime;
  readonly #take: ((line: string) => void) | undefined;
  #high = 0x9dc5;
  #low = 0x811c;

  constructor(time: VirtualTime, take?: (line: string) => void) {
    this.#time = time;
    this.#take = take;
  }

  get hash(): string {
    const hex = (part: number): string => (part >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }

  /** The text is for people; `numbers` say the same, and all that the text leaves out, to the hash. */
  event(text: () => string, ...numbers: readonly number[]): void {
    this.mix(this.#time.now);
    for (const number of numbers) this.mix(number);
    this.note(text);
  }

  /** For the story alone. */
  note(text: () => string): void {
    this.#take?.(`${(this.#time.now / UNITS_PER_MS / 1000).toFixed(4)}s ${text()}`);
  }

  line(text: string): void {
    this.mixText(text);
    this.event(() => text);
  }

  /** Safe integers are taken whole, of everything else the integer part. */
  mix(number: number): void {
    const low = number | 0;
    this.#low = Math.imul(this.#low ^ low, 0x9e3779b1);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul(this.#high ^ this.#low, 0x85ebca77) + Math.floor(number / 0x1_0000_0000);
    this.#high ^= this.#high >>> 13;
  }

  mixText(text: string): void {
    for (let place = 0; place < text.length; place += 1) this.mix(text.charCodeAt(place));
  }
}
