/**
 * Grants against grant-model.ts, through commands of the state machine: all modes, several names at once, priorities,
 * retries, hand-overs, operators, leases that end in all ways, lock-delays, and a restart from the records at any
 * point. QUORATE_SEED repeats a run, QUORATE_PROPERTY_RUNS sets how many.
 */
import { deepStrictEqual, ok } from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../../server/lib/random.js';
import type { Command } from '../../../server/state/command.js';
import type { GrantEntry, GrantWish } from '../../../server/state/grant/grant-entry.js';
import { GrantTable } from '../../../server/state/grant/grant-table.js';
import type { Applied, StateWrite } from '../../../server/state/result.js';
import { StateMachine } from '../../../server/state/state-machine.js';
import { clusterTime, expire, grant, revoke } from '../commands.js';
import { GrantModel, plain } from '../../checkers/grant-model.js';

const RUNS = Number(process.env['QUORATE_PROPERTY_RUNS'] ?? 100);
const FIRST_SEED = Number(process.env['QUORATE_SEED'] ?? Date.now() % 1_000_000_000);
const STEPS = 120;
const TERM = 3;
const LEASES = 5;
/** `m`: mutexes, `r`: read-write locks, `s`: a semaphore of three. */
const NAMES = ['m0', 'm1', 'm2', 'r0', 's0'] as const;
const PERMITS = 3;

/** Each of them in every run of the test. */
const WHAT_HAPPENS = [
  'GRANT_OWNED',
  'forced',
  'forced by an old token',
  'granted at once',
  'handed over',
  'lease expired',
  'lease revoked',
  'no hand-over',
  'not elected',
  'nothing to release',
  'proclaimed',
  'released',
  'retry',
  'taken',
  'time',
  'waits',
];

