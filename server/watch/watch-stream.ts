/**
 * One reader's stream: its watchers, and what waits to be read, in order and bounded. Answers to what the reader asks
 * always find room, so whoever feeds requests in must stop while the stream is full.
 */
import type { WatchBatch, WatchOutput, WatchRefusal, WatchSpec } from './watch-output.js';
import { ALL_WATCHERS } from './watch-output.js';
import type { WatchLimits } from './watch-limits.js';
import type { EventRun } from './event-run.js';
import { type WaitingBatch, Watcher } from './watcher.js';

/** What the hub does for its streams. */
export interface StreamHost {
  readonly revision: number;
  readonly limits: WatchLimits;
  /** False: the member has no room for another watcher. */
  admit(watcher: StreamWatcher): boolean;
  dismiss(watcher: StreamWatcher): void;
  /** There is something to read. */
  filled(stream: WatchStream): void;
  /** Its watchers that are behind may go on. */
  madeRoom(stream: WatchStream): void;
  closed(stream: WatchStream): void;
}

export type StreamWatcher = Watcher<WatchStream>;

/** Told by the driver, never from inside a call of the hub. */
export interface StreamReader {
  /** take() has something. */
  readable(): void;
  /** The member serves this stream no longer. */
  ended(): void;
}

/** What one output counts besides its events. */
const OUTPUT_OVERHEAD_BYTES = 64;

/** What waits to be read: events of a watcher, or what was said otherwise. */
type Entry =
  | { readonly output: WatchOutput; readonly watcher?: never; readonly bytes: number }
  | (WaitingBatch & { readonly watcher: StreamWatcher });

export class WatchStream {
  readonly reader: StreamReader;
  /** Those of its watchers that are behind. The hub's. */
  readonly behind = new Set<StreamWatcher>();
  /** How much history may still be collected for it in the slice that is being fed. The hub's. */
  historyBytes = 0;
  readonly #host: StreamHost;
  readonly #watchers = new Map<bigint, StreamWatcher>();
  #nextId = 0n;
  #queue: Entry[] = [];
  #taken = 0;
  #bytes = 0;
  /** How often something was said that is not an event. */
  #said = 0;
  #isOpen = true;
  /** Was full, and is not yet half empty again: history waits, so that it comes in large pieces. */
  #isStalled = false;

  constructor(host: StreamHost, reader: StreamReader) {
    this.#host = host;
    this.reader = reader;
  }

