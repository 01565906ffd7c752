/**
 * A process that holds leases through the client as it was built, and is hurt by its parent: its loop is blocked here, it
 * is stopped and cut off from outside. It notes when it was let rely on each lease, and judges nothing.
 */
import { channel } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { connect, type Lease } from '@quorate/client';
import { monotonicMs } from '../../harness/monotonic.js';
import { BelievedLease, type BelieverName, believerNames } from './believers.js';
import type { Asks, FromHolder, HolderOrder, LeaseTold, RoundTold, ToHolder } from './messages.js';

/** Leases of a round are granted one after the other, so that each is hurt at another moment of its life. */
const GRANT_PAUSE_MS = 60;
const TURN_MS = 10;
const ASK_MS = 2;
/** Attempts without a pause at the end of a block, before the loop can have run. */
const AT_ONCE = 50;

const cell = new Int32Array(new SharedArrayBuffer(4));
/** Blocks the loop, and leaves the processor to others. */
const block = (ms: number): void => void Atomics.wait(cell, 0, 0, ms);

class HeldLease {
  readonly believed: BelievedLease;
  readonly #askedAt: number;
  readonly #passes = Object.fromEntries(believerNames.map((name) => [name, [] as number[]])) as Record<
    BelieverName,
    number[]
  >;
  #signalledAt: number | undefined;

  constructor(lease: Lease, askedAt: number) {
    this.believed = new BelievedLease(lease);
    this.#askedAt = askedAt;
    lease.signal.addEventListener('abort', () => {
      this.#signalledAt = monotonicMs();
    });
  }

  /** The client comes last: what it finds out, it tells. */
  ask(): void {
    for (const name of believerNames.toReversed()) {
      const began = monotonicMs();
      if (this.believed.believes(name, began)) this.#passes[name].push(began);
    }
  }

  tell(): LeaseTold {
    const { id, ttlMs } = this.believed.lease;
    const passes = Object.fromEntries(believerNames.map((name) => [name, Float64Array.from(this.#passes[name])]));
    return {
      id,
      ttlMs,
      askedAt: this.#askedAt,
      passes: passes as LeaseTold['passes'],
      signalledAt: this.#signalledAt,
    };
  }
}

const order = JSON.parse(process.argv[2] ?? '') as HolderOrder;
const tell = (message: FromHolder): void => void process.send?.(message);
/** Read only when this process fails. */
const log = (message: string, ...more: readonly unknown[]): void => {
  console.error(Math.round(monotonicMs()), message, inspect(more));
};
const logger = { debug: log, info: log, warn: log, error: log };
/** Nothing here is about calls: on a machine that others use, they may take their time. */
const client = await connect(order.endpoints, {
  leaseRenewer: order.renewer,
  connectTimeout: 60_000,
  timeout: 120_000,
  logger,
});

let held: HeldLease[] = [];
let asks: Asks = 'always';
let turns: number[] = [];
setInterval(() => {
  turns.push(monotonicMs());
  if (asks !== 'afterwards') askAll();
}, TURN_MS).unref();

channel('quorate:lease').subscribe((event) => {
  const { kind, lease } = event as { readonly kind: string; readonly lease: string };
  if (kind === 'leaseRenewed') held.find(({ believed }) => believed.lease.id === lease)?.believed.renewed();
});

function askAll(): void {
  for (const lease of held) lease.ask();
}

async function grant(count: number, ttl: number): Promise<void> {
  turns = [];
  held = [];
  for (let left = count; left > 0; left -= 1) {
    const askedAt = monotonicMs();
    const lease = await client.lease.grant({ ttl });
    held.push(new HeldLease(lease, askedAt));
    await client.kv.put(`held/${lease.id}`, '', { lease });
    await delay(GRANT_PAUSE_MS);
  }
}

async function round(blockMs: number, roundMs: number): Promise<RoundTold> {
  const end = monotonicMs() + roundMs;
  if (blockMs > 0) {
    const unblockedAt = monotonicMs() + blockMs;
    while (monotonicMs() < unblockedAt) {
      if (asks === 'always') {
        block(ASK_MS);
        askAll();
      } else block(unblockedAt - monotonicMs());
    }
    if (asks !== 'afterwards') for (let left = AT_ONCE; left > 0; left -= 1) askAll();
  }
  while (monotonicMs() < end) await delay(TURN_MS);
  askAll();
  return { leases: held.map((lease) => lease.tell()), turns: Float64Array.from(turns) };
}

process.on('message', (message: ToHolder) => {
  void (async () => {
    switch (message.kind) {
      case 'grant':
        asks = message.asks;
        await grant(message.leases, message.ttlMs);
        return tell({ kind: 'granted' });
      case 'go':
        return tell({ kind: 'told', told: await round(message.blockMs, message.roundMs) });
      case 'release':
        await Promise.all(held.map(({ believed }) => believed.lease.revoke()));
        held = [];
        return tell({ kind: 'released' });
      case 'end':
        await client.close();
        process.disconnect();
    }
  })();
});
tell({ kind: 'ready' });
