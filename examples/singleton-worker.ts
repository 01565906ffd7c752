/**
 * Start it as often as you like: one of them works, the others stand by. When the one that works dies, another takes over
 * within the ttl and a little; when it is told to end (SIGTERM, Ctrl-C), at once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, isQuorateError, put } from '@quorate/client';

const me = process.argv[2] ?? `worker ${process.pid}`;
const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());

const client = await connect(process.env['QUORATE_ENDPOINTS'] ?? '127.0.0.1:2379');
try {
  await client.election('app/worker').lead(
    async (term) => {
      console.log(`${me} works, term ${term.token}`);
      const over = AbortSignal.any([term.signal, ending.signal]);
      while (!over.aborted) {
        const done = Number((await client.kv.get('app/done'))?.text() ?? 0);
        // Whoever was stopped for too long and wakes up writes nothing: FENCED.
        await client
          .txn()
          .require(term)
          .then(put('app/done', String(done + 1)))
          .commit();
        await delay(100, undefined, { signal: over }).catch(() => undefined);
      }
    },
    { ttl: 3_000, signal: ending.signal },
  );
} catch (error) {
  // Who stands by and is told to end has not led at all.
  if (!isQuorateError(error, 'CANCELED')) throw error;
}
await client.close();
console.log(`${me} has ended`);
