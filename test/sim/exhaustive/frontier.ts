/** States that wait to be expanded: rows of numbers of any length, first in, first out. */
const CHUNK = 2 ** 20;
const END = -1;

export class Frontier {
  #chunks: Int32Array[] = [];
  /** Where the next row goes in the last chunk. */
  #end = CHUNK;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(row: Int32Array, length: number): void {
    if (this.#end + length + 2 > CHUNK) {
      this.#chunks.push(new Int32Array(CHUNK).fill(END));
      this.#end = 0;
    }
    const chunk = this.#chunks.at(-1);
    if (chunk === undefined) return;
    chunk[this.#end] = length;
    chunk.set(row.subarray(0, length), this.#end + 1);
    this.#end += length + 1;
    this.#length += 1;
  }

  /** Visits every row and gives its memory back on the way. The row is only valid during the visit. */
  drain(visit: (row: Int32Array) => boolean): void {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#end = CHUNK;
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      for (let at = 0; ; ) {
        const length = chunk[at] ?? END;
        if (length === END) break;
        this.#length -= 1;
        if (!visit(chunk.subarray(at + 1, at + 1 + length))) return;
        at += length + 1;
      }
    }
  }
}
