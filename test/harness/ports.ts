/**
 * Loopback ports for the processes that tests start. Picks at random above 20000 and below the range that the kernel
 * hands out for outgoing connections, so that two suites running side by side rarely meet.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const portMin = 20_001;
const portMax = 32_767;
const attemptsMax = 100;
const handedOut = new Set<number>();

/** A port that nobody listens on now, and that this process has not been given before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = randomInt(portMin, portMax + 1);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error(`no free port found in ${attemptsMax} attempts`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
