/**
 * One process of the run: takes the lock, reads the register, waits a moment, writes one more, gives the lock back, and
 * so on until its parent says that it is enough. Each cycle is reported.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../../../server/lib/random.js';
import type { Cycle } from './cycle.js';
import { type ExclusiveLock, type Held, type LockKind, NoLock } from './locks.js';
import { OutsideRegister } from './register.js';

export interface WorkerOrder {
  readonly worker: number;
  readonly kind: LockKind;
  readonly endpoints: readonly string[];
  readonly registerFile: string;
  readonly seed: number;
}

const ttlSeconds = 30;
/** A lease that is used to its end, nearly, and then left alone: now and then, and not by all workers at once. */
const isAbandoned = (worker: number, count: number): boolean => count % 100 === 10 + 5 * worker;
const abandonedTtlSeconds = 3;
const abandonedMarginMs = 1_000;
const workMsMax = 12;
const restMsMax = 10;

async function lockOf({ kind, endpoints, seed, worker }: WorkerOrder): Promise<ExclusiveLock> {
  const random = seededRandom(seed + worker);
  if (kind === 'none') return new NoLock();
  if (kind === 'npm') return new (await import('./npm-lock.js')).NpmLock(endpoints, random);
  return new (await import('./service-lock.js')).ServiceLock(endpoints, random);
}

const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);

async function run(order: WorkerOrder, isEnough: () => boolean): Promise<void> {
  const random = seededRandom(order.seed - order.worker);
  const register = new OutsideRegister(order.registerFile);
  const lock = await lockOf(order);
  process.send?.('ready');
  for (let count = 1; !isEnough(); count += 1) {
    const isToBeAbandoned = order.kind === 'service' && isAbandoned(order.worker, count);
    const held = await lock.acquire({ ttlSeconds: isToBeAbandoned ? abandonedTtlSeconds : ttlSeconds });
    const abandon = isToBeAbandoned ? held.abandon : undefined;
    const workMs = abandon === undefined ? 1 + random.below(workMsMax) : leftMs(held) - abandonedMarginMs;
    const fromUs = nowUs();
    // A lease that is nearly over when the turn comes is of no use.
    if (workMs > 0) {
      const read = register.read();
      await delay(workMs);
      if (leftMs(held) > 0) {
        register.write(read + 1);
        const cycle: Cycle = {
          worker: order.worker,
          fromUs,
          toUs: nowUs(),
          read,
          token: held.token,
          isOverdue: leftMs(held) <= 0,
        };
        process.send?.(cycle);
      }
    }
    if (abandon === undefined) await held.release();
    else abandon();
    await delay(random.below(restMsMax));
  }
  lock.close();
}

function leftMs({ endsAtMs }: Held): number {
  return endsAtMs - performance.now();
}

let isEnough = false;
process.on('message', () => {
  isEnough = true;
});
// Nobody is there to stop it any more.
process.on('disconnect', () => process.exit());
const order: WorkerOrder = JSON.parse(process.argv[2] ?? '');
await run(order, () => isEnough);
process.disconnect();
