/** Whatever writes bytes and starts anew after finish(): a protobuf writer. */
export interface Finishable {
  finish(): Uint8Array;
}

/** A writer keeps its largest buffer for ever, so one that grew beyond this is not used again. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

/** Encodes with one writer over and over: a fresh one costs more than most messages. */
export class ReusedWriter<W extends Finishable> {
  readonly #create: () => W;
  #idle: W | undefined;

  constructor(create: () => W) {
    this.#create = create;
  }

  /** The result belongs to the caller. When `write` throws, its writer is forgotten. */
  encode(write: (writer: W) => unknown): Buffer {
    const writer = this.#idle ?? this.#create();
    this.#idle = undefined;
    write(writer);
    const bytes = writer.finish();
    if (bytes.length <= KEPT_BYTES_MAX) this.#idle = writer;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
