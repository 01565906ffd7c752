/**
 * Judges what the client's watch gave its reader against the full history of the store: the nine properties of the watch
 * checker, over all the streams that the client may have used; that the state it begins with is the store's; and that a
 * reader who folds all of it ends with what the store holds.
 *
 * To the checker a watch is one record from its beginning to the first `resync`, and one more after each: the client must
 * hide that its streams broke, but not that a compaction took what its reader needed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Event, KeyValue } from '../../../server/state/result.js';
import { checkWatches, isWatched } from '../../checkers/watch-checker.js';
import type { WatchRecord, WatchSaid } from '../../checkers/watch-record.js';
import { applyTo, type Contents, type StoreHistory } from './store-history.js';
import type { Asked, Told, ToldEvent, Watched } from './watched.js';

/** `property: what is wrong`; empty when all is well. Everything up to `demandedUpTo` must have been told. */
export function judgeWatched(history: StoreHistory, watched: Watched, demandedUpTo: number): readonly string[] {
  const { records, complaints } = new RecordMaker(history, watched, demandedUpTo).run();
  const compactedRevision = Math.max(-1, ...watched.told.map((told) => told.compactedRevision));
  const violations = checkWatches({ events: history.events, compactedRevision }, records);
  return [
    ...violations.map(({ property, detail }) => `${property}: ${watched.asked.name}: ${detail}`),
    ...complaints.map((complaint) => `${watched.asked.name}: ${complaint}`),
  ];
}

class RecordMaker {
  readonly #history: StoreHistory;
  readonly #asked: Asked;
  readonly #told: readonly Told[];
  readonly #demandedUpTo: number;
  readonly #records: WatchRecord[] = [];
  readonly #complaints: string[] = [];
  /** Of the record under way; undefined: none has begun. */
  #said: WatchSaid[] | undefined;
  #from = 0;
  /** The state that is being told. */
  #state: { readonly revision: number; readonly entries: KeyValue[] } | undefined;
  /** What a reader knows who folds all that it is given; undefined: it does not know everything. */
  #contents: Map<string, KeyValue> | undefined;

  constructor(history: StoreHistory, { asked, told }: Watched, demandedUpTo: number) {
    this.#history = history;
    this.#asked = asked;
    this.#told = told;
    this.#demandedUpTo = demandedUpTo;
  }

  run(): { readonly records: readonly WatchRecord[]; readonly complaints: readonly string[] } {
    const { from } = this.#asked;
    if (from > 0) this.#begin(from, from - 1, this.#told[0]?.compactedRevision ?? -1);
    if (from === 1) this.#contents = new Map();
    for (const told of this.#told) this.#take(told);
    if (this.#said === undefined) this.#complaints.push('protocol: it ends before it has begun');
    else this.#end(this.#demandedUpTo);
    if (this.#contents !== undefined) this.#compare('fold', this.#contents, this.#demandedUpTo);
    return { records: this.#records, complaints: this.#complaints };
  }

  #take(told: Told): void {
    switch (told.kind) {
      case 'initial':
        return this.#takeState(told);
      case 'synced':
        return this.#takeMark(told);
      case 'events':
        return this.#takeEvents(told);
      case 'resync':
        return this.#takeResync(told);
    }
  }

  #takeState({ revision, entries }: Extract<Told, { readonly kind: 'initial' }>): void {
    if (!this.#asked.initial) this.#complaints.push('protocol: a state that nobody asked for');
    if (this.#said !== undefined) this.#complaints.push('protocol: a state amid events');
    this.#state ??= { revision, entries: [] };
    if (this.#state.revision !== revision) this.#complaints.push('state: of more than one revision');
    this.#state.entries.push(...entries);
  }

  #takeMark({ revision, compactedRevision }: Told): void {
    if (this.#said !== undefined || this.#asked.from > 0) this.#complaints.push('protocol: a mark amid events');
    if (this.#asked.initial) {
      const { entries = [], revision: read = revision } = this.#state ?? {};
      if (read !== revision) this.#complaints.push(`state: read at ${read}, complete at ${revision}`);
      const contents = new Map(entries.map((entry) => [entry.key, entry]));
      if (contents.size !== entries.length) this.#complaints.push('state: a key twice');
      this.#compare('state', contents, revision);
      this.#contents = contents;
      this.#state = undefined;
    }
    this.#begin(revision + 1, revision, compactedRevision);
  }

  #takeEvents({ events, revision, compactedRevision }: Extract<Told, { readonly kind: 'events' }>): void {
    if (this.#said === undefined) return void this.#complaints.push('protocol: events before a mark');
    const placed = events.map((event) => this.#placed(event));
    this.#said.push({ kind: 'events', revision, events: placed, compactedRevision });
    if (placed.at(-1)?.revision.main !== revision) {
      this.#complaints.push(`bookmarkable: a batch says ${revision} and ends elsewhere`);
    }
    for (const event of placed) if (this.#contents !== undefined) applyTo(this.#contents, event);
    if (!this.#asked.prevKv && events.some(({ prevKv }) => prevKv !== undefined)) {
      this.#complaints.push(`prevKv: at ${revision}, though nobody asked for it`);
    }
  }

  #takeResync({ revision, compactedRevision }: Told): void {
    this.#contents = undefined;
    if (this.#said !== undefined) {
      this.#said.push({ kind: 'canceled', compactRevision: revision, compactedRevision });
      this.#end(undefined);
    } else if (this.#state === undefined) this.#complaints.push('protocol: nothing was lost');
    // The state was torn by a compaction while it was read.
    else if (revision > compactedRevision) this.#complaints.push(`protocol: nothing was compacted at ${revision}`);
    this.#state = undefined;
    if (!this.#asked.initial) this.#begin(revision, revision - 1, compactedRevision);
  }

  #begin(from: number, revision: number, compactedRevision: number): void {
    this.#from = from;
    this.#said = [{ kind: 'created', revision, compactedRevision }];
  }

  #end(demandedUpTo: number | undefined): void {
    const { name, key, rangeEnd, prevKv } = this.#asked;
    const never = { noPut: false, noDelete: false, progressNotify: false, fragment: false };
    const spec = { key, rangeEnd, prevKv, startRevision: this.#from, ...never };
    const said = this.#said ?? [];
    this.#records.push({ name, spec, said, ...(demandedUpTo === undefined ? {} : { demandedUpTo }) });
    this.#said = undefined;
  }

  #placed(event: ToldEvent): Event {
    const main = event.kv.modRevision;
    return { ...event, revision: { main, sub: this.#history.placeOf(main, event.kv.key) } };
  }

  #compare(what: string, contents: Contents, revision: number): void {
    const stored = [...this.#history.contentsAt(revision)].filter(([key]) => isWatched(this.#asked, key));
    if (!isDeepStrictEqual(new Map(stored), contents)) {
      this.#complaints.push(`${what}: is not what the store held at ${revision}`);
    }
  }
}
