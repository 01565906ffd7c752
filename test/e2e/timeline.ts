/**
 * Everything that one member says was ever written, read back from it alone: the current keys, and for every key that
 * was written more than once its whole past, version by version. Works while nothing is deleted or compacted.
 */
import type { MemberClient, StoredValue } from '../harness/cluster-client.js';

const pageSize = 2_000;
const lanes = 32;
const readTimeoutMs = 20_000;

/** One key written once. A transaction that writes two keys makes two of them at one revision. */
export interface Write {
  readonly revision: number;
  readonly key: string;
  readonly value: string;
  /** 1 for a key's first write. */
  readonly version: number;
}

/** In order of revision, then of key. `revision` must have been applied by the member. */
export async function readTimeline(client: MemberClient, revision: number): Promise<readonly Write[]> {
  const current = await readAll(client, revision);
  const writes = current.map(writeFrom);
  const waiting = current.filter(({ version }) => version > 1);
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let kv = waiting.pop(); kv !== undefined; kv = waiting.pop()) writes.push(...(await readPast(client, kv)));
    }),
  );
  return writes.sort((a, b) => a.revision - b.revision || (a.key < b.key ? -1 : 1));
}

async function readAll(client: MemberClient, revision: number): Promise<readonly StoredValue[]> {
  const all: StoredValue[] = [];
  for (let key = '\0'; ; ) {
    const query = { key, rangeEnd: '\0', revision, limit: pageSize, serializable: true };
    const { kvs, more } = await client.range(query, readTimeoutMs);
    all.push(...kvs);
    const last = kvs.at(-1);
    if (!more || last === undefined) return all;
    key = `${last.key}\0`;
  }
}

async function readPast(client: MemberClient, current: StoredValue): Promise<readonly Write[]> {
  const past: Write[] = [];
  for (let kv = current; kv.version > 1; ) {
    const query = { key: kv.key, revision: kv.modRevision - 1, serializable: true };
    const [older] = (await client.range(query, readTimeoutMs)).kvs;
    if (older === undefined) throw new Error(`${kv.key}: nothing before version ${kv.version} at ${kv.modRevision}`);
    past.push(writeFrom(older));
    kv = older;
  }
  return past;
}

function writeFrom({ key, value, modRevision, version }: StoredValue): Write {
  return { revision: modRevision, key, value, version };
}
