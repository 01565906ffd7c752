/**
 * The disk of one member over all its lives, as the bindings of real engines leave it. Blocks (one for each call of the
 * write lane) take effect in order; a sync makes durable what took effect before it. Power cuts take any of the others,
 * an early one and not a later one too: the engines skip what is missing in their logs. A block is atomic by its own
 * checksum: torn means absent. Nothing that a failed sync left behind becomes durable by a later one.
 */
import { type ByteString, byteStringFrom } from '../../server/lib/bytes.js';
import { createDeferred } from '../../server/lib/deferred.js';
import type { Random } from '../../server/lib/random.js';
import { EngineError, type EngineOp } from '../../server/storage/engine.js';
import { chance, pick } from './draws.js';
import { DurableImage, type EntryBook } from './durable-image.js';
import type { MemberProcess } from './member-clock.js';
import type { VirtualTime } from './virtual-time.js';

/** The moments of a write at which a process may die. */
export type WriteMoment = 'beforeWrite' | 'beforeSync' | 'afterSync';

/** What the world does to a disk. Times in true ms. */
export interface DiskWeather {
  writeMs(): number;
  syncMs(): number;
  readMs(): number;
  /** Decides when the operation takes effect. Undefined: it goes well. */
  writeError(): EngineError | undefined;
  syncError(): EngineError | undefined;
  /** The process of the writer may die here; then nothing of the write goes on. */
  reached(moment: WriteMoment): void;
  /** A read was answered after a read or a write that was asked for later. */
  readOvertaken(): void;
}

export interface DiskEvents {
  /** `image` holds more than before: `blocks` of them. */
  synced(image: DurableImage, blocks: number): void;
  /** The power went: `image` is what is left, `before` what was durable by then. */
  cut(image: DurableImage, before: DurableImage): void;
  mix(number: number): void;
}

/** Which unsynced blocks a cut leaves. */
export const CUT_KINDS = ['none', 'all', 'first', 'last', 'some'] as const;
export type CutKind = (typeof CUT_KINDS)[number];

interface Block {
  readonly ops: readonly EngineOp[];
  /** What stood there before, in the order of the operations. */
  readonly before: readonly (Buffer | undefined)[];
  readonly keys: readonly ByteString[];
  /** A sync of it failed: the kernel has forgotten that it is not on the disk. */
  isForgotten: boolean;
}

export class SimDisk {
  readonly #time: VirtualTime;
  readonly #weather: DiskWeather;
  readonly #events: DiskEvents;
  readonly #book: EntryBook;
  /** What reads see. */
  readonly #table = new Map<ByteString, Buffer>();
  #sortedKeys: ByteString[] | undefined;
  #unsynced: Block[] = [];
  #image: DurableImage;
  #bytes = 0;
  /** Reads and writes are numbered as they are asked for. */
  #asked = 0;
  #lastAnswered = 0;
  /** An operation of the life that uses the disk now has failed. */
  #hasFailed = false;
  #user: MemberProcess | undefined;
  #openIterators = 0;

  constructor(time: VirtualTime, weather: DiskWeather, events: DiskEvents, book: EntryBook) {
    this.#time = time;
    this.#weather = weather;
    this.#events = events;
    this.#book = book;
    this.#image = new DurableImage(book);
  }

  /** What a power cut surely leaves. */
  get image(): DurableImage {
    return this.#image;
  }
  get unsyncedBlocks(): number {
    return this.#unsynced.length;
  }
  get hasFailed(): boolean {
    return this.#hasFailed;
  }
  get bytes(): number {
    return this.#bytes;
  }
  /** Of the life that uses the disk now. */
  get openIterators(): number {
    return this.#openIterators;
  }

