/**
 * A random program over the hub: requests of every kind, streams that come and go, readers that stop, compactions,
 * states replaced by snapshots. Everything told is recorded, watcher by watcher, for the checker.
 */
import { type Random, seededRandom } from '../../server/lib/random.js';
import type { WatchLimits } from '../../server/watch/watch-limits.js';
import type { WatchOutput, WatchSpec } from '../../server/watch/watch-output.js';
import type { WatchStream } from '../../server/watch/watch-stream.js';
import type { WatchHistory, WatchRecord, WatchSaid } from '../checkers/watch-record.js';
import { KvGenerator } from '../state/kv-generator.js';
import { HubKit } from './hub-kit.js';

const KEYS = ['\0', 'a', 'a\0', 'a\xff', 'b', 'c', 'd', '\xff', '\xff\xff'];
const ENDS = ['', '', '\0', 'b', 'c', 'c', '\xff', '\xff\xff'];

/** Small enough that every limit is met all the time. */
const TIGHT: WatchLimits = {
  streamBatchesMax: 3,
  streamBytesMax: 1_500,
  joinedEventsMax: 3,
  joinedBytesMax: 600,
  sliceRevisionsMax: 3,
  sliceBytesMax: 500,
  sliceVisitsMax: 4,
  recentRevisionsMax: 6,
  recentBytesMax: 2_000,
  watchersMax: 12,
  watchedKeyBytesMax: 10_000,
};

interface Story {
  readonly name: string;
  readonly spec: WatchSpec;
  readonly said: WatchSaid[];
  isOver: boolean;
}

interface Reader {
  readonly stream: WatchStream;
  /** Creations that were not answered yet, in order. */
  readonly asked: { readonly spec: WatchSpec; readonly id: bigint }[];
  readonly byId: Map<bigint, Story>;
}

export interface RandomWatchesResult {
  readonly history: WatchHistory;
  readonly records: readonly WatchRecord[];
  readonly counts: Readonly<Record<string, number>>;
  /** Most bytes that waited in one stream. */
  readonly mostBytes: number;
  readonly isEmptyAtEnd: boolean;
}

export function randomWatches(seed: number, steps: number, limits: Partial<WatchLimits> = {}): RandomWatchesResult {
  return new RandomWatches(seededRandom(seed), { ...TIGHT, ...limits }).run(steps);
}

class RandomWatches {
  readonly #random: Random;
  readonly #kit: HubKit;
  readonly #generator: KvGenerator;
  readonly #readers = new Set<Reader>();
  readonly #stories: Story[] = [];
  readonly #counts: Record<string, number> = {};
  #mostBytes = 0;

  constructor(random: Random, limits: WatchLimits) {
    this.#random = random;
    this.#kit = new HubKit(limits);
    this.#generator = new KvGenerator(random);
  }

  run(steps: number): RandomWatchesResult {
    for (let step = 0; step < steps; step += 1) this.#step();
    this.#drain();
    const { machine, hub, events } = this.#kit;
    const demandedUpTo = machine.revision;
    const records = this.#stories.map(({ isOver, ...story }) => (isOver ? story : { ...story, demandedUpTo }));
    for (const { stream } of this.#readers) stream.close();
    return {
      history: { events, compactedRevision: machine.compactedRevision },
      records,
      counts: this.#counts,
      mostBytes: this.#mostBytes,
      isEmptyAtEnd: hub.isEmpty,
    };
  }

  #step(): void {
    const roll = this.#random.below(100);
    if (roll < 45) this.#command();
    else if (roll < 60) this.#read(this.#random.below(6));
    else if (roll < 72) this.#kit.feedOnce();
    else if (roll < 82) this.#create();
    else if (roll < 88) this.#cancel();
    else if (roll < 91) this.#reader()?.stream.requestProgress();
    else if (roll < 94) this.#reader()?.stream.notifyProgress();
    else if (roll < 96) this.#openOrClose();
    else if (roll < 97) this.#replaceState();
    else this.#kit.hub.takeReadable();
    for (const { stream } of this.#readers) this.#mostBytes = Math.max(this.#mostBytes, stream.queued.bytes);
  }

  #command(): void {
    this.#generator.revision = this.#kit.machine.revision;
    this.#kit.apply(this.#generator.command());
  }

