/** The keeper by itself, over a table and a log that a test plays. */
import { describe, expect, it } from 'vitest';
import { LeaseKeeper, type LeaseTime } from '../../server/node/lease-keeper.js';
import { LIMITS } from '../../server/node/limits.js';
import type { ReadWaiter } from '../../server/node/reads.js';
import type { Command } from '../../server/state/command.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { grant, put, revoke } from '../state/commands.js';
import { VirtualClock } from './virtual-clock.js';

const TERM = 3;
const CHECKPOINT_MS = 10_000;

class Scene {
  readonly clock = new VirtualClock();
  readonly machine = StateMachine.create({ members: [] });
  readonly log: Command[] = [];
  reads: ReadWaiter[] = [];
  #applied = 0;
  isRefusing = false;
  keeper: LeaseKeeper | undefined;

  takeOffice(): LeaseKeeper {
    this.keeper = new LeaseKeeper({
      term: TERM,
      leases: this.machine.leases,
      clock: this.clock,
      propose: (command) => {
        if (this.isRefusing) return { ok: false, reason: 'tooManyUncommitted' };
        this.log.push(command);
        return { ok: true, id: { term: TERM, index: this.log.length } };
      },
      read: (waiter) => this.reads.push(waiter),
      requestTimeoutMs: 7000,
      checkpointMs: CHECKPOINT_MS,
      staleMs: 1000,
    });
    return this.keeper;
  }

