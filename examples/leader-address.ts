/**
 * A service with one instance that answers. Whoever leads opens its door and proclaims its address; everybody else, here the
 * same program, follows the address from leader to leader.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, isQuorateError, type Term } from '@quorate/client';

const me = process.argv[2] ?? `instance ${process.pid}`;
const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());

const client = await connect(process.env['QUORATE_ENDPOINTS'] ?? '127.0.0.1:2379');

async function serve(term: Term): Promise<void> {
  const server = createServer((_, response) => response.end(`${me} answers in term ${term.token}\n`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Only now: before, nobody would be there.
  await term.proclaim(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const over = AbortSignal.any([term.signal, ending.signal]);
  if (!over.aborted) await once(over, 'abort');
  server.closeAllConnections();
  server.close();
}

const leading = client.election('app/leader').lead(serve, { ttl: 3_000, signal: ending.signal });
const ended = leading.catch((error: unknown) => {
  if (!isQuorateError(error, 'CANCELED')) throw error;
});
for await (const now of client.election('app/leader').observe({ signal: ending.signal })) {
  const address = now === null ? '' : Buffer.from(now.leader.value).toString();
  if (address !== '') console.log(`${me} sees ${address}, term ${now?.term}`);
}
await ended;
await client.close();
