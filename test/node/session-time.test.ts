/** Who lets the cluster's time pass, and how fast: by one leader's clock, a period at a time, never for what nobody led. */
import { describe, expect, it } from 'vitest';
import { SessionTime } from '../../server/node/session-time.js';
import type { ProposeResult } from '../../server/raft/raft.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { CLUSTER_TIME_PERIOD_MS } from '../../server/state/session/session-limits.js';
import type { ClusterTimeCommand, Command } from '../../server/state/command.js';
import { sessionOpen } from '../state/commands.js';

class Rig {
  readonly machine = StateMachine.create({ members: [] });
  readonly proposed: ClusterTimeCommand[] = [];
  readonly raft = { role: 'leader' as 'leader' | 'follower', term: 3, propose: () => this.#propose() };
  applied = { index: 5, term: 3 };
  takesProposals = true;
  /** Entries that this leader appended and has not applied. */
  readonly #log: Command[] = [];
  #encoded: Command | undefined;
  readonly time = new SessionTime({
    raft: this.raft,
    state: () => ({ machine: this.machine, applied: this.applied }),
    encode: (command) => {
      this.#encoded = command;
      return new Uint8Array(0);
    },
  });

  constructor(sessions = 1) {
    for (let count = 0; count < sessions; count += 1) this.machine.apply(sessionOpen('', 30_000), 3);
  }

  /** Ticks every 100 ms, from `from` to `to`. */
  tick(from: number, to: number): void {
    for (let now = from; now <= to; now += 100) this.time.tick(now);
  }

  /** All that was proposed. */
  apply(): void {
    for (const command of this.#log.splice(0)) {
      this.applied = { index: this.applied.index + 1, term: this.raft.term };
      this.machine.apply(command, this.raft.term);
    }
  }

  get timeMs(): number {
    return this.machine.sessions.timeMs;
  }

  #propose(): ProposeResult {
    const command = this.#encoded;
    if (!this.takesProposals || command?.kind !== 'clusterTime') return { ok: false, reason: 'tooManyUncommitted' };
    this.proposed.push(command);
    this.#log.push(command);
    return { ok: true, id: { term: this.raft.term, index: this.applied.index + this.#log.length } };
  }
}

const PERIOD = CLUSTER_TIME_PERIOD_MS;

describe("the cluster's time", () => {
  it('passes by a period a period while this member leads, one command at a time', () => {
    const rig = new Rig();
    rig.tick(1_000, 1_000 + PERIOD - 100);
    expect(rig.proposed).toEqual([]);
    rig.tick(1_000 + PERIOD, 1_000 + 3 * PERIOD);
    expect(rig.proposed).toEqual([{ kind: 'clusterTime', term: 3, ms: PERIOD }]);
    rig.apply();
    rig.tick(1_100 + 3 * PERIOD, 1_100 + 3 * PERIOD);
    rig.apply();
    // What passed while the first one was on its way counts for a period at most.
    expect(rig.timeMs).toBe(2 * PERIOD);
  });

  it('stands still where there is no session, and begins with the first one', () => {
    const rig = new Rig(0);
    rig.tick(0, 5 * PERIOD);
    expect(rig.proposed).toEqual([]);
    rig.machine.apply(sessionOpen('', 30_000), 3);
    rig.tick(5 * PERIOD, 6 * PERIOD - 100);
    expect(rig.proposed).toEqual([]);
    rig.tick(6 * PERIOD, 6 * PERIOD);
    expect(rig.proposed).toEqual([{ kind: 'clusterTime', term: 3, ms: PERIOD }]);
  });

  it('is told by nobody but a leader that has applied an entry of its own term', () => {
    const rig = new Rig();
    rig.raft.role = 'follower';
    rig.tick(0, 2 * PERIOD);
    rig.raft.role = 'leader';
    rig.applied = { index: 5, term: 2 };
    rig.tick(2 * PERIOD, 4 * PERIOD);
    expect(rig.proposed).toEqual([]);
    rig.applied = { index: 6, term: 3 };
    rig.tick(4 * PERIOD, 5 * PERIOD - 100);
    expect(rig.proposed).toEqual([]);
    rig.tick(5 * PERIOD, 5 * PERIOD);
    expect(rig.proposed).toHaveLength(1);
  });

  it('does not count what passed in an earlier office', () => {
    const rig = new Rig();
    rig.tick(0, PERIOD - 100);
    rig.raft.term = 5;
    rig.applied = { index: 9, term: 5 };
    rig.tick(PERIOD, 2 * PERIOD - 100);
    expect(rig.proposed).toEqual([]);
    rig.tick(2 * PERIOD, 2 * PERIOD);
    expect(rig.proposed).toEqual([{ kind: 'clusterTime', term: 5, ms: PERIOD }]);
  });

  it('loses nothing of a period in which no proposal was taken, but the rest beyond one', () => {
    const rig = new Rig();
    rig.takesProposals = false;
    rig.tick(0, 3 * PERIOD);
    rig.takesProposals = true;
    rig.tick(3 * PERIOD + 100, 3 * PERIOD + 100);
    expect(rig.proposed).toEqual([{ kind: 'clusterTime', term: 3, ms: PERIOD }]);
  });

  it('is told at once again while more sessions are over than one entry may end', () => {
    const rig = new Rig();
    const sessions = { ...rig.machine.sessions, size: 2, timeMs: 70_000, hasOverdue: true };
    const proposed: Command[] = [];
    const time = new SessionTime({
      raft: { role: 'leader', term: 3, propose: () => ({ ok: true, id: { term: 3, index: 6 } }) },
      state: () => ({
        machine: {
          sessions: Object.assign(sessions, { get: () => undefined, all: () => [].values() }),
          grants: rig.machine.grants,
        },
        applied: { index: 5, term: 3 },
      }),
      encode: (command) => {
        proposed.push(command);
        return new Uint8Array(0);
      },
    });
    time.tick(1000);
    time.tick(1100);
    expect(proposed).toEqual([{ kind: 'clusterTime', term: 3, ms: 70_000 }]);
  });
});
