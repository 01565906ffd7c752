/** Collects the one message that a unary request is, framed as gRPC frames it, and holds no more than that. */
export const FRAME_HEADER_BYTES = 5;
export const NOT_COMPRESSED = 0;

export class OneMessage {
  readonly #bytesMax: number;
  #framed: Buffer = Buffer.alloc(0);
  #rest: Buffer[] = [];
  #bytes = 0;

  /** `bytesMax`: of a message. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Ends with the first chunk that makes it `tooLarge`: what comes after is not to be added. */
  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#framed.length >= FRAME_HEADER_BYTES) this.#rest.push(chunk);
    else this.#framed = this.#framed.length === 0 ? chunk : Buffer.concat([this.#framed, chunk]);
  }

  /** The length that it says it has, or has already, if that is more than it may be. */
  get tooLarge(): number | undefined {
    const length = Math.max(this.#saidLength ?? 0, this.#bytes - FRAME_HEADER_BYTES);
    return length > this.#bytesMax ? length : undefined;
  }

  /** The message, when it is just one, not compressed. */
  whole(): Buffer | undefined {
    if (this.#saidLength !== this.#bytes - FRAME_HEADER_BYTES || this.#framed[0] !== NOT_COMPRESSED) return undefined;
    const framed = this.#rest.length === 0 ? this.#framed : Buffer.concat([this.#framed, ...this.#rest], this.#bytes);
    return framed.subarray(FRAME_HEADER_BYTES);
  }

  get #saidLength(): number | undefined {
    return this.#framed.length < FRAME_HEADER_BYTES ? undefined : this.#framed.readUInt32BE(1);
  }
}
