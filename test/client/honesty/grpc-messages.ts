/** One direction of an HTTP/2 connection as the gRPC messages in it: just as much of both as unsealed, unpadded ones take. */
const FRAME_HEADER_BYTES = 9;
const MESSAGE_HEADER_BYTES = 5;
const DATA_FRAME = 0;
/** Of the flags of a DATA frame. */
const PADDED = 8;

export class GrpcMessages {
  readonly #onMessage: (stream: number, message: Buffer) => void;
  #skipBytes: number;
  #frames: Buffer = Buffer.alloc(0);
  /** Of each stream, what has come of a message that is not complete. */
  readonly #partial = new Map<number, Buffer>();

  /** `prefaceBytes`: what precedes the first frame. */
  constructor(prefaceBytes: number, onMessage: (stream: number, message: Buffer) => void) {
    this.#skipBytes = prefaceBytes;
    this.#onMessage = onMessage;
  }

  push(bytes: Buffer): void {
    const skipped = Math.min(this.#skipBytes, bytes.length);
    this.#skipBytes -= skipped;
    this.#frames = Buffer.concat([this.#frames, bytes.subarray(skipped)]);
    for (;;) {
      const { length } = this.#frames;
      if (length < FRAME_HEADER_BYTES) return;
      const end = FRAME_HEADER_BYTES + this.#frames.readUIntBE(0, 3);
      if (length < end) return;
      const [type, flags] = [this.#frames[3] ?? 0, this.#frames[4] ?? 0];
      if (type === DATA_FRAME) {
        if ((flags & PADDED) !== 0) throw new Error('a padded frame: not read here');
        this.#onData(this.#frames.readUInt32BE(5), this.#frames.subarray(FRAME_HEADER_BYTES, end));
      }
      this.#frames = this.#frames.subarray(end);
    }
  }

  #onData(stream: number, data: Buffer): void {
    let rest = Buffer.concat([this.#partial.get(stream) ?? Buffer.alloc(0), data]);
    while (rest.length >= MESSAGE_HEADER_BYTES) {
      const end = MESSAGE_HEADER_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) break;
      this.#onMessage(stream, rest.subarray(MESSAGE_HEADER_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#partial.set(stream, rest);
  }
}
