/** Reads the answers of members: what they share, and the keys in them. */
import { leaseIdFrom, type Revision } from '../core/ids.js';
import { ByteReader } from './byte-reader.js';
import { copyOf } from './bytes.js';
import { KeyValue } from './key-value.js';

const NOTHING: Uint8Array = new Uint8Array(0);

export class AnswerReader extends ByteReader {
  /** Of the last header that was read; 0: none was. */
  revision = 0 as Revision;
  /** How much of each key is the namespace of the client. */
  readonly #namespaceLength: number;

  constructor(bytes: Uint8Array, namespaceLength = 0) {
    super(bytes);
    this.#namespaceLength = namespaceLength;
  }

  /** A key as the client knows it, with bytes of its own. */
  ownKey(key: Uint8Array): Uint8Array {
    return copyOf(key, this.#namespaceLength, key.length);
  }

  /** Of an answer's header only the revision matters here. */
  header(): void {
    const outer = this.enter();
    while (!this.isAtEnd) {
      const tag = this.tag();
      if (tag === 24) this.revision = this.number() as Revision;
      else this.skip(tag);
    }
    this.leave(outer);
  }

  keyValue(): KeyValue {
    const outer = this.enter();
    let key = NOTHING;
    let value = NOTHING;
    let createRevision = 0;
    let modRevision = 0;
    let version = 0;
    let lease = 0n;
    while (!this.isAtEnd) {
      const tag = this.tag();
      switch (tag) {
        case 10:
          key = this.bytes();
          break;
        case 16:
          createRevision = this.number();
          break;
        case 24:
          modRevision = this.number();
          break;
        case 32:
          version = this.number();
          break;
        case 42:
          value = this.bytes();
          break;
        case 48:
          lease = this.bigint();
          break;
        default:
          this.skip(tag);
      }
    }
    this.leave(outer);
    return new KeyValue(
      this.#namespaceLength === 0 ? key : key.subarray(this.#namespaceLength),
      value,
      createRevision as Revision,
      modRevision as Revision,
      version,
      lease === 0n ? undefined : leaseIdFrom(lease),
    );
  }
}
