/**
 * The state after each committed entry, from a state machine that no disk, no crash and no snapshot has ever touched:
 * every entry of the committed log, in order, each once. What any member shows at an index must equal it.
 */
import { decodeCommand } from '../../server/node/command-codec.js';
import { commandsIn } from '../../server/node/entry-batch.js';
import type { ConfState, LogIndex, Term } from '../../server/raft/types.js';
import type { Command, Stamp } from '../../server/state/command.js';
import type { Applied, Event, MemberInfo } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import type { WatchHistory } from '../checkers/watch-record.js';
import type { Committed } from './committed.js';
import type { Entries } from './entries.js';
import type { Report } from './check-report.js';
import { hashOfGrants, hashOfLeases, hashOfSessions, StateHash } from './state-hash.js';

const COMPACTION_KEYS = 1000;

export interface StatePoint {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly hash: number;
  readonly leases: number;
  readonly sessions: number;
  readonly grants: number;
  readonly conf: ConfState;
}

/** A command of the committed log, and what an untouched state machine made of it. */
export interface ReferenceEntry {
  readonly index: LogIndex;
  readonly term: Term;
  /** When anybody first knew it to be committed, in true ms. */
  readonly atMs: number;
  readonly command: Command;
  /** Of a write of a session. */
  readonly stamp: Stamp | undefined;
  readonly applied: Applied;
  /** The state after it. */
  readonly machine: StateMachine;
}

export class ReferenceState {
  readonly #committed: Committed;
  readonly #entries: Entries;
  readonly #report: Report;
  readonly #machine: StateMachine;
  readonly #hash = new StateHash();
  /** Place i: after index i. */
  readonly #points: StatePoint[];
  readonly #events: Event[] = [];
  readonly #followers: ((entry: ReferenceEntry) => void)[] = [];

  constructor(
    parts: { readonly committed: Committed; readonly entries: Entries; readonly report: Report },
    bootstrap: { readonly conf: ConfState; readonly members: readonly MemberInfo[] },
  ) {
    this.#committed = parts.committed;
    this.#entries = parts.entries;
    this.#report = parts.report;
    this.#machine = StateMachine.create({ members: bootstrap.members });
    this.#points = [this.#point(bootstrap.conf)];
  }

  /** Is told of every command of the log, in order, each once. */
  follow(follower: (entry: ReferenceEntry) => void): void {
    this.#followers.push(follower);
  }

  /** Applies everything that is committed by now: its followers hear of it at once. */
  catchUp(): void {
    this.at(this.#committed.index);
  }

  /** Of everything committed up to now. */
  get now(): StatePoint {
    return this.at(this.#committed.index);
  }

  /** Everything that has happened up to now. */
  get history(): WatchHistory {
    const { compactedRevision } = this.now;
    return { events: this.#events, compactedRevision };
  }

  /** Nothing beyond what is committed. */
  at(index: LogIndex): StatePoint {
    while (this.#points.length <= Math.min(index, this.#committed.index)) this.#applyNext();
    const point = this.#points[Math.min(index, this.#points.length - 1)];
    if (point === undefined) throw new Error('the reference has no first point');
    return point;
  }

  #applyNext(): void {
    const index = this.#points.length;
    const before = this.at(index - 1);
    const entry = this.#entries.get({ index, term: this.#committed.termAt(index) ?? 0 });
    if (entry === undefined) {
      this.#report('commit-durable', `entry ${index} is committed and was never durable anywhere`);
      this.#points.push(before);
      return;
    }
    for (const data of entry.kind === 'normal' ? commandsIn(entry.data) : []) {
      const { command, stamp } = decodeCommand(data);
      const applied = this.#machine.apply(command, entry.term, index, stamp);
      this.#hash.take(applied.events);
      const atMs = this.#committed.knownAtMs(index) ?? 0;
      const machine = this.#machine;
      const { term } = entry;
      for (const follower of this.#followers) follower({ index, term, atMs, command, stamp, applied, machine });
      for (const event of applied.events) this.#events.push(event);
      this.#machine.compactionStep(COMPACTION_KEYS);
    }
    this.#points.push(this.#point(entry.kind === 'conf' ? entry.conf : before.conf));
  }

  #point(conf: ConfState): StatePoint {
    const { revision, compactedRevision, leases, sessions, grants } = this.#machine;
    return {
      revision,
      compactedRevision,
      hash: this.#hash.value,
      leases: hashOfLeases(leases),
      sessions: hashOfSessions(sessions),
      grants: hashOfGrants(grants),
      conf,
    };
  }
}
