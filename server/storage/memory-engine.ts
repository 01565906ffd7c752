/**
 * An engine on a MemoryDisk, for tests and the simulator: the same guards and the same lane as in production. It is
 * never chosen for production.
 */
import { byteStringFrom, bytesFrom, type ByteString } from '../lib/bytes.js';
import type { BindingIterator, EngineBinding } from './engine-binding.js';
import { engineLimits, type EngineOp, type KeyRange } from './engine.js';
import { GuardedEngine } from './guarded-engine.js';
import { MemoryDisk, type MemoryDiskHooks } from './memory-disk.js';

export class MemoryEngine extends GuardedEngine {
  readonly disk: MemoryDisk;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    super(new MemoryBinding(disk));
    this.disk = disk;
  }

  /** A power cut: the engine that the next start would open. See MemoryDisk.crash. */
  crash(options: { keepUnsynced?: number; hooks?: MemoryDiskHooks } = {}): MemoryEngine {
    return new MemoryEngine(this.disk.crash(options));
  }
}

class MemoryBinding implements EngineBinding {
  readonly name = 'memory';
  readonly #disk: MemoryDisk;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  async open(): Promise<void> {
    this.#disk.lock();
  }

  async close(): Promise<void> {
    this.#disk.unlock();
  }

  write(batches: readonly (readonly EngineOp[])[], sync: boolean): Promise<void> {
    return this.#disk.write(batches, sync);
  }

  async getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    return keys.map((key) => this.#disk.table.get(byteStringFrom(key)));
  }

  iterate(range: KeyRange): BindingIterator {
    return new MemoryIterator(this.#disk.table.entries(byteStringFrom(range.gte), byteStringFrom(range.lt)));
  }

  async compactRange(): Promise<void> {
    // Deleted entries hold no memory here.
  }

  async allocatedBytes(): Promise<number> {
    return this.#disk.table.bytes;
  }
}

class MemoryIterator implements BindingIterator {
  #entries: readonly (readonly [ByteString, Buffer])[];
  #position = 0;

  constructor(entries: readonly (readonly [ByteString, Buffer])[]) {
    this.#entries = entries;
  }

  async next(maxEntries: number): Promise<readonly (readonly [key: Buffer, value: Buffer])[]> {
    const pairs: (readonly [Buffer, Buffer])[] = [];
    let bytes = 0;
    while (pairs.length < maxEntries && bytes < engineLimits.iterateBytesTarget) {
      const entry = this.#entries[this.#position];
      if (entry === undefined) break;
      const [key, value] = entry;
      pairs.push([bytesFrom(key), Buffer.from(value)]);
      bytes += key.length + value.length;
      this.#position += 1;
    }
    return pairs;
  }

  async close(): Promise<void> {
    this.#entries = [];
  }
}