  /** A snapshot: many revisions at once, none of them told. */
  #replaceState(): void {
    for (let count = this.#random.below(12); count > 0; count -= 1) {
      this.#generator.revision = this.#kit.machine.revision;
      this.#kit.applyUnseen(this.#generator.command());
    }
    this.#kit.hub.reload(this.#kit.machine.revision);
    this.#count('reload');
  }

  #openOrClose(): void {
    const reader = this.#reader();
    if (this.#readers.size < 4 || reader === undefined) {
      this.#readers.add({ stream: this.#kit.open(), asked: [], byId: new Map() });
      return;
    }
    if (this.#random.below(2) === 0) return;
    reader.stream.close();
    for (const story of reader.byId.values()) story.isOver = true;
    this.#readers.delete(reader);
  }

  #create(): void {
    const reader = this.#reader();
    if (reader === undefined) return this.#openOrClose();
    const { machine } = this.#kit;
    const roll = this.#random.below(10);
    const past = Math.max(1, machine.revision - this.#random.below(15));
    const startRevision =
      roll < 4 ? 0 : roll < 8 ? past : roll < 9 ? machine.revision + this.#random.below(6) : machine.compactedRevision;
    const spec: WatchSpec = {
      key: this.#pick(KEYS),
      rangeEnd: this.#pick(ENDS),
      startRevision: this.#random.below(60) === 0 ? -3 : Math.max(0, startRevision),
      noPut: this.#random.below(8) === 0,
      noDelete: this.#random.below(8) === 0,
      prevKv: this.#random.below(2) === 0,
      progressNotify: this.#random.below(2) === 0,
      fragment: false,
    };
    const id = this.#random.below(3) === 0 ? BigInt(this.#random.below(6) - 2) : 0n;
    reader.asked.push({ spec, id });
    reader.stream.create(spec, id);
  }

  #cancel(): void {
    const reader = this.#reader();
    const ids = [...(reader?.byId.keys() ?? []), 99n];
    reader?.stream.cancel(this.#pick(ids));
  }

  #read(count: number): void {
    const reader = this.#reader();
    for (let taken = 0; taken < count; taken += 1) {
      const output = reader?.stream.take();
      if (reader === undefined || output === undefined) return;
      this.#hear(reader, output);
    }
  }

  #hear(reader: Reader, output: WatchOutput): void {
    this.#count(output.kind);
    switch (output.kind) {
      case 'created':
        return this.#begin(reader, output.watchId, output.revision);
      case 'refused':
        this.#count(output.reason);
        reader.asked.shift();
        return;
      case 'events':
        if (output.events.length > 1) this.#count('largeBatch');
        return this.#tell(reader, output.watchId, { ...output });
      case 'progress':
        if (output.watchId !== -1n || reader.byId.has(-1n)) return this.#tell(reader, output.watchId, { ...output });
        for (const id of reader.byId.keys()) this.#tell(reader, id, { ...output });
        return;
      case 'canceled': {
        if (output.compactRevision > 0) this.#count('compacted');
        this.#tell(reader, output.watchId, { ...output });
        const story = reader.byId.get(output.watchId);
        if (story !== undefined) story.isOver = true;
        reader.byId.delete(output.watchId);
        return;
      }
    }
  }

  #begin(reader: Reader, id: bigint, revision: number): void {
    const asked = reader.asked.shift();
    if (asked === undefined || reader.byId.has(id)) throw new Error(`${id} was created, and nobody asked`);
    if (asked.id !== 0n && asked.id !== id) throw new Error(`${id} was created, ${asked.id} was asked for`);
    const story: Story = { name: `w${this.#stories.length}`, spec: asked.spec, said: [], isOver: false };
    story.said.push({ kind: 'created', revision });
    this.#stories.push(story);
    reader.byId.set(id, story);
  }

  #tell(reader: Reader, id: bigint, said: WatchSaid): void {
    const story = reader.byId.get(id);
    if (story === undefined) throw new Error(`${said.kind} for ${id}, which is not there`);
    story.said.push(said);
  }

  /** Readers read on, and whoever is behind is caught up, until there is nothing left to do. */
  #drain(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = this.#kit.feedOnce();
      for (const reader of this.#readers) {
        for (let output = reader.stream.take(); output !== undefined; output = reader.stream.take()) {
          this.#hear(reader, output);
          isBusy = true;
        }
      }
    }
  }

  #reader(): Reader | undefined {
    const all = [...this.#readers];
    return all[this.#random.below(Math.max(1, all.length))];
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#random.below(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}
