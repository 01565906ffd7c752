/**
 * Everything that one member says was ever written, read back from it alone: the current keys, and for every key that
 * was written more than once its whole past, version by version. Works while nothing is deleted or compacted.
 */
import type { FinalHistory } from '../checkers/final-history.js';
import type { KeyValue } from '../checkers/operation.js';
import type { MemberClient } from '../harness/cluster-client.js';

const pageSize = 2_000;
const lanes = 32;
const readTimeoutMs = 20_000;

/** `revision` must have been applied by the member. Nothing of the past is left out, and it is in order. */
export async function readTimeline(client: MemberClient, revision: number): Promise<FinalHistory> {
  const current = await readAll(client, revision);
  const past: KeyValue[] = [];
  const waiting = current.filter(({ version }) => version > 1);
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let kv = waiting.pop(); kv !== undefined; kv = waiting.pop()) past.push(...(await readPast(client, kv)));
    }),
  );
  past.sort((a, b) => a.modRevision - b.modRevision || (a.key < b.key ? -1 : 1));
  return { revision, current, past };
}

async function readAll(client: MemberClient, revision: number): Promise<readonly KeyValue[]> {
  const all: KeyValue[] = [];
  for (let key = '\0'; ; ) {
    const query = { key, rangeEnd: '\0', revision, limit: pageSize, serializable: true };
    const { kvs, more } = await client.range(query, readTimeoutMs);
    all.push(...kvs);
    const last = kvs.at(-1);
    if (!more || last === undefined) return all;
    key = `${last.key}\0`;
  }
}

async function readPast(client: MemberClient, current: KeyValue): Promise<readonly KeyValue[]> {
  const past: KeyValue[] = [];
  for (let kv = current; kv.version > 1; ) {
    const query = { key: kv.key, revision: kv.modRevision - 1, serializable: true };
    const [older] = (await client.range(query, readTimeoutMs)).kvs;
    if (older === undefined) throw new Error(`${kv.key}: nothing before version ${kv.version} at ${kv.modRevision}`);
    past.push(older);
    kv = older;
  }
  return past;
}
