/**
 * How much one request may write. A small request can ask for much: a delete of every key, or puts that keep large
 * values. All of it goes to the disk in one atomic batch, which has a limit; so this has one too, and it is part of the
 * log's meaning: every member refuses the same requests.
 */
import type { FenceOp, PutCommand } from '../command.js';
import { type Refusal, refuse } from '../refusal.js';
import { isSingleKey, type KeyRange } from './key-range.js';
import type { Store } from './store.js';
import { REQUEST_WRITE_BYTES_MAX, REQUEST_WRITES_MAX } from './write-limits.js';

export class WriteSize {
  readonly #store: Store;
  #writes = 0;
  #bytes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  addPut(put: PutCommand): Refusal | undefined {
    const value = put.ignoreValue ? (this.#store.live(put.key)?.value ?? '') : put.value;
    return this.#add(put.key.length + value.length);
  }

  addMark({ key, token }: FenceOp): Refusal | undefined {
    return this.#add(key.length + String(token).length);
  }

  /** Stops counting at the limit. */
  addDelete(range: KeyRange): Refusal | undefined {
    if (isSingleKey(range)) return this.#add(range.key.length);
    let refusal: Refusal | undefined;
    this.#store.everyLive(range, ({ key }) => {
      refusal = this.#add(key.length);
      return refusal === undefined;
    });
    return refusal;
  }

  #add(bytes: number): Refusal | undefined {
    this.#writes += 1;
    this.#bytes += bytes;
    if (this.#writes > REQUEST_WRITES_MAX) {
      return refuse('TOO_MANY_WRITES', `more than ${REQUEST_WRITES_MAX} keys in one request`);
    }
    if (this.#bytes <= REQUEST_WRITE_BYTES_MAX) return undefined;
    return refuse('TOO_MANY_WRITES', `more than ${REQUEST_WRITE_BYTES_MAX} bytes in one request`);
  }
}
