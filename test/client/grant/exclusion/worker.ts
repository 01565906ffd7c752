/**
 * A process that takes the lock, reads three counters, waits a little, and writes to each what it has read and one more: to
 * the first whatever happens, to the second with its token, to the third, a key, under the condition that the lock is its.
 * It never looks at the clock: what keeps order is nothing but the checks at the counters.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, connect, type Grant, isQuorateError, put } from '@quorate/client';
import { fencingHeader } from '@quorate/client/fence';
import type { FromWorker, Register, WorkerOrder } from './messages.js';
import { FENCED_NAME } from './registers.js';

const LOCK = 'counters';
const GUARDED_KEY = 'counter';
const TTL_MS = 2_000;
const PATIENCE_MS = 30_000;
const RETRY_MS = 100;

const tell = (message: FromWorker): void => void process.send?.(message);
const order = JSON.parse(process.argv[2] ?? '{}') as WorkerOrder;
const client = await connect(order.endpoints.join(), { name: order.name, connectTimeout: PATIENCE_MS });
for (;;) {
  try {
    const lock = await client.mutex(LOCK).acquire({ ttl: TTL_MS, timeout: PATIENCE_MS });
    try {
      await cycle(client, lock);
    } finally {
      await lock.release().catch(() => undefined);
    }
  } catch (error) {
    // Leaders die, leases are lost, and connections break: that is what this is about.
    if (!isQuorateError(error)) throw error;
    tell({ kind: 'failed', code: error.code });
    await delay(RETRY_MS);
  }
}

async function cycle(at: Client, lock: Grant): Promise<void> {
  const claim = { name: FENCED_NAME, grant: { token: lock.token, assertHeld: (): void => undefined } };
  const headers = { ...fencingHeader(claim) };
  const plain = await read('plain', {});
  const fenced = await read('fenced', headers);
  const guarded = Number((await at.kv.get(GUARDED_KEY))?.text() ?? 0);
  tell({ kind: 'holding', token: lock.token });
  await delay(order.holdMs);
  await attempt('plain', () => write('plain', plain ?? 0, {}));
  // Who was refused already when it read has nothing to write.
  if (fenced === undefined) tell({ kind: 'refused', register: 'fenced' });
  else await attempt('fenced', () => write('fenced', fenced, headers));
  await attempt('guarded', () => writeGuarded(at, lock, guarded));
  tell({ kind: 'cycle' });
}

/** What is told before and after lets the parent count: whatever was told to be written has to be there. */
async function attempt(register: Register, send: () => Promise<boolean>): Promise<void> {
  tell({ kind: 'writing', register });
  tell({ kind: (await send()) ? 'wrote' : 'refused', register });
}

/** False: the lock is not its any more. The client says so when it has found out; the cluster does in any case. */
async function writeGuarded(at: Client, lock: Grant, read: number): Promise<boolean> {
  try {
    await at
      .txn()
      .require(lock)
      .then(put(GUARDED_KEY, String(read + 1)))
      .commit();
    return true;
  } catch (error) {
    if (!isQuorateError(error, 'FENCED') && !isQuorateError(error, 'GRANT_LOST')) throw error;
    return false;
  }
}

/** Undefined: the token is too old. */
async function read(counter: string, headers: Record<string, string>): Promise<number | undefined> {
  const response = await fetch(`${order.url}/${counter}`, { headers });
  const text = await response.text();
  return response.status === 409 ? undefined : Number(text);
}

/** False: the token is too old. */
async function write(counter: string, read: number, headers: Record<string, string>): Promise<boolean> {
  const response = await fetch(`${order.url}/${counter}`, { method: 'PUT', headers, body: String(read) });
  await response.text();
  return response.status !== 409;
}
