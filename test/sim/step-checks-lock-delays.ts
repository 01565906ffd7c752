/** Lock-delays, as the committed log shows them, in true time: see ../checkers/lock-delays.ts. */
import type { GrantEntry } from '../../server/state/grant/grant-entry.js';
import type { GrantView } from '../../server/state/grant/grant-table.js';
import { LockDelays } from '../checkers/lock-delays.js';
import type { Report } from './check-report.js';
import type { ReferenceEntry, ReferenceState } from './reference-state.js';
import type { LeaseChecks } from './step-checks-leases.js';

export class LockDelayChecks {
  readonly #report: Report;
  readonly #leases: Pick<LeaseChecks, 'proofOf'>;
  readonly #delays = new LockDelays();
  #change = 0;

  /** `leases` follow the reference before this does. */
  constructor(report: Report, reference: ReferenceState, leases: Pick<LeaseChecks, 'proofOf'>) {
    this.#report = report;
    this.#leases = leases;
    reference.follow((entry) => this.#follow(entry));
  }

  #follow(entry: ReferenceEntry): void {
    const { term, index, command, machine } = entry;
    const { changes } = machine.grants.clock;
    // Told before it is seen what came of it.
    if (command.kind === 'clusterTime') this.#delays.told(entry);
    const early = changes === this.#change ? [] : this.#delays.changed(entry, entriesOf(machine.grants));
    this.#change = changes;
    const proof = machine.grants.size === 0 ? undefined : this.#leases.proofOf(term, index);
    const late = proof === undefined ? [] : this.#delays.proven(proof);
    for (const { checker, message } of [...early, ...late]) this.#report(checker, `entry ${term}/${index}: ${message}`);
  }
}

/** Each once, also one of several names. */
function entriesOf(grants: GrantView): readonly GrantEntry[] {
  const entries = new Map<number, GrantEntry>();
  for (const name of grants.names()) {
    const queue = grants.queue(name);
    for (const entry of [...(queue?.granted ?? []), ...(queue?.waiting ?? [])]) entries.set(entry.place, entry);
  }
  return [...entries.values()];
}
