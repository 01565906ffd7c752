/**
 * A watcher as its client sees it: one story, told on as many streams and by as many members as it takes. Each stretch
 * of it on one stream is recorded by itself, and all of them together as if they had been one.
 */
import type { WatchSpec } from '../../../server/node/member.js';
import type { Event } from '../../../server/state/result.js';
import type { WatchHistory, WatchRecord, WatchSaid } from '../../checkers/watch-record.js';
import { wantsEvent } from '../../checkers/watch-checker.js';
import { UNKNOWN_SUB, type WatchTold } from '../watch-ports.js';

interface Stretch {
  readonly name: string;
  readonly spec: WatchSpec;
  readonly said: WatchSaid[];
  isCut: boolean;
}

export class LongWatch {
  readonly name: string;
  readonly spec: WatchSpec;
  /** Goes on after the last event it saw, as etcd's Go client does; else after whatever told how far it has come. */
  readonly #isByEvents: boolean;
  readonly #stretches: Stretch[] = [];
  readonly #whole: WatchSaid[] = [];
  /** Of a batch whose last fragment has not come. */
  #fragments: readonly Event[] = [];
  /** Where it goes on; 0: it has not begun, and begins with what happens then. */
  #next: number;
  #isAsked = false;
  #isCreated = false;
  #isOver = false;
  /** Its client has asked for its end. */
  isCanceling = false;

  constructor(name: string, spec: WatchSpec, isByEvents: boolean) {
    this.name = name;
    this.spec = spec;
    this.#isByEvents = isByEvents;
    this.#next = spec.startRevision;
  }

  /** The stream that it is on has said that it is there. */
  get isCreated(): boolean {
    return this.#isCreated;
  }
  get isOver(): boolean {
    return this.#isOver;
  }
  get stretches(): number {
    return this.#stretches.length;
  }
  /** What it asked its stream to begin with. */
  get startsAt(): number {
    return this.#stretches.at(-1)?.spec.startRevision ?? 0;
  }
  /** What it would go on from. */
  get next(): number {
    return this.#next;
  }

  /** What to ask of a stream of `member`. */
  begin(member: bigint): WatchSpec {
    const spec = { ...this.spec, startRevision: this.#next };
    const name = `${this.name} on m${member} from ${this.#next}`;
    this.#stretches.push({ name, spec, said: [], isCut: false });
    this.#isAsked = true;
    return spec;
  }

  take(told: Exclude<WatchTold, { readonly kind: 'refused' }>, compactedRevision: number): void {
    const said: WatchSaid = { ...told, compactedRevision };
    this.#stretches.at(-1)?.said.push(said);
    switch (told.kind) {
      case 'created':
        this.#isCreated = true;
        if (!this.#whole.some(({ kind }) => kind === 'created')) this.#whole.push(said);
        if (this.spec.startRevision === 0 && this.#next === 0) this.#next = told.revision + 1;
        else this.#goOnAfter(told.revision);
        return;
      case 'events':
        this.#takeEvents(told, compactedRevision);
        return;
      case 'progress':
        // Whoever goes on after events may be told less the next time.
        if (!this.#isByEvents) this.#whole.push(said);
        this.#goOnAfter(told.revision);
        return;
      case 'canceled':
        this.#isOver = true;
    }
  }

  /** The stream is gone. */
  cut(): void {
    const last = this.#stretches.at(-1);
    if (last !== undefined && this.#isAsked) last.isCut = true;
    this.#isAsked = false;
    this.#isCreated = false;
    this.#fragments = [];
    if (this.isCanceling) this.#isOver = true;
  }

  /** Nothing more is asked of it. */
  end(): void {
    this.#isOver = true;
  }

  /** Whether everything up to `revision` that it wants was told. */
  hasAll({ events }: WatchHistory, revision: number): boolean {
    if (!this.#isCreated) return false;
    const last = events.findLast((event) => event.revision.main <= revision && wantsEvent(this.spec, event));
    return last === undefined || last.revision.main < this.#next;
  }

  /** `demandedUpTo`: all that it wants up to there must have been told if it is still there. */
  records(demandedUpTo: number): readonly WatchRecord[] {
    const isDemanded = !this.#isOver && this.#isCreated;
    const demand = isDemanded ? { demandedUpTo } : {};
    const records = this.#stretches.map(({ name, spec, said, isCut }, place): WatchRecord => {
      return { name, spec, said, isCut, ...(place === this.#stretches.length - 1 ? demand : {}) };
    });
    if (records.length < 2) return records;
    return [...records, { name: `${this.name} as a whole`, spec: this.spec, said: this.#whole, ...demand }];
  }

  #takeEvents(told: Extract<WatchTold, { kind: 'events' }>, compactedRevision: number): void {
    const events = [...this.#fragments, ...told.events];
    this.#fragments = told.isFragment ? events : [];
    if (told.isFragment) return;
    this.#whole.push({ kind: 'events', revision: told.revision, events, compactedRevision });
    const last = events.at(-1)?.revision.main ?? 0;
    this.#next = Math.max(this.#next, last + 1);
    this.#goOnAfter(told.revision);
  }

  #goOnAfter(revision: number): void {
    if (!this.#isByEvents) this.#next = Math.max(this.#next, revision + 1);
  }
}

/** Events that came over the wire get the places that they have in the history. */
export function withPlaces(record: WatchRecord, places: ReadonlyMap<string, Event>): WatchRecord {
  const placed = (event: Event): Event => {
    if (event.revision.sub !== UNKNOWN_SUB) return event;
    const revision = places.get(placeName(event))?.revision;
    return revision === undefined ? event : { ...event, revision };
  };
  const said = record.said.map((one): WatchSaid => {
    return one.kind === 'events' ? { ...one, events: one.events.map(placed) } : one;
  });
  return { ...record, said };
}

/** A revision of a run puts a key at most once, and deletes it at most once. */
export function placeName({ type, kv, revision }: Event): string {
  return `${revision.main} ${type} ${kv.key}`;
}
