/**
 * Streams one cut of the replicated state to a member that is far behind. The cut is one iterator of the engine, and
 * the point it stands for is its own first record: a snapshot cannot be of another index than it says.
 */
import { crc32 } from 'node:zlib';
import type { SnapshotMeta } from '../raft/types.js';
import { decodeApplied, decodeStored, encodeSnapshotHeader, encodeSnapshotTrailer } from './codec.js';
import type { EngineIterator } from './engine.js';
import { appliedSubkey, stateSubkey } from './keys.js';
import type { AppliedPoint, SnapshotReader } from './member-store.js';
import { isIntact, openRecord } from './record.js';
import { CHUNK_BYTES_TARGET, frameChunk, frameRecords, SNAPSHOT_FORMAT_VERSION } from './snapshot-frame.js';
import type { SnapshotRecord } from './snapshot-frame.js';
import { StorageCorruptionError } from './storage-errors.js';

const SLICE_ENTRIES = 512;

export class EngineSnapshotReader implements SnapshotReader {
  readonly meta: SnapshotMeta;
  readonly #iterator: EngineIterator;
  readonly #header: Uint8Array;
  /** Read from the engine and not sent yet: at most one answer of the iterator. */
  #ahead: readonly SnapshotRecord[];
  #stage: 'header' | 'records' | 'end' = 'header';
  #sequence = 0;
  #records = 0;
  #bytes = 0;
  #crc = 0;

  private constructor(
    clusterId: bigint,
    applied: AppliedPoint,
    iterator: EngineIterator,
    ahead: readonly SnapshotRecord[],
  ) {
    const { index, term, conf, revision } = applied;
    this.meta = { index, term, conf };
    this.#iterator = iterator;
    this.#header = encodeSnapshotHeader({
      formatVersion: SNAPSHOT_FORMAT_VERSION,
      clusterId,
      meta: this.meta,
      revision,
    });
    this.#ahead = ahead;
  }

  /** `iterator`: over the whole state of one generation. It is taken over, also when this rejects. */
  static async open(clusterId: bigint, iterator: EngineIterator): Promise<EngineSnapshotReader> {
    try {
      const ahead = await readRecords(iterator);
      const first = ahead[0];
      if (first === undefined || !first.subkey.equals(appliedSubkey)) {
        throw new StorageCorruptionError('the applied point is missing');
      }
      const what = 'the applied point';
      const applied = decodeStored(decodeApplied, openRecord(first.subkey, first.record, what), what);
      return new EngineSnapshotReader(clusterId, applied, iterator, ahead);
    } catch (error: unknown) {
      await iterator.close();
      throw error;
    }
  }

  async nextChunk(): Promise<Buffer | undefined> {
    if (this.#stage === 'end') return undefined;
    if (this.#stage === 'header') {
      this.#stage = 'records';
      return frameChunk('header', this.#nextSequence(), this.#header);
    }
    const records = await this.#nextRecords();
    if (records.length > 0) {
      const payload = frameRecords(records);
      this.#records += records.length;
      this.#bytes += payload.length;
      this.#crc = crc32(payload, this.#crc);
      return frameChunk('records', this.#nextSequence(), payload);
    }
    this.#stage = 'end';
    const totals = { records: this.#records, bytes: this.#bytes, crc: this.#crc };
    return frameChunk('trailer', this.#nextSequence(), encodeSnapshotTrailer(totals));
  }

  close(): Promise<void> {
    this.#stage = 'end';
    return this.#iterator.close();
  }

  async #nextRecords(): Promise<readonly SnapshotRecord[]> {
    const records: SnapshotRecord[] = [];
    let bytes = 0;
    while (bytes < CHUNK_BYTES_TARGET) {
      if (this.#ahead.length === 0) this.#ahead = await readRecords(this.#iterator);
      if (this.#ahead.length === 0) break;
      const taken = takeUpTo(this.#ahead, CHUNK_BYTES_TARGET - bytes);
      this.#ahead = this.#ahead.slice(taken.length);
      for (const record of taken) {
        assertIntact(record);
        records.push(record);
        bytes += bytesOf(record);
      }
    }
    return records;
  }

  #nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence - 1;
  }
}

/** The first records up to the one that reaches `bytesTarget`. */
function takeUpTo(records: readonly SnapshotRecord[], bytesTarget: number): readonly SnapshotRecord[] {
  let bytes = 0;
  const end = records.findIndex((record) => {
    bytes += bytesOf(record);
    return bytes >= bytesTarget;
  });
  return end === -1 ? records : records.slice(0, end + 1);
}

function bytesOf({ subkey, record }: SnapshotRecord): number {
  return subkey.length + record.length;
}

async function readRecords(iterator: EngineIterator): Promise<readonly SnapshotRecord[]> {
  const pairs = await iterator.next(SLICE_ENTRIES);
  return pairs.map(([key, record]) => ({ subkey: stateSubkey(key), record }));
}

/** A damaged record must not travel: the receiver would install what this member could not even start with. */
function assertIntact({ subkey, record }: SnapshotRecord): void {
  if (isIntact(subkey, record)) return;
  throw new StorageCorruptionError(
    `the state record ${subkey.toString('hex')} is corrupt: its checksum does not match`,
  );
}
