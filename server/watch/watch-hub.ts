/**
 * The hub: the events of every applied entry in, each watcher's batches out. It decides who gets what and in which
 * order; it reads no clock and no disk. Watchers whose stream is full, who begin in the past, or whose state was
 * replaced by a snapshot are behind: the driver brings them their history, slice by slice, until they have caught up.
 *
 * Invariant: for every watcher, what it wanted below its position is in its stream once, and nothing from there on.
 */
import { assert } from '../lib/assert.js';
import type { Event } from '../state/result.js';
import { EventRun } from './event-run.js';
import { RecentEvents } from './recent-events.js';
import { WatchIndex } from './watch-index.js';
import { WATCH_LIMITS, type WatchLimits } from './watch-limits.js';
import { type StreamHost, type StreamReader, type StreamWatcher, WatchStream } from './watch-stream.js';

export interface HubOptions {
  /** The store revision: what comes next is one higher. */
  readonly revision: number;
  /** There is something to read or to catch up: see takeReadable() and nextBehind(). */
  readonly wake: () => void;
  readonly limits?: Partial<WatchLimits>;
}

export class WatchHub {
  readonly limits: WatchLimits;
  readonly #wake: () => void;
  readonly #index = new WatchIndex<StreamWatcher>();
  readonly #recent: RecentEvents;
  readonly #streams = new Set<WatchStream>();
  /** Those with watchers that are behind. */
  readonly #behind = new Set<WatchStream>();
  readonly #readable = new Set<WatchStream>();
  readonly #host: StreamHost;
  #revision: number;
  /** Where those who were fed last stand now. */
  #fedTo = 0;
  /** How many slices of history were fed. */
  #feeds = 0;
  #watchers = 0;
  #keyBytes = 0;

  constructor({ revision, wake, limits }: HubOptions) {
    this.#revision = revision;
    this.#wake = wake;
    this.limits = { ...WATCH_LIMITS, ...limits };
    this.#recent = new RecentEvents(revision + 1, this.limits);
    this.#host = this.#hostOfStreams();
  }