  /** Applies what was proposed, and what a client says. */
  apply(...commands: readonly Command[]): void {
    this.log.push(...commands);
    for (; this.#applied < this.log.length; this.#applied += 1) {
      const command = this.log[this.#applied];
      if (command === undefined) continue;
      const applied = this.machine.apply(command, TERM, this.#applied + 1);
      this.keeper?.applied(this.#applied + 1, command, applied);
    }
  }

  turn(): void {
    this.keeper?.turn(this.clock.now());
  }

  confirm(): void {
    for (const waiter of this.reads.splice(0)) waiter.ready();
  }

  ask(id: bigint, renew = true): (LeaseTime | 'refused')[] {
    const answers: (LeaseTime | 'refused')[] = [];
    this.keeper?.ask({
      id,
      renew,
      answered: (time) => answers.push(time),
      refused: () => answers.push('refused'),
    });
    return answers;
  }
}

const full = { ttlMs: 5000, leftMs: 5000 };
const gone = { ttlMs: 0, leftMs: 0 };

describe('a leader that takes office', () => {
  it('has 100,000 leases in less than a second of work, in slices', () => {
    const scene = new Scene();
    for (let id = 1n; id <= 100_000n; id += 1n) scene.machine.apply(grant(id, 5000), TERM);
    const startedAt = performance.now();
    const keeper = scene.takeOffice();
    let longestMs = 0;
    let turns = 0;
    for (; keeper.isTiming; turns += 1) {
      const from = performance.now();
      scene.turn();
      longestMs = Math.max(longestMs, performance.now() - from);
    }
    const tookMs = performance.now() - startedAt;
    console.info(`100,000 leases: ${tookMs.toFixed(0)} ms in ${turns} turns, the longest ${longestMs.toFixed(1)} ms`);
    expect(turns).toBe(Math.floor(100_000 / LIMITS.leaseSlice) + 1);
    expect(tookMs).toBeLessThan(1000);
    expect(keeper.deadlineOf(100_000n)).toBe(5000);
  });

  it('counts from that moment, also for leases that it comes to later', async () => {
    const scene = new Scene();
    for (let id = 1n; id <= BigInt(LIMITS.leaseSlice) + 1n; id += 1n) scene.machine.apply(grant(id, 5000), TERM);
    await scene.clock.advance(100);
    const keeper = scene.takeOffice();
    scene.turn();
    await scene.clock.advance(300);
    scene.turn();
    expect(keeper.deadlineOf(1n)).toBe(5100);
    expect(keeper.deadlineOf(BigInt(LIMITS.leaseSlice) + 1n)).toBe(5100);
  });
});

describe('a question', () => {
  it('is answered after a read point that was asked for after it came', () => {
    const scene = new Scene();
    scene.takeOffice();
    scene.apply(grant(1n, 5000));
    const first = scene.ask(1n);
    scene.turn();
    const second = scene.ask(1n);
    scene.confirm();
    expect([first, second]).toEqual([[full], []]);
    scene.turn();
    scene.confirm();
    expect(second).toEqual([full]);
    expect(scene.log).toHaveLength(1);
  });

  it('is sent back when the read point took so long that another may lead by now', async () => {
    const scene = new Scene();
    scene.takeOffice();
    scene.apply(grant(1n, 5000));
    const [inTime, late] = [scene.ask(1n), [] as unknown[]];
    scene.turn();
    await scene.clock.advance(1000);
    scene.confirm();
    late.push(scene.ask(1n));
    scene.turn();
    await scene.clock.advance(1001);
    scene.confirm();
    expect([inTime, late]).toEqual([[full], [['refused']]]);
  });

  it('is refused when the office ends, and no answer comes after that', () => {
    const scene = new Scene();
    const keeper = scene.takeOffice();
    scene.apply(grant(1n, 5000));
    const answers = scene.ask(1n);
    scene.turn();
    keeper.close();
    scene.confirm();
    expect(answers).toEqual(['refused']);
  });
});

describe('the end of a lease', () => {
  it('is proposed once, and who asks to renew it waits for the outcome', async () => {
    const scene = new Scene();
    scene.takeOffice();
    scene.apply(grant(1n, 5000));
    await scene.clock.advance(4999);
    scene.turn();
    expect(scene.log).toHaveLength(1);
    await scene.clock.advance(1);
    scene.turn();
    scene.turn();
    expect(scene.log.slice(1)).toEqual([{ kind: 'leaseExpire', term: TERM, leases: [{ id: 1n, grantedIndex: 1 }] }]);
    const renewal = scene.ask(1n);
    const question = scene.ask(1n, false);
    scene.turn();
    scene.confirm();
    expect([renewal, question]).toEqual([[], [{ ttlMs: 5000, leftMs: 0 }]]);
    scene.apply();
    expect(renewal).toEqual([gone]);
  });

  it('is tried again where the log refuses it', async () => {
    const scene = new Scene();
    const keeper = scene.takeOffice();
    scene.apply(grant(1n, 5000));
    await scene.clock.advance(6000);
    scene.isRefusing = true;
    scene.turn();
    expect(keeper.hasWork(scene.clock.now())).toBe(true);
    scene.isRefusing = false;
    scene.turn();
    expect(scene.log).toHaveLength(2);
  });

  it(`comes for at most ${LIMITS.leasesPerExpiry} leases in one command, one command at a time`, async () => {
    const scene = new Scene();
    const keeper = scene.takeOffice();
    const count = 2 * LIMITS.leasesPerExpiry + 1;
    for (let id = 1; id <= count; id += 1) scene.apply(grant(BigInt(id), 5000));
    await scene.clock.advance(5000);
    for (let round = 0; round < 3; round += 1) {
      scene.turn();
      scene.turn();
      expect(scene.log).toHaveLength(count + round + 1);
      scene.apply();
    }
    const sizes = scene.log.slice(count).map((command) => command.kind === 'leaseExpire' && command.leases.length);
    expect(sizes).toEqual([LIMITS.leasesPerExpiry, LIMITS.leasesPerExpiry, 1]);
    expect(keeper.hasWork(scene.clock.now())).toBe(false);
  });

  it('is put off with those that one entry cannot hold, and proposed again', async () => {
    const scene = new Scene();
    scene.takeOffice();
    for (const id of [1n, 2n, 3n]) scene.apply(grant(id, 5000 + Number(id)));
    for (let key = 0; key < 4500; key += 1) scene.apply(put(`k${key}`, '', { lease: BigInt((key % 3) + 1) }));
    const leases = [1n, 2n, 3n].map((id) => ({ id, grantedIndex: Number(id) }));
    const before = scene.log.length;
    await scene.clock.advance(5003);
    for (let round = 0; round < 3; round += 1) {
      scene.turn();
      scene.apply();
    }
    expect(scene.log.slice(before)).toEqual([
      { kind: 'leaseExpire', term: TERM, leases: leases.slice(0) },
      { kind: 'leaseExpire', term: TERM, leases: leases.slice(1) },
      { kind: 'leaseExpire', term: TERM, leases: leases.slice(2) },
    ]);
    expect(scene.machine.leases.size).toBe(0);
  });

  it('is of no lease that was granted under the same id while it was on its way', async () => {
    const scene = new Scene();
    const keeper = scene.takeOffice();
    scene.apply(grant(1n, 5000));
    await scene.clock.advance(5000);
    // Both are in the log already, and not applied.
    scene.log.push(revoke(1n), grant(1n, 9000));
    scene.turn();
    expect(scene.log.at(-1)?.kind).toBe('leaseExpire');
    scene.apply();
    expect(scene.machine.leases.get(1n)?.ttlMs).toBe(9000);
    expect(keeper.deadlineOf(1n)).toBe(14_000);
    await scene.clock.advance(8999);
    scene.turn();
    expect(scene.log).toHaveLength(4);
    await scene.clock.advance(1);
    scene.turn();
    scene.apply();
    expect(scene.machine.leases.size).toBe(0);
    expect(scene.log).toHaveLength(5);
  });

  it('by a revoke answers who waits', async () => {
    const scene = new Scene();
    scene.takeOffice();
    scene.apply(grant(1n, 5000));
    await scene.clock.advance(5000);
    scene.turn();
    const renewal = scene.ask(1n);
    scene.turn();
    scene.confirm();
    // The revoke was in the log before.
    const expire = scene.log.pop();
    scene.apply(revoke(1n));
    expect(renewal).toEqual([gone]);
    expect(expire?.kind).toBe('leaseExpire');
  });
});

describe('what is left of long leases', () => {
  it('is noted when nobody has renewed them for long, and of no others', async () => {
    const scene = new Scene();
    scene.takeOffice();
    scene.apply(grant(1n, 100_000), grant(2n, 9000), grant(3n, 100_000));
    await scene.clock.advance(8000);
    const renewal = scene.ask(3n);
    scene.turn();
    scene.confirm();
    expect(renewal).toEqual([{ ttlMs: 100_000, leftMs: 100_000 }]);
    await scene.clock.advance(2000);
    scene.turn();
    const notes = scene.log.filter(({ kind }) => kind === 'leaseCheckpoint');
    const leases = [{ id: 1n, grantedIndex: 1, remainingMs: 90_000 }];
    expect(notes).toEqual([{ kind: 'leaseCheckpoint', term: TERM, leases }]);
  });

  it('is noted in the next turn where the log had no room for it', async () => {
    const scene = new Scene();
    const keeper = scene.takeOffice();
    scene.apply(grant(1n, 100_000), grant(2n, 100_000));
    await scene.clock.advance(10_000);
    scene.isRefusing = true;
    scene.turn();
    expect(scene.log).toHaveLength(2);
    expect(keeper.hasWork(scene.clock.now())).toBe(true);
    scene.apply(revoke(2n), grant(2n, 100_000));
    scene.isRefusing = false;
    await scene.clock.advance(100);
    scene.turn();
    const leases = [{ id: 1n, grantedIndex: 1, remainingMs: 89_900 }];
    expect(scene.log.at(-1)).toEqual({ kind: 'leaseCheckpoint', term: TERM, leases });
    scene.apply();
    expect(keeper.hasWork(scene.clock.now())).toBe(false);
  });

  it.each(['applied', 'in flight'])('and %s, is taken back in the log before a renewal is answered', async (state) => {
    const scene = new Scene();
    const keeper = scene.takeOffice();
    scene.apply(grant(1n, 100_000));
    await scene.clock.advance(10_000);
    scene.turn();
    if (state === 'applied') scene.apply();
    const renewals = [scene.ask(1n), scene.ask(1n)];
    scene.turn();
    scene.confirm();
    scene.turn();
    expect(renewals).toEqual([[], []]);
    expect(scene.log.at(-1)).toEqual({
      kind: 'leaseCheckpoint',
      term: TERM,
      leases: [{ id: 1n, grantedIndex: 1, remainingMs: 0 }],
    });
    await scene.clock.advance(50);
    scene.apply();
    expect(renewals).toEqual([[{ ttlMs: 100_000, leftMs: 100_000 }], [{ ttlMs: 100_000, leftMs: 100_000 }]]);
    expect(keeper.deadlineOf(1n)).toBe(110_050);
    expect(scene.machine.leases.get(1n)?.remainingMs).toBe(0);
  });
});
