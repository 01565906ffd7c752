/**
 * Sessions: what the committed log makes of their writes, told to the specification entry by entry, and how often each write
 * of a client has taken effect. What the clients were told of their writes is held against it at the end
 * (workload/told-outcomes.ts).
 */
import { SessionSpec } from '../checkers/session-spec.js';
import type { Report } from './check-report.js';
import type { ReferenceEntry, ReferenceState } from './reference-state.js';
import type { SessionRecords } from './workload-ports.js';
import { markOf } from './write-marks.js';

export class SessionChecks implements SessionRecords {
  readonly #report: Report;
  readonly #spec = new SessionSpec();
  readonly #effects = new Map<string, number>();
  readonly #puts = new Map<string, number>();
  readonly #putRevisions = new Map<string, number>();
  readonly #revisions = new Set<number>();
  #takesEffect = true;

  constructor(report: Report, reference: ReferenceState) {
    this.#report = report;
    reference.follow((entry) => this.#follow(entry));
  }

  /** Whether the entry that is followed now may change anything: a write of a session that comes again does not. */
  get takesEffect(): boolean {
    return this.#takesEffect;
  }

  get counts(): Readonly<Record<string, number>> {
    const { opened, expired, writes, again, refused, windowsFilled } = this.#spec.counts;
    return {
      'sessions opened': opened,
      'sessions expired': expired,
      'session writes': writes,
      'session writes that came again': again,
      'session writes refused': refused,
      'session windows filled': windowsFilled,
    };
  }

  effectsOf(mark: string): number {
    return this.#effects.get(mark) ?? 0;
  }

  revisionOfPut(mark: string): number | undefined {
    return this.#putRevisions.get(mark);
  }

  isPut(revision: number): boolean {
    return this.#revisions.has(revision);
  }

  putsOf(key: string): number {
    return this.#puts.get(key) ?? 0;
  }

  #follow(entry: ReferenceEntry): void {
    const { takesEffect, complaints } = this.#spec.take(entry);
    this.#takesEffect = takesEffect;
    for (const { checker, message } of complaints) this.#report(checker, message);
    const { applied, command, stamp } = entry;
    for (const { type, kv } of applied.events) if (type === 'put') add(this.#puts, kv.key);
    const mark = stamp === undefined ? undefined : markOf(command);
    // By what it did, not by what it should have done.
    if (mark === undefined || !applied.outcome.ok || applied.isReplay === true) return;
    add(this.#effects, mark);
    if (command.kind !== 'put') return;
    this.#putRevisions.set(mark, applied.revision);
    this.#revisions.add(applied.revision);
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
