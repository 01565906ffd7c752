/**
 * Reads the log of one generation at a start and checks all of it. The engines skip a damaged block of their own log
 * and keep what stands behind it, so a hole is possible; it is never taken for the end of the log, because cutting
 * there would forget entries that a quorum counts on.
 */
import type { Entry, LogIndex, SnapshotMeta } from '../raft/types.js';
import { decodeStored } from './codec.js';
import type { Engine } from './engine.js';
import { decodeEntry } from './entry-codec.js';
import { logIndexOf, logRange } from './keys.js';
import { openRecord } from './record.js';
import { StorageCorruptionError } from './storage-errors.js';

const SLICE_ENTRIES = 1000;

/** The entries after `logStart`. Throws StorageCorruptionError with the index of the first one missing or damaged. */
export async function scanLog(engine: Engine, generation: number, logStart: SnapshotMeta): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let previous: { readonly index: LogIndex; readonly term: number } = logStart;
  const iterator = engine.iterate(logRange(generation, logStart.index + 1));
  try {
    for (;;) {
      const pairs = await iterator.next(SLICE_ENTRIES);
      if (pairs.length === 0) return entries;
      for (const [key, record] of pairs) {
        const entry = openEntry(key, record, previous.index + 1);
        if (entry.term < previous.term) {
          const text = `log entry ${entry.index} has term ${entry.term}, the one before it has term ${previous.term}`;
          throw new StorageCorruptionError(text, entry.index);
        }
        entries.push(entry);
        previous = entry;
      }
    }
  } finally {
    await iterator.close();
  }
}

function openEntry(key: Buffer, record: Buffer, expected: LogIndex): Entry {
  const index = logIndexOf(key);
  if (index !== expected) {
    throw new StorageCorruptionError(`log entry ${expected} is missing: the next one stored is ${index}`, expected);
  }
  const what = `log entry ${index}`;
  const entry = decodeStored(decodeEntry, openRecord(key, record, what, index), what, index);
  if (entry.index !== index) {
    throw new StorageCorruptionError(`${what} is corrupt: it says it is entry ${entry.index}`, index);
  }
  return entry;
}
