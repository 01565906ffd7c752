/**
 * Holds what watchers were told against the full history: ordered, unique, reliable, atomic, resumable, bookmarkable,
 * filtered, the key before, the key's creation; and that the answers around the events stand in their places.
 */
import type { Event, KeyValue } from '../../server/state/result.js';
import type { WatchSpec } from '../../server/watch/watch-output.js';
import type { WatchHistory, WatchProperty, WatchRecord, WatchSaid, WatchViolation } from './watch-record.js';

/** Violations of all records; empty when there are none. */
export function checkWatches(history: WatchHistory, records: readonly WatchRecord[]): readonly WatchViolation[] {
  const index = new HistoryIndex(history);
  return records.flatMap((record) => new RecordCheck(index, record).run());
}

/** The range of a watch, by its definition. */
export function isWatched(spec: Pick<WatchSpec, 'key' | 'rangeEnd'>, key: string): boolean {
  if (spec.rangeEnd === '') return key === spec.key;
  return key >= spec.key && (spec.rangeEnd === '\0' || key < spec.rangeEnd);
}

export function wantsEvent(spec: WatchSpec, event: Event): boolean {
  return isWatched(spec, event.kv.key) && !(event.type === 'put' ? spec.noPut : spec.noDelete);
}

class HistoryIndex {
  readonly events: readonly Event[];
  readonly compactedRevision: number;
  readonly #byPlace = new Map<string, Event>();
  /** The key as it was before the whole revision, for every event. */
  readonly #before = new Map<string, KeyValue | undefined>();

  constructor({ events, compactedRevision }: WatchHistory) {
    this.events = events;
    this.compactedRevision = compactedRevision;
    const live = new Map<string, KeyValue>();
    let ofRevision: readonly Event[] = [];
    const settle = (): void => {
      for (const { type, kv } of ofRevision) {
        if (type === 'put') live.set(kv.key, kv);
        else live.delete(kv.key);
      }
    };
    for (const event of events) {
      if (ofRevision[0]?.revision.main !== event.revision.main) {
        settle();
        ofRevision = [];
      }
      ofRevision = [...ofRevision, event];
      this.#byPlace.set(placeOf(event), event);
      this.#before.set(placeOf(event), live.get(event.kv.key));
    }
  }

  at(event: Event): Event | undefined {
    return this.#byPlace.get(placeOf(event));
  }

  before(event: Event): KeyValue | undefined {
    const isCreation = event.type === 'put' && event.kv.createRevision === event.revision.main;
    return isCreation ? undefined : this.#before.get(placeOf(event));
  }
}

class RecordCheck {
  readonly #index: HistoryIndex;
  readonly #record: WatchRecord;
  readonly #violations: WatchViolation[] = [];
  readonly #expected: readonly Event[];
  readonly #expectedPlaces: ReadonlyMap<string, number>;
  /** How many of the expected events were told, in order. */
  #told = 0;
  readonly #seen = new Set<string>();
  /** Everything up to here was promised to have been told. */
  #bookmark = 0;
  /** What was compacted when the reader saw what is looked at. */
  #compactedRevision: number;
  #last: Event | undefined;
  #fragment: readonly Event[] = [];
  #isCreated = false;
  #isCanceled = false;

  constructor(index: HistoryIndex, record: WatchRecord) {
    this.#index = index;
    this.#record = record;
    this.#compactedRevision = index.compactedRevision;
    const from = firstRevision(record);
    this.#expected = index.events.filter((event) => event.revision.main >= from && wantsEvent(record.spec, event));
    this.#expectedPlaces = new Map(this.#expected.map((event, place) => [placeOf(event), place]));
  }

