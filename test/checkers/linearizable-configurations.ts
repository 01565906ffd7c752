/** A set of small records of numbers, all of the same length, packed for the sake of millions of them. */

const slotsAtFirst = 256;

export class Configurations {
  readonly #length: number;
  /** One record after the other, in the order of their coming. */
  #records: Int32Array;
  /** By hash: 1 + the place of a record; 0 is free. A power of two. */
  #slots = new Int32Array(slotsAtFirst);
  #size = 0;

  constructor(length: number) {
    this.#length = length;
    this.#records = new Int32Array((slotsAtFirst / 2) * length);
  }

  /** False when it was there already. */
  add(record: Int32Array): boolean {
    const slot = this.#find(record);
    if (this.#slots[slot] !== 0) return false;
    this.#records.set(record, this.#size * this.#length);
    this.#size += 1;
    this.#slots[slot] = this.#size;
    if (this.#size * 2 === this.#slots.length) this.#grow();
    return true;
  }

  /** The slot of the record, or the free one where it belongs. */
  #find(record: Int32Array): number {
    const mask = this.#slots.length - 1;
    let slot = hash(record) & mask;
    for (let place = this.#at(slot); place !== 0 && !this.#isAt(place - 1, record); place = this.#at(slot)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #at(slot: number): number {
    return this.#slots[slot] ?? 0;
  }

  #isAt(place: number, record: Int32Array): boolean {
    const from = place * this.#length;
    for (let index = 0; index < this.#length; index += 1) {
      if (this.#records[from + index] !== record[index]) return false;
    }
    return true;
  }

  #grow(): void {
    const records = new Int32Array(this.#records.length * 2);
    records.set(this.#records);
    this.#records = records;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let place = 0; place < this.#size; place += 1) {
      const record = records.subarray(place * this.#length, (place + 1) * this.#length);
      this.#slots[this.#find(record)] = place + 1;
    }
  }
}

function hash(record: Int32Array): number {
  let mixed = 0;
  for (const word of record) {
    mixed = Math.imul(mixed ^ word, 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}