  get revision(): number {
    return this.#revision;
  }
  get watchers(): number {
    return this.#watchers;
  }
  get streams(): readonly WatchStream[] {
    return [...this.#streams];
  }
  /** For tests: nothing is left of watchers that are gone. */
  get isEmpty(): boolean {
    return this.#watchers === 0 && this.#keyBytes === 0 && this.#index.isEmpty && this.#behind.size === 0;
  }

  open(reader: StreamReader): WatchStream {
    const stream = new WatchStream(this.#host, reader);
    this.#streams.add(stream);
    return stream;
  }

  /** The events of one applied entry: whole revisions, each one higher than the last. */
  publish(events: readonly Event[]): void {
    for (let at = 0; at < events.length; ) {
      const revision = events[at]?.revision.main;
      let end = at + 1;
      while (end < events.length && events[end]?.revision.main === revision) end += 1;
      this.#publishRevision(at === 0 && end === events.length ? events : events.slice(at, end));
      at = end;
    }
  }

  /** Another state took the place of this one, at `revision`: what happened in between is in its history. */
  reload(revision: number): void {
    assert(revision >= this.#revision, 'a state that goes back', { from: this.#revision, to: revision });
    const told = this.#revision;
    this.#revision = revision;
    this.#recent.restart(revision + 1);
    for (const stream of this.#streams) {
      stream.forEach((watcher) => {
        if (!watcher.isBehind) this.#fallBehind(watcher, Math.max(watcher.next, told + 1));
      });
    }
    // While the state was being replaced there was nothing to read for those who were behind already.
    if (this.#behind.size > 0) this.#wake();
  }

  /** A stream that has something to read; each is told once for each time it was filled. */
  takeReadable(): WatchStream | undefined {
    const [stream] = this.#readable;
    if (stream !== undefined) this.#readable.delete(stream);
    return stream;
  }
  get hasReadable(): boolean {
    return this.#readable.size > 0;
  }

  // Catching up

  /** Ends every watcher whose next revision a compaction has taken. */
  cancelCompacted(compactedRevision: number): void {
    for (const stream of this.#behind) {
      for (const watcher of stream.behind) {
        if (watcher.next < compactedRevision) stream.compacted(watcher, compactedRevision);
      }
    }
  }

  /**
   * The position of a watcher that is behind and whose stream takes history: the lowest one beyond those that were fed
   * last, or the lowest of all. Going around like this, nobody waits for somebody who is much further behind.
   */
  nextBehind(): number | undefined {
    let lowest = Infinity;
    let lowestAfter = Infinity;
    for (const stream of this.#behind) {
      if (!stream.takesHistory) continue;
      for (const { next } of stream.behind) {
        lowest = Math.min(lowest, next);
        if (next > this.#fedTo) lowestAfter = Math.min(lowestAfter, next);
      }
    }
    if (lowestAfter !== Infinity) return lowestAfter;
    return lowest === Infinity ? undefined : lowest;
  }

  /** Gives a slice of the newest events to those who are behind at `from`. False: it is older than what is kept here. */
  feedRecent(from: number): boolean {
    if (from < this.#recent.first) return false;
    const { events, to } = this.#recent.slice(from);
    this.feed(from, to, events);
    return true;
  }

  /** Whether anybody whom this slice concerns wants events with what was before. */
  wantsPrevKv(from: number, to: number): boolean {
    for (const stream of this.#behind) {
      for (const { next, spec } of stream.behind) if (spec.prevKv && next >= from && next <= to) return true;
    }
    return false;
  }

  /**
   * All events of the revisions `from` to `to`, in order, for those who are behind and stand there. They may get less
   * than that: then they stand somewhere in between, and are behind still.
   */
  feed(from: number, to: number, events: readonly Event[]): void {
    this.#feeds += 1;
    for (const stream of this.#behind) stream.historyBytes = stream.roomForHistory;
    const fedTo = this.#collect(from, to, events);
    this.#fedTo = fedTo + 1;
    for (const stream of this.#behind) {
      for (const watcher of stream.behind) {
        const { collected } = watcher;
        watcher.collected = undefined;
        const isConcerned = watcher.next >= from && watcher.next <= fedTo && watcher.passedOver !== this.#feeds;
        if (!isConcerned || (collected !== undefined && !stream.hasRoom)) continue;
        if (collected !== undefined) stream.tell(watcher, collected);
        watcher.next = fedTo + 1;
        if (watcher.next > this.#revision) this.#leaveBehind(watcher);
      }
    }
  }

  /** Collects what each one gets, and tells up to which revision: a key with very many watchers ends the slice early. */
  #collect(from: number, to: number, events: readonly Event[]): number {
    let visits = 0;
    let revision = from;
    for (const event of events) {
      const { main } = event.revision;
      if (main > revision && visits > this.limits.sliceVisitsMax) return main - 1;
      revision = main;
      const alone = new EventRun(event);
      this.#index.forEachOf(event.kv.key, (watcher) => {
        visits += 1;
        const isConcerned = watcher.isBehind && watcher.next >= from && watcher.next <= main;
        if (isConcerned && watcher.wants(event)) this.#collectFor(watcher, alone);
      });
    }
    return to;
  }

  /** What surely finds no room in the stream is not even collected. */
  #collectFor(watcher: StreamWatcher, alone: EventRun): void {
    const { stream, spec } = watcher;
    if (watcher.passedOver === this.#feeds) return;
    if (watcher.collected === undefined && stream.historyBytes <= 0) {
      watcher.passedOver = this.#feeds;
      return;
    }
    stream.historyBytes -= alone.bytes(spec.prevKv);
    collect(watcher, alone);
  }

  #publishRevision(events: readonly Event[]): void {
    const revision = events[0]?.revision.main ?? 0;
    assert(revision === this.#revision + 1, 'a revision left out', { from: this.#revision, to: revision });
    const told = withHonestPrevKv(events);
    this.#revision = revision;
    this.#recent.add(told);
    const concerned: StreamWatcher[] = [];
    for (const event of told) {
      const alone = new EventRun(event);
      this.#index.forEachOf(event.kv.key, (watcher) => {
        if (watcher.isBehind || watcher.next > revision || !watcher.wants(event)) return;
        if (watcher.collected === undefined) concerned.push(watcher);
        collect(watcher, alone);
      });
    }
    for (const watcher of concerned) {
      const { collected, stream } = watcher;
      watcher.collected = undefined;
      if (collected !== undefined && stream.hasRoom) stream.tell(watcher, collected);
      else this.#fallBehind(watcher, revision);
    }
  }

  #fallBehind(watcher: StreamWatcher, next: number): void {
    watcher.next = next;
    if (next > this.#revision) return;
    watcher.isBehind = true;
    watcher.stream.behind.add(watcher);
    this.#behind.add(watcher.stream);
    this.#wake();
  }

  /** No longer behind: it has everything, or is gone. */
  #leaveBehind(watcher: StreamWatcher): void {
    const { stream } = watcher;
    watcher.isBehind = false;
    stream.behind.delete(watcher);
    if (stream.behind.size === 0) this.#behind.delete(stream);
  }

  #hostOfStreams(): StreamHost {
    const revisionNow = (): number => this.#revision;
    return {
      get revision() {
        return revisionNow();
      },
      limits: this.limits,
      admit: (watcher) => this.#admit(watcher),
      dismiss: (watcher) => this.#dismiss(watcher),
      filled: (stream) => {
        this.#readable.add(stream);
        this.#wake();
      },
      madeRoom: () => this.#wake(),
      closed: (stream) => {
        this.#streams.delete(stream);
        this.#behind.delete(stream);
        this.#readable.delete(stream);
      },
    };
  }

  #admit(watcher: StreamWatcher): boolean {
    const bytes = keyBytesOf(watcher);
    const { watchersMax, watchedKeyBytesMax } = this.limits;
    if (this.#watchers >= watchersMax || this.#keyBytes + bytes > watchedKeyBytesMax) return false;
    this.#watchers += 1;
    this.#keyBytes += bytes;
    this.#index.add(watcher);
    if (watcher.isBehind) this.#fallBehind(watcher, watcher.next);
    return true;
  }

  #dismiss(watcher: StreamWatcher): void {
    this.#watchers -= 1;
    this.#keyBytes -= keyBytesOf(watcher);
    this.#index.remove(watcher);
    this.#leaveBehind(watcher);
  }
}

function keyBytesOf({ spec }: StreamWatcher): number {
  return spec.key.length + spec.rangeEnd.length;
}

/** `alone`: the run of one event, the same for all who get it. */
function collect(watcher: StreamWatcher, alone: EventRun): void {
  watcher.collected = watcher.collected?.with(alone.last) ?? alone;
}

/**
 * What a watcher is shown as the key before is what it was before the whole revision. An event knows what its own
 * operation found, which may be the work of another operation of the same request.
 */
function withHonestPrevKv(events: readonly Event[]): readonly Event[] {
  const isOwnWork = ({ prevKv, revision }: Event): boolean => prevKv?.modRevision === revision.main;
  if (!events.some(isOwnWork)) return events;
  return events.map((event) => {
    if (!isOwnWork(event)) return event;
    const first = events.find(({ kv }) => kv.key === event.kv.key);
    const isCreation = event.type === 'put' && event.kv.createRevision === event.revision.main;
    return { ...event, prevKv: isCreation ? undefined : first?.prevKv };
  });
}
