/**
 * Two holders of one lock, each of whom may believe that it still holds when it does not: increments of a register outside,
 * as read, think, write. What is acknowledged must be in the register at the end. Tokens are handed out here as the
 * service does, rising; `assertHeld` lets everything pass, because a pause may come right after it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { isQuorateError } from '../../../client/index.js';
import type { FencingGrant } from '../../../client/fence/index.js';
import { mulberry } from '../mulberry.js';

/** The full size is 500. */
const seeds = Number(process.env['QUORATE_FENCE_SEEDS'] ?? 30);
const holders = 2;

export interface Register {
  /** Raises the mark, then reads. */
  claimAndRead(token: number): Promise<number>;
  /** As one reads who thinks that a token checked with every write is enough. */
  readUnclaimed(): Promise<number>;
  /** Checks the token and writes, in one step. */
  write(token: number, value: number): Promise<void>;
}

/** A register whose resource lets several steps be one. */
export interface TransactionalRegister extends Register {
  /** Claims, reads, thinks and writes in one transaction. */
  increment(token: number, think: () => Promise<void>): Promise<void>;
}

export interface Tally {
  readonly acknowledged: number;
  readonly fenced: number;
  /** Acknowledged, and not in the register. */
  readonly lost: number;
}

export const unheld = (token: number): FencingGrant => ({ token, assertHeld: () => undefined });

/**
 * Asserts what must hold under every schedule, and that it does not hold without the claim. `open` gives a register of zero;
 * one that is `slow` gets a third of the schedules.
 */
export function losesNothing(open: () => Promise<Register>, speed: 'fast' | 'slow' = 'fast'): void {
  const schedules = speed === 'fast' ? seeds : Math.ceil(seeds / 3);

  it(`loses no update of two holders who claim, then read, over ${schedules} schedules`, async () => {
    let fenced = 0;
    for (let seed = 1; seed <= schedules; seed += 1) {
      const tally = await anySchedule(await open(), seed, true);
      expect(tally.lost, `lost updates, seed ${seed}`).toBe(0);
      fenced += tally.fenced;
    }
    // Or nobody was ever late.
    expect(fenced).toBeGreaterThan(schedules);
  });

  it('loses updates of those who read before they claim, by the same schedules', async () => {
    let lost = 0;
    for (let seed = 1; seed <= schedules; seed += 1) lost += (await anySchedule(await open(), seed, false)).lost;
    console.info(`without the claim before the read: ${lost} updates lost over ${schedules} schedules`);
    expect(lost).toBeGreaterThan(schedules / 20);
  });
}

/** The same where holders really run at once, and whoever claims keeps the other waiting until it has committed. */
export function losesNothingAtOnce(open: () => Promise<TransactionalRegister>): void {
  const rounds = Math.ceil(seeds / 10);

  it(`loses no update within transactions, over ${rounds} rounds`, async () => {
    for (let seed = 1; seed <= rounds; seed += 1) {
      const tally = await atOnce(await open(), seed, true);
      expect(tally.lost, `lost updates, seed ${seed}`).toBe(0);
      expect(tally.acknowledged).toBeGreaterThan(0);
    }
  });

  it('loses updates when the read comes before the transaction', async () => {
    let lost = 0;
    for (let seed = 1; seed <= rounds; seed += 1) lost += (await atOnce(await open(), seed, false)).lost;
    expect(lost).toBeGreaterThan(0);
  });
}

/** What a holder still has to do under one token; `value` is there between its read and its write. */
interface Work {
  readonly token: number;
  left: number;
  value: number | undefined;
}

/**
 * One step at a time, in an order that the seed decides: a grant to whoever, or a step of one of the works under way,
 * however old. So a write can arrive after any number of later grants, and before or after writes that were sent later.
 */
async function anySchedule(register: Register, seed: number, claimsFirst: boolean): Promise<Tally> {
  const random = mulberry(seed);
  const underWay: Work[] = [];
  let newest = 0;
  let acknowledged = 0;
  let fenced = 0;
  const step = async (work: Work): Promise<void> => {
    try {
      if (work.value === undefined) {
        work.value = await (claimsFirst ? register.claimAndRead(work.token) : register.readUnclaimed());
        return;
      }
      await register.write(work.token, work.value + 1);
      acknowledged += 1;
      work.value = undefined;
      work.left -= 1;
    } catch (error) {
      if (!isQuorateError(error, 'FENCED') || error.outcome !== 'notApplied') throw error;
      if (work.token === newest) throw new Error('the newest token was refused', { cause: error });
      fenced += 1;
      work.left = 0;
    }
  };
  for (let turn = 0; turn < 30 || underWay.length > 0; turn += 1) {
    const place = random(underWay.length + 1);
    const work = underWay[place];
    if (work === undefined) {
      if (turn < 30 && underWay.length < 2 * holders) {
        newest += 1 + random(3);
        underWay.push({ token: newest, left: 1 + random(3), value: undefined });
      }
      continue;
    }
    await step(work);
    if (work.left === 0) underWay.splice(place, 1);
  }
  return { acknowledged, fenced, lost: acknowledged - (await register.readUnclaimed()) };
}

async function atOnce(register: TransactionalRegister, seed: number, claimsFirst: boolean): Promise<Tally> {
  const random = mulberry(seed);
  const pause = (): Promise<void> => delay(random(6));
  let newest = 0;
  let acknowledged = 0;
  let fenced = 0;
  const holder = async (): Promise<void> => {
    for (let turn = 0; turn < 8; turn += 1) {
      newest += 1;
      const token = newest;
      await pause();
      try {
        if (claimsFirst) await register.increment(token, pause);
        else {
          const value = await register.readUnclaimed();
          await pause();
          await register.write(token, value + 1);
        }
        acknowledged += 1;
      } catch (error) {
        if (!isQuorateError(error, 'FENCED') && !isConflict(error)) throw error;
        fenced += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: holders }, holder));
  return { acknowledged, fenced, lost: acknowledged - (await register.readUnclaimed()) };
}

/** A database may choose one of two that wait for each other and roll it back: it says so, and nothing happened. */
function isConflict(error: unknown): boolean {
  if (isQuorateError(error, 'ROLLED_BACK')) return true;
  if (!(error instanceof Error)) return false;
  const { code, sqlState } = error as { readonly code?: unknown; readonly sqlState?: unknown };
  return code === '40001' || code === '40P01' || sqlState === '40001';
}
