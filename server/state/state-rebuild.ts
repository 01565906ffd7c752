/** Brings a state machine back from what its writes left on disk, in slices, at a start or after a snapshot. */
import { assert } from '../lib/assert.js';
import type { GrantRecord } from './grant/grant-table.js';
import { KeyHistory } from './mvcc/key-history.js';
import type { RevisionRecord } from './mvcc/revision.js';
import { tombstone } from './mvcc/revision-writer.js';
import { Store, type StorePoint } from './mvcc/store.js';
import type { LeaseInfo, MemberInfo } from './result.js';
import { type SessionRecord, SessionTable } from './session/session-table.js';
import { StateMachine } from './state-machine.js';

export class StateRebuild {
  readonly #store: Store;
  readonly #members: readonly MemberInfo[];
  readonly #sessions = new SessionTable();
  #lastMain = 0;
  #lastSub = -1;

  constructor(point: StorePoint & { readonly members: readonly MemberInfo[] }) {
    this.#store = new Store(point);
    this.#members = point.members;
  }

  /** All records on disk, ascending by revision; those that a compaction had not yet removed do no harm. */
  add(records: readonly RevisionRecord[]): void {
    for (const record of records) this.#addOne(record);
  }

  /** All leases, before or after the records: those of keys that are gone may name leases that are. */
  addLeases(leases: readonly LeaseInfo[]): void {
    for (const lease of leases) this.#store.leases.set(lease);
  }

  /** All of them, sessions before their replies. */
  addSessions(records: readonly SessionRecord[]): void {
    for (const record of records) this.#sessions.restore(record);
  }

  /** All of them, after the leases that they hang on. */
  addGrants(records: readonly GrantRecord[]): void {
    const { grants, leases } = this.#store;
    for (const record of records) {
      const isAlive = record.kind === 'putGrant' && record.entry.barsUntilMs === 0;
      assert(!isAlive || leases.get(record.entry.lease) !== undefined, 'a grant on a lease that is not');
      grants.restore(record);
    }
  }

  /** The machine as it was: the same answers, the same hash. It removes what earlier compactions left to remove. */
  finish(): StateMachine {
    this.#store.leases.assertComplete();
    this.#sessions.finishRestore();
    return new StateMachine(this.#store, this.#members, this.#sessions);
  }

  #addOne({ revision: { main, sub }, tombstone: isTombstone, kv }: RevisionRecord): void {
    const isNext = main > this.#lastMain || (main === this.#lastMain && sub > this.#lastSub);
    assert(isNext, 'records out of order', { main, sub });
    assert(main <= this.#store.revision, 'a record beyond the store revision', {
      main,
      revision: this.#store.revision,
    });
    this.#lastMain = main;
    this.#lastSub = sub;
    const version = isTombstone ? tombstone(kv.key, main) : kv;
    const history = this.#store.keys.get(kv.key);
    this.#store.leases.move(kv.key, history?.live?.lease ?? 0n, version.lease);
    if (history === undefined) this.#store.keys.set(kv.key, new KeyHistory(version, sub));
    else history.append(version, sub);
  }
}
