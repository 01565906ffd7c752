/**
 * Receives a snapshot into a generation of its own, beside the live state, and verifies all of it: frames, order,
 * checksums, every record, and the totals that the sender counted. It never touches the live generation; the store
 * installs what is finished.
 */
import { crc32 } from 'node:zlib';
import type { SnapshotMeta } from '../raft/types.js';
import {
  decodeApplied,
  decodeMember,
  decodeNumber,
  decodeSnapshotHeader,
  decodeSnapshotTrailer,
  decodeStored,
  type SnapshotHeader,
} from './codec.js';
import type { Engine, EngineOp } from './engine.js';
import { appliedSubkey, compactedSubkey, stateKey, stateTable } from './keys.js';
import type { AppliedPoint, SnapshotWriter } from './member-store.js';
import { openRecord } from './record.js';
import { decodeGrantRecord, isGrantTable } from './grant-records.js';
import { decodeSessionRecord, isSessionTable } from './session-records.js';
import { openChunk, openRecords, SNAPSHOT_FORMAT_VERSION } from './snapshot-frame.js';
import type { Chunk, SnapshotRecord } from './snapshot-frame.js';
import { decodeLeaseRecord, decodeRevisionRecord } from './state-scan.js';
import { SnapshotError } from './storage-errors.js';

/** A snapshot that is whole, verified and durable, and waits to be installed. */
export interface StagedSnapshot {
  readonly generation: number;
  readonly applied: AppliedPoint;
}

export interface SnapshotWriterEvents {
  finished(staged: StagedSnapshot): void;
  /** The generation holds nothing that anybody needs. */
  dropped(generation: number): void;
}

type Stage = 'header' | 'records' | 'complete' | 'finished' | 'over';

export class EngineSnapshotWriter implements SnapshotWriter {
  readonly generation: number;
  readonly #engine: Engine;
  readonly #clusterId: bigint;
  readonly #events: SnapshotWriterEvents;
  #stage: Stage = 'header';
  #failure: Error | undefined;
  /** Calls run one after the other, whether the caller waits or not. */
  #work: Promise<unknown> = Promise.resolve();
  #header: SnapshotHeader | undefined;
  #applied: AppliedPoint | undefined;
  #lastSubkey: Buffer | undefined;
  #sequence = 0;
  #records = 0;
  #bytes = 0;
  #crc = 0;

  constructor(engine: Engine, clusterId: bigint, generation: number, events: SnapshotWriterEvents) {
    this.#engine = engine;
    this.#clusterId = clusterId;
    this.generation = generation;
    this.#events = events;
  }

  writeChunk(chunk: Buffer): Promise<void> {
    return this.#next(() => this.#writeChunk(chunk));
  }

  finish(): Promise<SnapshotMeta> {
    return this.#next(() => this.#finish());
  }