  run(): readonly WatchViolation[] {
    for (const said of this.#record.said) this.#take(said);
    const { demandedUpTo, isCut = false } = this.#record;
    if (demandedUpTo !== undefined && !this.#isCanceled) this.#demand(demandedUpTo, 'reliable', 'at the end');
    if (this.#fragment.length > 0 && !isCut) this.#violated('atomic', 'the last fragment never came');
    return this.#violations;
  }

  #take(said: WatchSaid): void {
    this.#compactedRevision = said.compactedRevision ?? this.#index.compactedRevision;
    if (this.#isCanceled) this.#violated('protocol', `${said.kind} after the watcher was canceled`);
    if (!this.#isCreated && said.kind !== 'created') this.#violated('protocol', `${said.kind} before it was created`);
    switch (said.kind) {
      case 'created':
        if (this.#isCreated) this.#violated('protocol', 'created twice');
        this.#isCreated = true;
        this.#mark(said.revision);
        return;
      case 'events':
        this.#takeEvents(said);
        return;
      case 'progress':
        if (said.revision < this.#record.spec.startRevision) {
          this.#violated('bookmarkable', `progress at ${said.revision}, before the start`);
        }
        if (this.#fragment.length > 0) this.#violated('atomic', 'progress between two fragments');
        this.#mark(said.revision);
        return;
      case 'canceled':
        this.#isCanceled = true;
        this.#takeCanceled(said.compactRevision);
        return;
    }
  }

  #takeCanceled(compactRevision: number): void {
    if (compactRevision === 0) return;
    const isKnown = compactRevision <= this.#compactedRevision;
    if (!isKnown) this.#violated('protocol', `canceled as compacted at ${compactRevision}, which was not`);
    const next = Math.max(firstRevision(this.#record), this.#bookmark + 1);
    if (next >= compactRevision) {
      this.#violated('reliable', `canceled as compacted at ${compactRevision}, and ${next} is what it needs`);
    }
  }

  #takeEvents(said: Extract<WatchSaid, { kind: 'events' }>): void {
    const { events, revision, isFragment = false } = said;
    if (events.length === 0) this.#violated('protocol', `a batch without events at ${revision}`);
    for (const event of events) this.#takeEvent(event);
    this.#fragment = [...this.#fragment, ...events];
    if (isFragment) {
      if (!this.#record.spec.fragment) this.#violated('atomic', `a fragment at ${revision} that nobody asked for`);
      return;
    }
    this.#fragment = [];
    this.#checkWhole(revision);
    this.#mark(revision);
  }

  #takeEvent(event: Event): void {
    const place = placeOf(event);
    const { spec } = this.#record;
    const original = this.#index.at(event);
    if (original === undefined || !isSameEvent(original, event)) {
      this.#violated(isCreationMixedUp(original, event) ? 'isCreate' : 'reliable', `${place} is not what happened`);
    }
    if (!wantsEvent(spec, event)) this.#violated('filtered', `${place} of ${JSON.stringify(event.kv.key)}`);
    if (this.#seen.has(place)) this.#violated('unique', `${place} a second time`);
    else if (this.#last !== undefined && !isBefore(this.#last, event)) {
      this.#violated('ordered', `${place} after ${placeOf(this.#last)}`);
    } else if (event.revision.main <= this.#bookmark) {
      this.#violated('bookmarkable', `${place} after it was told up to ${this.#bookmark}`);
    }
    if (event.revision.main < firstRevision(this.#record)) this.#violated('resumable', `${place} is before the start`);
    this.#checkPrevKv(event);
    this.#advanceTo(place);
    this.#seen.add(place);
    this.#last = event;
  }

  #advanceTo(place: string): void {
    const at = this.#expectedPlaces.get(place);
    if (at === undefined || at < this.#told) return;
    const missed = this.#expected[this.#told];
    if (at > this.#told && missed !== undefined) {
      const property = this.#told === 0 ? 'resumable' : 'reliable';
      this.#violated(property, `${placeOf(missed)} is missing before ${place}`);
    }
    this.#told = at + 1;
  }

  #checkPrevKv(event: Event): void {
    const place = placeOf(event);
    const { prevKv } = event;
    if (!this.#record.spec.prevKv) return;
    const before = this.#index.before(event);
    const mayLack = before === undefined || event.revision.main - 1 < this.#compactedRevision;
    if (prevKv === undefined ? !mayLack : before === undefined || !isSameKeyValue(prevKv, before)) {
      this.#violated('prevKv', `${place} shows ${prevKv?.modRevision ?? 'nothing'}, was ${before?.modRevision ?? '-'}`);
    }
  }

  /** The next expected event must be of a later revision than the batch that just ended. */
  #checkWhole(revision: number): void {
    const next = this.#expected[this.#told];
    if (next !== undefined && next.revision.main === this.#last?.revision.main) {
      this.#violated('atomic', `a batch ends at ${revision} before ${placeOf(next)}`);
    }
  }

  #mark(revision: number): void {
    if (revision < this.#bookmark) this.#violated('bookmarkable', `${revision} after ${this.#bookmark}`);
    this.#demand(revision, 'bookmarkable', `when told up to ${revision}`);
    this.#bookmark = Math.max(this.#bookmark, revision);
  }

  #demand(upTo: number, property: WatchProperty, when: string): void {
    const next = this.#expected[this.#told];
    if (next !== undefined && next.revision.main <= upTo) {
      this.#violated(property, `${placeOf(next)} was not told ${when}`);
    }
  }

  #violated(property: WatchProperty, detail: string): void {
    this.#violations.push({ property, watcher: this.#record.name, detail });
  }
}

/** Where the watcher begins: its start, or after the revision that its creation shows. */
function firstRevision({ spec, said }: WatchRecord): number {
  if (spec.startRevision > 0) return spec.startRevision;
  const created = said.find((one) => one.kind === 'created');
  return (created?.revision ?? 0) + 1;
}

function placeOf({ revision }: Event): string {
  return `${revision.main}.${revision.sub}`;
}

function isBefore(a: Event, b: Event): boolean {
  return a.revision.main < b.revision.main || (a.revision.main === b.revision.main && a.revision.sub < b.revision.sub);
}

function isSameEvent(a: Event, b: Event): boolean {
  return a.type === b.type && a.cause === b.cause && isSameKeyValue(a.kv, b.kv);
}

function isSameKeyValue(a: KeyValue, b: KeyValue): boolean {
  const isSamePlace = a.key === b.key && a.modRevision === b.modRevision && a.createRevision === b.createRevision;
  return isSamePlace && a.value === b.value && a.version === b.version && a.lease === b.lease;
}

function isCreationMixedUp(original: Event | undefined, event: Event): boolean {
  return original?.kv.key === event.kv.key && original.kv.createRevision !== event.kv.createRevision;
}