class Run {
  readonly machine = StateMachine.create({ members: [] });
  readonly model = new GrantModel();
  readonly counts = new Map<string, number>();
  readonly #random: Random;
  readonly #records = new Map<number, GrantEntry>();
  #clock: Extract<StateWrite, { kind: 'grantClock' }>['clock'] | undefined;
  #attempts = 0;
  #lastToken = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    for (let id = 1; id <= LEASES; id += 1) this.machine.apply(grant(BigInt(id), 60_000));
  }

  step(): void {
    const roll = this.#random.below(100);
    if (roll < 45) this.#acquire();
    else if (roll < 52) this.#retry();
    else if (roll < 75) this.#release();
    else if (roll < 80) this.#force();
    else if (roll < 85) this.#proclaim();
    else if (roll < 93) this.#endLease();
    else this.#pass();
    this.#compare();
  }

  #acquire(): void {
    const wish = this.#wish();
    const mayWait = this.#random.below(4) > 0;
    const { outcome } = this.#apply({ kind: 'grantAcquire', ...wish, mayWait });
    if (!outcome.ok) {
      this.#count(outcome.code);
      deepStrictEqual(outcome.code, this.#mustBeRefused(wish));
      return;
    }
    deepStrictEqual(this.#mustBeRefused(wish), undefined);
    const told = this.model.acquire(wish, mayWait);
    this.#count(told === 'taken' ? 'taken' : told.token > 0 ? 'granted at once' : 'waits');
    const { place, token, slots } = told === 'taken' ? { place: 0, token: 0, slots: [] } : told;
    const change = this.machine.grants.clock.changes;
    deepStrictEqual(outcome.result, { kind: 'grantAcquire', place, token, slots, change });
  }

  /** The same attempt once more finds itself, and changes nothing. */
  #retry(): void {
    const entry = this.#pick(this.model.entries.filter(({ barsUntilMs }) => barsUntilMs === 0));
    if (entry === undefined) return;
    this.#count('retry');
    const applied = this.#apply({ kind: 'grantAcquire', ...entry.wish, mayWait: true });
    const { place, token, slots } = entry;
    const change = this.machine.grants.clock.changes;
    deepStrictEqual(applied.outcome, { ok: true, result: { kind: 'grantAcquire', place, token, slots, change } });
    deepStrictEqual([applied.grantNames, applied.writes], [undefined, []]);
  }

  #release(): void {
    const { entries } = this.model;
    const attempt = this.#random.below(10) === 0 ? 'nobody' : (this.#pick(entries)?.wish.attempt ?? 'nobody');
    const to = this.#random.below(4) === 0 ? (this.#pick(entries)?.wish.attempt ?? '') : '';
    const from = this.model.living(attempt);
    const next = this.model.living(to);
    const mayFollow =
      to === '' || from === undefined || (from.token > 0 && next?.token === 0 && sameNames(from.wish, next.wish));
    const { outcome } = this.#apply({ kind: 'grantRelease', attempt, to });
    if (!mayFollow) {
      this.#count('no hand-over');
      ok(!outcome.ok && outcome.code === 'GRANT_NOT_FOUND');
      return;
    }
    const released = this.model.release(attempt, to);
    this.#count(released ? (to === '' ? 'released' : 'handed over') : 'nothing to release');
    deepStrictEqual(outcome, { ok: true, result: { kind: 'grantRelease', released } });
  }

  #force(): void {
    const held = this.model.entries.filter(({ token, barsUntilMs }) => token > 0 && barsUntilMs === 0);
    const entry = this.#pick(held);
    if (entry === undefined) return;
    const [name = ''] = entry.wish.names;
    const isStale = this.#random.below(4) === 0;
    const { outcome } = this.#apply({ kind: 'grantForce', name, token: isStale ? entry.token + 1000 : entry.token });
    this.#count(isStale ? 'forced by an old token' : 'forced');
    deepStrictEqual(outcome.ok, !isStale);
    if (!isStale) this.model.force(entry.token);
  }

  #proclaim(): void {
    const entry = this.#pick(this.model.entries.filter(({ barsUntilMs }) => barsUntilMs === 0));
    if (entry === undefined) return;
    const value = `v${this.#random.below(1000)}`;
    const { attempt } = entry.wish;
    const { outcome } = this.#apply({ kind: 'grantProclaim', attempt, token: entry.token, value });
    this.#count(outcome.ok ? 'proclaimed' : 'not elected');
    deepStrictEqual(outcome.ok, entry.token > 0);
    if (outcome.ok) entry.value = value;
  }

  #endLease(): void {
    const id = BigInt(1 + this.#random.below(LEASES));
    const isLoss = this.#random.below(2) === 0;
    this.#count(isLoss ? 'lease expired' : 'lease revoked');
    this.#apply(isLoss ? expire(TERM, id) : revoke(id));
    this.model.endLeases([id], isLoss);
    this.#apply(grant(id, 60_000));
  }

  #pass(): void {
    const ms = this.machine.sessions.timeMs + 1 + this.#random.below(3000);
    this.#count('time');
    this.#apply(clusterTime(TERM, ms));
    this.model.advance(ms);
  }

  #apply(command: Command): Applied {
    const applied = this.machine.apply(command, TERM);
    for (const write of applied.writes) {
      if (write.kind === 'putGrant') this.#records.set(write.entry.place, write.entry);
      else if (write.kind === 'deleteGrant') this.#records.delete(write.place);
      else if (write.kind === 'grantClock') this.#clock = write.clock;
    }
    return applied;
  }

  #compare(): void {
    const table = this.machine.grants;
    const restored = this.#restored();
    for (const one of [table, restored]) {
      for (const name of NAMES) {
        const queue = one.queue(name);
        const entries = [...(queue?.granted ?? []), ...(queue?.waiting ?? [])];
        const expected = this.model.of(name);
        deepStrictEqual(byPlace(entries.map(plain)), byPlace(expected.map(plain)), name);
      }
      deepStrictEqual([one.clock.lastPlace, one.clock.lastToken], [this.model.lastPlace, this.model.lastToken]);
      deepStrictEqual(one.size, this.model.entries.length);
    }
    this.#checkInvariants();
  }

  /** What every lock promises, said without the model. */
  #checkInvariants(): void {
    const { grants, leases } = this.machine;
    ok(grants.clock.lastToken >= this.#lastToken, 'tokens rise');
    this.#lastToken = grants.clock.lastToken;
    for (const name of NAMES) {
      const granted = [...(grants.queue(name)?.granted ?? [])];
      const held = granted.filter(({ barsUntilMs }) => barsUntilMs === 0);
      for (const { lease, token } of held) {
        ok(leases.get(lease) !== undefined, 'no grant on a dead lease');
        ok(grants.isCurrent(name, token));
      }
      if (granted.some(({ mode }) => mode === 'exclusive')) deepStrictEqual(granted.length, 1);
      const slots = granted.flatMap((entry) => entry.slots);
      deepStrictEqual(new Set(slots).size, slots.length, 'no slot twice');
      if (name.startsWith('s')) ok(slots.length <= PERMITS && slots.every((slot) => slot < PERMITS));
    }
  }

  #restored(): GrantTable {
    const table = new GrantTable();
    if (this.#clock !== undefined) table.restore({ kind: 'grantClock', clock: this.#clock });
    for (const entry of this.#records.values()) table.restore({ kind: 'putGrant', entry });
    return table;
  }

  #wish(): GrantWish {
    this.#attempts += 1;
    const random = this.#random;
    const first = this.#pick(NAMES) ?? 'm0';
    const isShared = first.startsWith('s') || (first.startsWith('r') && random.below(3) > 0);
    const names =
      isShared || random.below(4) > 0 ? [first] : NAMES.filter((name) => name[0] !== 's' && random.below(2) > 0);
    return {
      attempt: `a${this.#attempts}`,
      names: names.length === 0 ? [first] : names,
      owner: random.below(3) === 0 ? `o${random.below(3)}` : '',
      lease: BigInt(1 + random.below(LEASES)),
      mode: isShared ? 'shared' : 'exclusive',
      weight: first.startsWith('s') ? 1 + random.below(PERMITS) : 1,
      capacity: first.startsWith('s') ? PERMITS : 0,
      priority: random.below(3) === 0 ? random.below(3) - 1 : 0,
      lockDelayMs: random.below(4) === 0 ? random.below(3000) : 0,
      metadata: '',
      value: 'v',
    };
  }

  #mustBeRefused({ names, owner, mode }: GrantWish): string | undefined {
    const own = this.model.entries.filter(
      ({ wish, barsUntilMs }) =>
        wish.owner === owner && barsUntilMs === 0 && wish.names.some((name) => names.includes(name)),
    );
    const isInItsWay = owner !== '' && own.some(({ wish }) => mode === 'exclusive' || wish.mode === 'exclusive');
    return isInItsWay ? 'GRANT_OWNED' : undefined;
  }

  #pick<T>(all: readonly T[]): T | undefined {
    return all.length === 0 ? undefined : all[this.#random.below(all.length)];
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

function sameNames(a: GrantWish, b: GrantWish): boolean {
  return a.names.join() === b.names.join();
}

function byPlace(entries: readonly object[]): readonly object[] {
  const placeOf = (entry: object): number => ('place' in entry ? Number(entry.place) : 0);
  return entries.toSorted((a, b) => placeOf(a) - placeOf(b));
}

describe('grants', () => {
  it(`do what the model does, and come back from their records (${RUNS} runs from seed ${FIRST_SEED})`, {
    timeout: 0,
  }, () => {
    const counts = new Map<string, number>();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const run = new Run(seed);
      try {
        for (let step = 0; step < STEPS; step += 1) run.step();
      } catch (error) {
        throw new Error(`QUORATE_SEED=${seed} QUORATE_PROPERTY_RUNS=1 repeats this`, { cause: error });
      }
      for (const [what, count] of run.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    }
    const rare = [...counts].filter(([, count]) => count < RUNS / 20).map(([what]) => what);
    expect(rare).toEqual([]);
    expect([...counts.keys()].sort()).toEqual(WHAT_HAPPENS);
  });
});
