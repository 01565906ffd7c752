/**
 * Grants: what the committed log makes of them, told to the specification entry by entry, and which writes that hang on a
 * token took effect. What clients were told is held against it at the end (../checkers/grant-checker.ts).
 */
import type { Command, TxnCommand } from '../../server/state/command.js';
import type { Applied } from '../../server/state/result.js';
import { type GrantLife, GrantSpec } from '../checkers/grant-spec.js';
import type { Report } from './check-report.js';
import type { ReferenceEntry, ReferenceState } from './reference-state.js';
import type { SessionChecks } from './step-checks-sessions.js';
import type { GrantRecords, GuardedWrite } from './workload-ports.js';

export class GrantChecks implements GrantRecords {
  readonly #report: Report;
  readonly #spec = new GrantSpec();
  readonly #sessions: Pick<SessionChecks, 'takesEffect'>;
  readonly #writes = new Map<string, GuardedWrite>();
  readonly #revisions = new Set<number>();
  #refused = 0;

  /** `sessions` follows the reference before this does. */
  constructor(report: Report, reference: ReferenceState, sessions: Pick<SessionChecks, 'takesEffect'>) {
    this.#report = report;
    this.#sessions = sessions;
    reference.follow((entry) => this.#follow(entry));
  }

  get lives(): Iterable<GrantLife> {
    return this.#spec.lives;
  }

  get bars(): number {
    return this.#spec.bars;
  }

  get counts(): Readonly<Record<string, number>> {
    const { granted, promoted, waited, taken, retried, abandoned, lost, forced, bars, owned } = this.#spec.counts;
    return {
      'grants granted': granted,
      'grants that waited first': promoted,
      'grant attempts that had to wait': waited,
      'grant attempts that did not want to wait': taken,
      'grant attempts that came again': retried,
      'grant attempts given up while waiting': abandoned,
      'grant attempts of an owner in its own way': owned,
      'grants lost with their leases': lost,
      'grants taken away by force': forced,
      'lock delays begun': bars,
      'writes under a token': this.#writes.size,
      'writes under a token refused': this.#refused,
    };
  }

  stateAt(...of: Parameters<GrantSpec['stateAt']>): ReturnType<GrantSpec['stateAt']> {
    return this.#spec.stateAt(...of);
  }

  writeOf(value: string): GuardedWrite | undefined {
    return this.#writes.get(value);
  }

  isWrite(revision: number): boolean {
    return this.#revisions.has(revision);
  }

  #follow({ index, term, atMs, command, applied, machine }: ReferenceEntry): void {
    if (!this.#sessions.takesEffect) {
      if (applied.grantNames !== undefined) this.#complain(term, index, command, 'changed grants, and had no effect');
      return;
    }
    const { grants, leases, sessions } = machine;
    const hasLease = (id: bigint): boolean => leases.get(id) !== undefined;
    const entry = { index, atMs, command, applied, grants, hasLease, timeMs: sessions.timeMs };
    for (const complaint of this.#spec.take(entry)) this.#complain(term, index, command, complaint);
    if (command.kind === 'txn') {
      const complaint = this.#txn(command, applied);
      if (complaint !== undefined) this.#complain(term, index, command, complaint);
    }
  }

  /** Those of the clients with grants: one condition, or one fence before one put. */
  #txn({ compares, success }: TxnCommand, { outcome, events, revision }: Applied): string | undefined {
    const guard = compares.find(({ target }) => target === 'grant');
    const fence = success.find(({ kind }) => kind === 'fence');
    const put = success.find(({ kind }) => kind === 'put');
    if (put?.kind !== 'put') return undefined;
    if (events.length > 0 && (guard !== undefined || fence !== undefined)) {
      this.#writes.set(put.value, { revision, puts: events.map(({ kv: { key, value } }) => ({ key, value })) });
      this.#revisions.add(revision);
    } else if (guard !== undefined || fence !== undefined) this.#refused += 1;
    if (fence?.kind === 'fence') return this.#spec.fence(fence.key, fence.token, !outcome.ok);
    if (guard?.target !== 'grant' || !outcome.ok || outcome.result.kind !== 'txn') return undefined;
    const isCurrent = this.#spec.isCurrent(guard.key, guard.operand);
    return outcome.result.succeeded === isCurrent
      ? undefined
      : `token ${guard.operand} of ${guard.key} is ${isCurrent ? '' : 'not '}current, and it was taken for the contrary`;
  }

  #complain(term: number, index: number, { kind }: Command, complaint: string): void {
    this.#report('grants-of-the-log', `entry ${term}/${index}, ${kind}: ${complaint}`);
  }
}