  get watchers(): number {
    return this.#watchers.size;
  }
  get isOpen(): boolean {
    return this.#isOpen;
  }
  get queued(): { readonly outputs: number; readonly bytes: number } {
    return { outputs: this.#queue.length - this.#taken, bytes: this.#bytes };
  }

  get hasRoom(): boolean {
    const { streamBatchesMax, streamBytesMax } = this.#host.limits;
    const hasRoom = this.#queue.length - this.#taken < streamBatchesMax && this.#bytes < streamBytesMax;
    if (!hasRoom) this.#isStalled = true;
    return hasRoom;
  }
  /** Whether watchers that are behind may be given history. */
  get takesHistory(): boolean {
    return this.hasRoom && !this.#isStalled;
  }

  /** How much history to collect for it now. */
  get roomForHistory(): number {
    return this.takesHistory ? this.#host.limits.streamBytesMax - this.#bytes : 0;
  }

  // What the reader asks

  /** `id` 0n: the stream chooses. */
  create(spec: WatchSpec, id = 0n): void {
    const { revision } = this.#host;
    if (spec.startRevision < 0) return this.#refuse('negativeStart');
    const isRange = spec.rangeEnd !== '' && spec.rangeEnd !== '\0';
    if (isRange && spec.rangeEnd <= spec.key) return this.#refuse('emptyRange');
    if (this.#watchers.has(id) && id !== 0n) return this.#refuse('duplicateId');
    const watchId = id === 0n ? this.#freeId() : id;
    const watcher: StreamWatcher = new Watcher(watchId, spec, this, revision);
    if (!this.#host.admit(watcher)) return this.#refuse('tooManyWatchers');
    this.#watchers.set(watchId, watcher);
    // Some clients go on after a broken connection from the last revision they saw: it must not be beyond their events.
    this.#say({ kind: 'created', watchId, revision: Math.min(revision, watcher.next - 1) });
  }

  /** An unknown id is ignored. */
  cancel(id: bigint): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return;
    this.#forget(watcher);
    this.#say({ kind: 'canceled', watchId: id, revision: this.#host.revision, compactRevision: 0 });
  }

  /** Answered only when all watchers were told everything up to now; without watchers there is nothing to say. */
  requestProgress(): void {
    if (this.#watchers.size === 0) return;
    const { revision } = this.#host;
    for (const watcher of this.#watchers.values()) if (!watcher.isToldUpTo(revision)) return;
    this.#say({ kind: 'progress', watchId: ALL_WATCHERS, revision });
  }

  // What the driver does

  /** Tells those who want to know, and have heard nothing since the last call, that they were told everything. */
  notifyProgress(): void {
    const { revision } = this.#host;
    for (const watcher of this.#watchers.values()) {
      const isDue = watcher.spec.progressNotify && watcher.isQuiet && watcher.isToldUpTo(revision);
      if (isDue && this.hasRoom) this.#say({ kind: 'progress', watchId: watcher.id, revision });
      watcher.isQuiet = true;
    }
  }

  /** The oldest output that was not read yet. */
  take(): WatchOutput | undefined {
    const entry = this.#queue[this.#taken];
    if (entry === undefined) return undefined;
    this.#taken += 1;
    this.#bytes -= entry.bytes;
    if (this.#taken === this.#queue.length || (this.#taken >= 256 && this.#taken * 2 >= this.#queue.length)) {
      this.#queue.splice(0, this.#taken);
      this.#taken = 0;
    }
    if (this.#isStalled && this.#isHalfEmpty) {
      this.#isStalled = false;
      if (this.behind.size > 0) this.#host.madeRoom(this);
    }
    return entry.watcher === undefined ? entry.output : batchOf(entry.watcher, entry);
  }

  /** Idempotent. Nothing is left of it. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const watcher of this.#watchers.values()) this.#forget(watcher);
    this.#queue = [];
    this.#taken = 0;
    this.#bytes = 0;
    this.#host.closed(this);
  }

  // What the hub does

  forEach(visit: (watcher: StreamWatcher) => void): void {
    for (const watcher of this.#watchers.values()) visit(watcher);
  }

  /**
   * Whole revisions, later ones than the watcher was told before. They join what waits for it already, so that a reader
   * gets fewer and larger batches the further behind it is; but they overtake nothing else that was said.
   */
  tell(watcher: StreamWatcher, run: EventRun): void {
    if (!this.#isOpen) return;
    watcher.isQuiet = false;
    const bytes = run.bytes(watcher.spec.prevKv);
    const { waiting } = watcher;
    if (waiting !== undefined && this.#mayJoin(waiting, run, bytes)) {
      waiting.run = waiting.run.withAll(run);
      waiting.bytes += bytes;
      this.#bytes += bytes;
    } else {
      const batch = { watcher, run, bytes: bytes + OUTPUT_OVERHEAD_BYTES, saidBefore: this.#said };
      watcher.waiting = batch;
      this.#push(batch);
    }
    this.#host.filled(this);
  }

  /** Its history is gone. */
  compacted(watcher: StreamWatcher, compactRevision: number): void {
    this.#forget(watcher);
    this.#say({ kind: 'canceled', watchId: watcher.id, revision: 0, compactRevision });
  }

  #say(output: WatchOutput): void {
    if (!this.#isOpen) return;
    this.#said += 1;
    this.#push({ output, bytes: OUTPUT_OVERHEAD_BYTES });
    this.#host.filled(this);
  }

  #push(entry: Entry): void {
    this.#queue.push(entry);
    this.#bytes += entry.bytes;
  }

  #mayJoin(waiting: WaitingBatch, run: EventRun, bytes: number): boolean {
    const { joinedEventsMax, joinedBytesMax } = this.#host.limits;
    return (
      waiting.saidBefore === this.#said &&
      waiting.run.count + run.count <= joinedEventsMax &&
      waiting.bytes + bytes <= joinedBytesMax
    );
  }

  #refuse(reason: WatchRefusal): void {
    this.#say({ kind: 'refused', reason, revision: this.#host.revision });
  }

  #forget(watcher: StreamWatcher): void {
    this.#watchers.delete(watcher.id);
    this.#host.dismiss(watcher);
  }

  #freeId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId += 1n;
    const id = this.#nextId;
    this.#nextId += 1n;
    return id;
  }

  get #isHalfEmpty(): boolean {
    const { streamBatchesMax, streamBytesMax } = this.#host.limits;
    return (this.#queue.length - this.#taken) * 2 <= streamBatchesMax && this.#bytes * 2 <= streamBytesMax;
  }
}

/** From now on nothing joins it. */
function batchOf(watcher: StreamWatcher, batch: WaitingBatch): WatchBatch {
  if (watcher.waiting === batch) watcher.waiting = undefined;
  const { last, events } = batch.run;
  return { kind: 'events', watchId: watcher.id, spec: watcher.spec, revision: last.revision.main, events };
}
