/** How much is looked at when one entry of the log frees many names at once: counted, not timed. */
import { afterAll, expect, it } from 'vitest';
import type { GrantEntry, GrantWish } from '../../../server/state/grant/grant-entry.js';
import { ENTRIES_PER_LEASE_MAX, NAMES_PER_ENTRY_MAX } from '../../../server/state/grant/grant-limits.js';
import { GrantQueue } from '../../../server/state/grant/grant-queue.js';
import { GrantTable } from '../../../server/state/grant/grant-table.js';
import { acquire } from '../grant-wishes.js';

const HOLDER = 1n;
const WAITER = 2n;

/** How often a name was looked at. Spies would remember each call. */
let looks = 0;
const { first, hasRoom } = Object.getOwnPropertyDescriptors(GrantQueue.prototype);
Object.defineProperties(GrantQueue.prototype, {
  first: {
    configurable: true,
    get(this: GrantQueue): unknown {
      looks += 1;
      return first.get?.call(this);
    },
  },
  hasRoom: {
    configurable: true,
    value(this: GrantQueue, entry: GrantEntry): unknown {
      looks += 1;
      return hasRoom.value?.call(this, entry);
    },
  },
});

afterAll(() => {
  Object.defineProperties(GrantQueue.prototype, { first, hasRoom });
});

function tableOf(wishes: readonly GrantWish[]): GrantTable {
  const table = new GrantTable();
  for (const one of wishes) table.acquire(one, true, 0);
  return table;
}

/** Ends the holder's lease: how often a name was looked at until all who waited hold. */
function stepsOf(table: GrantTable, waiting: readonly GrantWish[]): number {
  looks = 0;
  table.endLeases([HOLDER], 'leaseRevoked', 1);
  const steps = looks;
  const tokens = waiting.map(({ attempt }) => table.find(attempt)?.token ?? 0);
  // First come, first served.
  expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
  expect(tokens[0]).toBeGreaterThan(0);
  return steps;
}

it('as many names as a lease can have are granted on in a few looks for each', () => {
  const held = Array.from({ length: ENTRIES_PER_LEASE_MAX }, (_, at) =>
    acquire(`a${at}`, HOLDER, { names: [`n${at}`] }),
  );
  const waiting = held.map(({ names }, at) => acquire(`b${at}`, WAITER, { names }));
  const steps = stepsOf(tableOf([...held, ...waiting]), waiting);
  expect(steps).toBeLessThan(8 * ENTRIES_PER_LEASE_MAX);
});

it('several names at once cost each entry its names, and no more', () => {
  const namesOf = (at: number): string[] =>
    Array.from({ length: NAMES_PER_ENTRY_MAX }, (_, place) => `n${at}-${String(place).padStart(2, '0')}`);
  const count = 100;
  const held = Array.from({ length: count }, (_, at) => acquire(`a${at}`, HOLDER, { names: namesOf(at) }));
  const waiting = held.map(({ names }, at) => acquire(`b${at}`, WAITER, { names }));
  const steps = stepsOf(tableOf([...held, ...waiting]), waiting);
  // Under each of its names it is looked at with all of them.
  expect(steps).toBeLessThan(2 * count * NAMES_PER_ENTRY_MAX ** 2);
});