  /** A process opens the engine: whatever it finds is written to new, synced files. */
  open(process: MemberProcess): void {
    if (this.#user?.isEnded === false) throw new EngineError('LOCKED', 'the disk is in use by another process');
    this.#user = process;
    this.#hasFailed = false;
    this.#openIterators = 0;
    for (const block of this.#unsynced) block.isForgotten = false;
    if (this.#unsynced.length > 0) this.sync();
  }

  close(): void {
    this.#user = undefined;
  }

  /** Loses power. Whoever uses the disk must have ended. Answers how many blocks were lost. */
  cut(random: Random, kind: CutKind): number {
    const blocks = this.#unsynced;
    this.#unsynced = [];
    if (blocks.length === 0) return 0;
    const kept = keptBlocks(blocks, random, kind);
    for (const block of [...blocks].reverse()) this.#undo(block);
    for (const block of kept) this.#put(block.ops);
    const before = this.#image;
    this.#image = DurableImage.of(this.#table, this.#book);
    this.#events.cut(this.#image, before);
    return blocks.length - kept.length;
  }

  write(process: MemberProcess, batches: readonly (readonly EngineOp[])[], sync: boolean): Promise<void> {
    const ops = batches.length === 1 ? (batches[0] ?? []) : batches.flat();
    const done = createDeferred<void>();
    this.#asked += 1;
    const number = this.#asked;
    this.#weather.reached('beforeWrite');
    this.#later(process, this.#weather.writeMs(), done.reject, () => {
      this.#fail(this.#weather.writeError());
      this.#takeEffect(ops);
      this.#lastAnswered = Math.max(this.#lastAnswered, number);
      this.#weather.reached('beforeSync');
      if (sync)
        this.#later(process, this.#weather.syncMs(), done.reject, () => this.#finishSync(process, done.resolve));
      else process.run(done.resolve);
    });
    return done.promise;
  }

  getMany(process: MemberProcess, keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    return this.read(process, () => keys.map((key) => this.#table.get(byteStringFrom(key))));
  }

  /** The pairs of the range as they are now, in order. */
  entries(gte: ByteString, lt: ByteString): readonly (readonly [ByteString, Buffer])[] {
    this.#sortedKeys ??= [...this.#table.keys()].sort();
    const keys = this.#sortedKeys;
    const pairs: (readonly [ByteString, Buffer])[] = [];
    for (let place = lowerBound(keys, gte); place < keys.length; place += 1) {
      const key = keys[place];
      if (key === undefined || key >= lt) break;
      const value = this.#table.get(key);
      if (value !== undefined) pairs.push([key, value]);
    }
    return pairs;
  }

  iteratorOpened(): void {
    this.#openIterators += 1;
  }
  iteratorClosed(): void {
    this.#openIterators -= 1;
  }

  /** An answer that takes its time; those that were asked later may come before it. */
  read<T>(process: MemberProcess, answer: () => T): Promise<T> {
    const done = createDeferred<T>();
    this.#asked += 1;
    const number = this.#asked;
    this.#later(process, this.#weather.readMs(), done.reject, () => {
      const found = answer();
      if (number < this.#lastAnswered) this.#weather.readOvertaken();
      this.#lastAnswered = Math.max(this.#lastAnswered, number);
      process.run(() => done.resolve(found));
    });
    return done.promise;
  }

  #finishSync(process: MemberProcess, tell: () => void): void {
    const error = this.#weather.syncError();
    if (error !== undefined) for (const block of this.#unsynced) block.isForgotten = true;
    this.#fail(error);
    this.sync();
    this.#weather.reached('afterSync');
    process.run(tell);
  }

  /**
   * The disk works on while a process is paused, which hears of it when it runs again; for one that ended, it stops.
   * Work that throws an EngineError has failed.
   */
  #later(process: MemberProcess, ms: number, reject: (error: Error) => void, work: () => void): void {
    this.#time.after(ms, () => {
      if (process.isEnded) return;
      try {
        work();
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        process.run(() => reject(error));
      }
    });
  }

  #fail(error: EngineError | undefined): void {
    if (error === undefined) return;
    this.#hasFailed = true;
    throw error;
  }

  #takeEffect(ops: readonly EngineOp[]): void {
    const keys = ops.map(({ key }) => byteStringFrom(key));
    this.#unsynced.push({ ops, keys, before: keys.map((key) => this.#table.get(key)), isForgotten: false });
    this.#put(ops, keys);
    this.#events.mix(ops.length);
    for (const op of ops) if (op.type === 'put') this.#events.mix(checksumOf(op.value));
  }

  /** Makes durable what took effect, but for what an earlier sync has failed on. */
  protected sync(): void {
    const durable = this.#unsynced.filter(({ isForgotten }) => !isForgotten);
    this.#unsynced = this.#unsynced.filter(({ isForgotten }) => isForgotten);
    for (const { ops } of durable) this.#image.apply(ops);
    this.#image.settle();
    this.#events.synced(this.#image, durable.length);
  }

  #put(ops: readonly EngineOp[], keys?: readonly ByteString[]): void {
    for (const [place, op] of ops.entries()) {
      const key = keys?.[place] ?? byteStringFrom(op.key);
      this.#set(key, op.type === 'put' ? op.value : undefined);
    }
  }

  #undo({ keys, before }: Block): void {
    for (let place = keys.length - 1; place >= 0; place -= 1) {
      const key = keys[place];
      if (key !== undefined) this.#set(key, before[place]);
    }
  }

  #set(key: ByteString, value: Buffer | undefined): void {
    const old = this.#table.get(key);
    if (old !== undefined) this.#bytes -= key.length + old.length;
    if ((old === undefined) !== (value === undefined)) this.#sortedKeys = undefined;
    if (value === undefined) {
      this.#table.delete(key);
      return;
    }
    this.#table.set(key, value);
    this.#bytes += key.length + value.length;
  }
}

function keptBlocks(blocks: readonly Block[], random: Random, kind: CutKind): readonly Block[] {
  switch (kind) {
    case 'none':
      return [];
    case 'all':
      return blocks;
    case 'first':
      return blocks.slice(0, random.below(blocks.length + 1));
    case 'last':
      return blocks.slice(random.below(blocks.length + 1));
    case 'some':
      return blocks.filter(() => chance(random, 0.5));
  }
}

export function drawCut(random: Random): CutKind {
  return pick(random, CUT_KINDS);
}

/** Of a stored record: its own first four bytes, over its key and all of its content. */
function checksumOf(record: Buffer): number {
  return record.length < 4 ? record.length : record.readInt32BE(0);
}

function lowerBound(keys: readonly ByteString[], bound: ByteString): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = keys[middle];
    if (candidate !== undefined && candidate < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
