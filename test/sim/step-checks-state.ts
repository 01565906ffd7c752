/**
 * The replicated state: what a member shows at an applied index is what the committed log makes of an untouched state
 * machine, in every life, after every restart and every snapshot. So entries are applied exactly once and in order,
 * those that are refused too, and members agree wherever they meet.
 */
import type { RaftNode } from '../../server/node/raft-node.js';
import type { LogIndex, NodeId } from '../../server/raft/types.js';
import type { StateMachine } from '../../server/state/state-machine.js';
import type { Committed } from './committed.js';
import type { ReferenceState } from './reference-state.js';
import type { Report } from './check-report.js';
import { hashOfGrants, hashOfLeases, hashOfSessions, StateHash } from './state-hash.js';

/** One life of a member. */
export interface WatchedState {
  readonly id: NodeId;
  readonly node: RaftNode;
  machine: StateMachine;
  hash: StateHash;
}

export class StateChecks {
  readonly #report: Report;
  readonly #committed: Committed;
  readonly #reference: ReferenceState;

  constructor(report: Report, committed: Committed, reference: ReferenceState) {
    this.#report = report;
    this.#committed = committed;
    this.#reference = reference;
  }

  /** A life begins. */
  watch(watched: WatchedState): void {
    watched.node.onEvents((events) => watched.hash.take(events));
  }

  /** After every step that applied something. */
  applied(watched: WatchedState): void {
    const { node } = watched;
    // The state follows when it is rebuilt.
    if (!node.isServing) return;
    if (node.machine !== watched.machine) {
      watched.machine = node.machine;
      watched.hash = StateHash.of(node.machine);
    }
    this.#compare(watched, node.core.appliedIndex, watched.hash);
  }

  /** Looks at the state itself, not at what its events said. */
  checkVisible(watched: WatchedState): void {
    if (watched.node.isServing)
      this.#compare(watched, watched.node.core.appliedIndex, StateHash.of(watched.node.machine));
  }

  #compare({ id, node }: WatchedState, index: LogIndex, hash: StateHash): void {
    if (index > this.#committed.index) {
      this.#report('applied-committed', `m${id} has applied ${index}, committed is ${this.#committed.index}`);
      return;
    }
    const { revision, compactedRevision } = node.machine;
    const leases = hashOfLeases(node.machine.leases);
    const sessions = hashOfSessions(node.machine.sessions);
    const grants = hashOfGrants(node.machine.grants);
    const expected = this.#reference.at(index);
    if (
      revision === expected.revision &&
      compactedRevision === expected.compactedRevision &&
      hash.value === expected.hash &&
      leases === expected.leases &&
      sessions === expected.sessions &&
      grants === expected.grants
    ) {
      return;
    }
    const is = `revision ${revision}, compacted ${compactedRevision}, hash ${hash.value}, leases ${leases}, sessions ${sessions}, grants ${grants}`;
    const should = `revision ${expected.revision}, compacted ${expected.compactedRevision}, hash ${expected.hash}, leases ${expected.leases}, sessions ${expected.sessions}, grants ${expected.grants}`;
    this.#report('state-of-the-log', `m${id} at applied index ${index}: ${is}; the log says ${should}`);
  }
}
