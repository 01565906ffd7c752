/** The real engine, with all its guards and its write lane, above a simulated disk: as one process opened it. */
import { type ByteString, byteStringFrom, bytesFrom } from '../../server/lib/bytes.js';
import type { BindingIterator, EngineBinding } from '../../server/storage/engine-binding.js';
import { type Engine, engineLimits, type EngineOp, type KeyRange } from '../../server/storage/engine.js';
import { GuardedEngine } from '../../server/storage/guarded-engine.js';
import type { MemberProcess } from './member-clock.js';
import type { SimDisk } from './sim-disk.js';

export function simEngine(disk: SimDisk, process: MemberProcess): Engine {
  return new GuardedEngine(new SimBinding(disk, process));
}

class SimBinding implements EngineBinding {
  readonly name = 'memory';
  readonly #disk: SimDisk;
  readonly #process: MemberProcess;

  constructor(disk: SimDisk, process: MemberProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  open(): Promise<void> {
    return this.#disk.read(this.#process, () => this.#disk.open(this.#process));
  }

  async close(): Promise<void> {
    this.#disk.close();
  }

  write(batches: readonly (readonly EngineOp[])[], sync: boolean): Promise<void> {
    return this.#disk.write(this.#process, batches, sync);
  }

  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    return this.#disk.getMany(this.#process, keys);
  }

  iterate(range: KeyRange): BindingIterator {
    return new SimIterator(this.#disk, this.#process, range);
  }

  async compactRange(): Promise<void> {
    // Deleted entries hold no memory here.
  }

  async allocatedBytes(): Promise<number> {
    return this.#disk.bytes;
  }
}

class SimIterator implements BindingIterator {
  readonly #disk: SimDisk;
  readonly #process: MemberProcess;
  readonly #entries: readonly (readonly [ByteString, Buffer])[];
  #position = 0;

  constructor(disk: SimDisk, process: MemberProcess, range: KeyRange) {
    this.#disk = disk;
    this.#process = process;
    this.#entries = disk.entries(byteStringFrom(range.gte), byteStringFrom(range.lt));
    disk.iteratorOpened();
  }

  next(maxEntries: number): Promise<readonly (readonly [key: Buffer, value: Buffer])[]> {
    return this.#disk.read(this.#process, () => this.#take(maxEntries));
  }

  async close(): Promise<void> {
    if (!this.#process.isEnded) this.#disk.iteratorClosed();
  }

  #take(maxEntries: number): readonly (readonly [Buffer, Buffer])[] {
    const pairs: (readonly [Buffer, Buffer])[] = [];
    let bytes = 0;
    while (pairs.length < maxEntries && bytes < engineLimits.iterateBytesTarget) {
      const entry = this.#entries[this.#position];
      if (entry === undefined) break;
      const [key, value] = entry;
      pairs.push([bytesFrom(key), value]);
      bytes += key.length + value.length;
      this.#position += 1;
    }
    return pairs;
  }
}
