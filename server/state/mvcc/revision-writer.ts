/**
 * The writes of one request: they share one revision and are numbered from 0 inside it. The store moves on with the
 * first write; a request that writes nothing leaves it where it was. What may be refused is refused before.
 */
import { assert } from '../../lib/assert.js';
import type { ByteString } from '../../lib/bytes.js';
import type { DeleteRangeCommand, FenceOp, PutCommand } from '../command.js';
import { raiseFence } from '../grant/fence-mark.js';
import type { DeleteCause, Event, KeyValue, Revision, StateWrite } from '../result.js';
import { KeyHistory } from './key-history.js';
import { afterAllOf } from './revision.js';
import type { Store } from './store.js';

export class RevisionWriter {
  #events: Event[] = [];
  #writes: StateWrite[] = [];
  readonly #store: Store;
  readonly #cause: DeleteCause;
  readonly #begin: number;

  /** `cause`: why whatever it deletes is deleted. */
  constructor(store: Store, cause: DeleteCause) {
    this.#store = store;
    this.#cause = cause;
    this.#begin = store.revision;
  }

  get events(): readonly Event[] {
    return this.#events;
  }
  get writes(): readonly StateWrite[] {
    return this.#writes;
  }

  /** What an op's header shows: the revision before the request until its first write, then the request's own. */
  get shownRevision(): number {
    return this.#events.length === 0 ? this.#begin : this.#begin + 1;
  }

  /** Where a read stands that comes now: it sees the writes so far. */
  get point(): Revision {
    const written = this.#events.length;
    return written === 0 ? afterAllOf(this.#begin) : { main: this.#begin + 1, sub: written - 1 };
  }

  /** Returns what the key was before. */
  put(command: PutCommand): KeyValue | undefined {
    const { key } = command;
    const history = this.#store.keys.get(key);
    const prevKv = history?.live;
    const revision = this.#next();
    const kv: KeyValue = {
      key,
      value: command.ignoreValue && prevKv !== undefined ? prevKv.value : command.value,
      createRevision: prevKv === undefined ? revision.main : prevKv.createRevision,
      modRevision: revision.main,
      version: prevKv === undefined ? 1 : prevKv.version + 1,
      lease: command.ignoreLease && prevKv !== undefined ? prevKv.lease : command.lease,
    };
    if (history === undefined) this.#store.keys.set(key, new KeyHistory(kv, revision.sub));
    else history.append(kv, revision.sub);
    this.#record('put', kv, revision, prevKv);
    return prevKv;
  }

  /** A mark that stands there already is not written again. */
  fence(op: FenceOp): void {
    const raised = raiseFence(this.#store, op);
    if (raised !== undefined) this.put(raised);
  }

  /** Returns what was deleted, in key order. */
  deleteRange(command: DeleteRangeCommand): readonly KeyValue[] {
    const deleted: KeyValue[] = [];
    this.#store.everyLive(command, (prevKv, history) => {
      this.#delete(prevKv, history);
      deleted.push(prevKv);
      return true;
    });
    return deleted;
  }

  /** In the order given. All of them exist. */
  deleteKeys(keys: readonly ByteString[]): void {
    for (const key of keys) {
      const history = this.#store.keys.get(key);
      const prevKv = history?.live;
      assert(history !== undefined && prevKv !== undefined, 'a key to delete does not exist', { key });
      this.#delete(prevKv, history);
    }
  }

  #delete(prevKv: KeyValue, history: KeyHistory): void {
    const revision = this.#next();
    const kv = tombstone(prevKv.key, revision.main);
    history.append(kv, revision.sub);
    this.#record('delete', kv, revision, prevKv);
  }

  #next(): Revision {
    const sub = this.#events.length;
    if (sub === 0) this.#store.advance(this.#begin + 1);
    return { main: this.#begin + 1, sub };
  }

  #record(type: Event['type'], kv: KeyValue, revision: Revision, prevKv: KeyValue | undefined): void {
    this.#store.leases.move(kv.key, prevKv?.lease ?? 0n, kv.lease);
    if (type === 'put') {
      this.#add({ type, kv, revision, prevKv }, { kind: 'putRevision', revision, tombstone: false, kv });
      return;
    }
    const cause = this.#cause;
    this.#add({ type, kv, revision, prevKv, cause }, { kind: 'putRevision', revision, tombstone: true, kv, cause });
  }

  #add(event: Event, write: StateWrite): void {
    if (this.#events.length === 0) {
      // Most requests write once, and an array that a first element is pushed into gets room for seventeen.
      this.#events = [event];
      this.#writes = [write];
      return;
    }
    this.#events.push(event);
    this.#writes.push(write);
  }
}

/** Version 0 marks it: no key that exists has that. */
export function tombstone(key: ByteString, modRevision: number): KeyValue {
  return { key, value: '', createRevision: 0, modRevision, version: 0, lease: 0n };
}