  /** Also after `finish`, as long as the snapshot is not installed. */
  abort(): Promise<void> {
    const aborted = this.#work.then(() => {
      if (this.#stage === 'over') return;
      this.#stage = 'over';
      this.#events.dropped(this.generation);
    });
    this.#work = aborted;
    return aborted;
  }

  /** The snapshot has become the state of the member: nothing is left to abort. */
  installed(): void {
    this.#stage = 'over';
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const work = this.#work.then(async () => {
      if (this.#stage === 'over') throw new SnapshotError('ABORTED', 'the snapshot was thrown away');
      // After a failed chunk the rest of the stream means nothing.
      if (this.#failure !== undefined) throw this.#failure;
      try {
        return await step();
      } catch (error: unknown) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        throw error;
      }
    });
    this.#work = work.catch(() => undefined);
    return work;
  }

  async #writeChunk(bytes: Buffer): Promise<void> {
    const chunk = openChunk(bytes);
    if (chunk.sequence !== this.#sequence) {
      throw new SnapshotError('OUT_OF_ORDER', `chunk ${chunk.sequence} came where ${this.#sequence} was due`);
    }
    this.#sequence += 1;
    if (this.#stage === 'header' && chunk.kind === 'header') return this.#takeHeader(chunk);
    if (this.#stage === 'records' && chunk.kind === 'records') return this.#takeRecords(chunk);
    if (this.#stage === 'records' && chunk.kind === 'trailer') return this.#takeTrailer(chunk);
    throw new SnapshotError('OUT_OF_ORDER', `chunk ${chunk.sequence} is a ${chunk.kind} chunk where none is due`);
  }

  #takeHeader({ payload }: Chunk): void {
    const header = decoded(decodeSnapshotHeader, payload, 'the header');
    if (header.formatVersion !== SNAPSHOT_FORMAT_VERSION) {
      const text = `the snapshot has format ${header.formatVersion}, this release reads ${SNAPSHOT_FORMAT_VERSION} only`;
      throw new SnapshotError('UNKNOWN_FORMAT', text);
    }
    if (header.clusterId !== this.#clusterId) {
      const text = `the snapshot is of cluster ${header.clusterId.toString(16)}, not ${this.#clusterId.toString(16)}`;
      throw new SnapshotError('WRONG_CLUSTER', text);
    }
    this.#header = header;
    this.#stage = 'records';
  }

  async #takeRecords({ payload }: Chunk): Promise<void> {
    const records = openRecords(payload);
    const ops = records.map(({ subkey, record }): EngineOp => {
      this.#checkRecord({ subkey, record });
      return { type: 'put', key: stateKey(this.generation, subkey), value: record };
    });
    await this.#engine.write(ops, { sync: false });
    this.#records += records.length;
    this.#bytes += payload.length;
    this.#crc = crc32(payload, this.#crc);
  }

  #checkRecord({ subkey, record }: SnapshotRecord): void {
    if (this.#lastSubkey === undefined ? !subkey.equals(appliedSubkey) : subkey.compare(this.#lastSubkey) <= 0) {
      throw new SnapshotError('OUT_OF_ORDER', `the record ${subkey.toString('hex')} is out of order`);
    }
    this.#lastSubkey = subkey;
    const applied = decodedRecord(subkey, record);
    if (applied !== undefined) this.#applied = this.#checkedApplied(applied);
  }

  #checkedApplied(applied: AppliedPoint): AppliedPoint {
    const { meta, revision } = this.#header ?? {};
    if (meta?.index !== applied.index || meta.term !== applied.term || revision !== applied.revision) {
      throw new SnapshotError('MALFORMED', `the header is not of the state's own point, index ${applied.index}`);
    }
    return applied;
  }

  #takeTrailer({ payload }: Chunk): void {
    const said = decoded(decodeSnapshotTrailer, payload, 'the trailer');
    const isWhole = said.records === this.#records && said.bytes === this.#bytes && said.crc === this.#crc;
    if (!isWhole) {
      const text = `the trailer says ${said.records} records in ${said.bytes} bytes, ${this.#records} in ${this.#bytes} came`;
      throw new SnapshotError('SIZE_MISMATCH', text);
    }
    this.#stage = 'complete';
  }

  async #finish(): Promise<SnapshotMeta> {
    if (this.#stage !== 'complete' || this.#applied === undefined) {
      throw new SnapshotError('INCOMPLETE', `the snapshot ended after ${this.#sequence} chunks, before its trailer`);
    }
    await this.#engine.write([], { sync: true });
    this.#stage = 'finished';
    this.#events.finished({ generation: this.generation, applied: this.#applied });
    const { index, term, conf } = this.#applied;
    return { index, term, conf };
  }
}

/** Checks the record as a later start would; answers the applied point when it is that. */
function decodedRecord(subkey: Buffer, record: Buffer): AppliedPoint | undefined {
  const what = `the record ${subkey.toString('hex')}`;
  try {
    if (subkey[0] === stateTable.revision) decodeRevisionRecord(subkey, record);
    else if (subkey[0] === stateTable.lease) decodeLeaseRecord(subkey, record);
    else if (isSessionTable(subkey[0])) decodeSessionRecord(subkey, record);
    else if (isGrantTable(subkey[0])) decodeGrantRecord(subkey, record);
    else if (subkey[0] === stateTable.member) decodeStored(decodeMember, openRecord(subkey, record, what), what);
    else if (subkey.equals(compactedSubkey)) decodeStored(decodeNumber, openRecord(subkey, record, what), what);
    else if (subkey.equals(appliedSubkey)) return decodeStored(decodeApplied, openRecord(subkey, record, what), what);
    else throw new RangeError(`${what} stands under a key that means nothing`);
    return undefined;
  } catch (error: unknown) {
    throw new SnapshotError('MALFORMED', `the snapshot holds what no member stores: ${String(error)}`, {
      cause: error,
    });
  }
}

function decoded<T>(decode: (payload: Buffer) => T, payload: Buffer, what: string): T {
  try {
    return decode(payload);
  } catch (error: unknown) {
    throw new SnapshotError('MALFORMED', `${what} of the snapshot cannot be read: ${String(error)}`, { cause: error });
  }
}
