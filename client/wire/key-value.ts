/** One key with its value, as of some revision. Its bytes are its own. */
import type { LeaseId, Revision } from '../core/ids.js';

const decoder = new TextDecoder();

export class KeyValue {
  /** The key's bytes, without the namespace of the client. */
  readonly keyBytes: Uint8Array;
  /** Empty also when only keys were asked for. */
  readonly value: Uint8Array;
  /** Of the put that created the key in its present life. */
  readonly createRevision: Revision;
  /** Of the last change. */
  readonly modRevision: Revision;
  /** Number of puts in the present life, from 1. */
  readonly version: number;
  /** What deletes the key when it ends. */
  readonly lease: LeaseId | undefined;

  constructor(
    keyBytes: Uint8Array,
    value: Uint8Array,
    createRevision: Revision,
    modRevision: Revision,
    version: number,
    lease: LeaseId | undefined,
  ) {
    this.keyBytes = keyBytes;
    this.value = value;
    this.createRevision = createRevision;
    this.modRevision = modRevision;
    this.version = version;
    this.lease = lease;
  }

  /** The key as text. Bytes that are no UTF-8 are replaced: use `keyBytes` where there may be such. */
  get key(): string {
    return decoder.decode(this.keyBytes);
  }

  /** The value as text. */
  text(): string {
    return decoder.decode(this.value);
  }

  /** The value as JSON. Throws a SyntaxError for anything else. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}
