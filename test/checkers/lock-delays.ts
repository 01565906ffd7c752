/**
 * Lock-delays in true time, without any model of grants: what was lost with a lock-delay is granted to nobody beside whom its
 * holder could not stand before the delay has passed, by the fastest clock; and no delay lasts for ever. Who waits only behind those that
 * are gone is granted when their leases have ended, which lease-lateness.ts bounds, and their lock-delays, which are bounded here
 * by the same proof: a leader whose later proposals are applied has told the time when it was due. It tells it twice after a
 * loss, so that the delay begins, and again when that is over by its own clock.
 */
import type { GrantEntry } from '../../server/state/grant/grant-entry.js';
import { type OfficeProof, SLACK_MS } from './lease-lateness.js';
import type { LogMoment } from './lease-life.js';

export interface LockDelayComplaint {
  readonly checker: 'lock-delay' | 'lock-delay-late';
  readonly message: string;
}

interface Loss extends Pick<GrantEntry, 'attempt' | 'names' | 'mode' | 'lockDelayMs'> {
  readonly lost: LogMoment;
  /** When the cluster's time was told after it. */
  readonly told: LogMoment[];
  isOver: boolean;
}

/** Of the fastest clock, and what rounded times may be off. */
const RATE_MAX = 1.1;
const ROUNDING_MS = 5;

export class LockDelays {
  /** By place. */
  readonly #losses = new Map<number, Loss>();
  readonly #tokens = new Map<number, number>();

  /** An entry has left these, each once, in any order. */
  changed({ term, index, atMs }: LogMoment, entries: readonly GrantEntry[]): readonly LockDelayComplaint[] {
    const known = [...this.#losses.values()];
    const complaints = entries.flatMap((entry) => {
      const isNew = entry.token > 0 && this.#tokens.get(entry.place) !== entry.token;
      this.#tokens.set(entry.place, entry.token);
      return isNew ? known.flatMap((loss) => complaintAboutGrant(atMs, entry, loss) ?? []) : [];
    });
    const bars = new Map(entries.flatMap((entry) => (entry.barsUntilMs > 0 ? [[entry.place, entry] as const] : [])));
    for (const [place, loss] of this.#losses) loss.isOver ||= !bars.has(place);
    for (const [place, { attempt, names, mode, lockDelayMs }] of bars) {
      if (this.#losses.has(place)) continue;
      this.#losses.set(place, {
        attempt,
        names,
        mode,
        lockDelayMs,
        lost: { term, index, atMs },
        told: [],
        isOver: false,
      });
    }
    return complaints;
  }

  /** An entry has told the time. */
  told({ term, index, atMs }: LogMoment): void {
    for (const { told, isOver, lost } of this.#losses.values()) {
      if (!isOver && lost.index < index) told.push({ term, index, atMs });
    }
  }

  /** What a leader has proved by an entry. */
  proven(proof: OfficeProof): readonly LockDelayComplaint[] {
    const complaints = [...this.#losses.values()].flatMap((loss) =>
      loss.isOver ? [] : (complaintAboutDelay(loss, proof) ?? []),
    );
    return complaints.map((message) => ({ checker: 'lock-delay-late', message }));
  }
}

function complaintAboutGrant(atMs: number, granted: GrantEntry, loss: Loss): LockDelayComplaint | undefined {
  const isApart = granted.names.every((name) => !loss.names.includes(name));
  // Those that share it may stand beside who was lost, too.
  if (isApart || (granted.mode === 'shared' && loss.mode === 'shared')) return undefined;
  const passedMs = atMs - loss.lost.atMs;
  if (passedMs >= loss.lockDelayMs / RATE_MAX - ROUNDING_MS) return undefined;
  const what = `${granted.attempt} is granted ${Math.round(passedMs)} ms after ${loss.attempt} was lost`;
  return { checker: 'lock-delay', message: `${what}, whose lock-delay is ${loss.lockDelayMs} ms` };
}

function complaintAboutDelay({ attempt, lockDelayMs, lost, told }: Loss, proof: OfficeProof): string | undefined {
  const { rate, resumedMs, provenMs } = proof;
  const begun = told[1];
  const fromMs = knownSinceMs(begun ?? told[0] ?? lost, proof);
  if (fromMs === undefined) return undefined;
  const dueMs = begun === undefined ? fromMs : fromMs + lockDelayMs / rate;
  if (provenMs < Math.max(dueMs, resumedMs) + SLACK_MS) return undefined;
  const what = begun === undefined ? 'should have begun' : 'should have been over';
  return `the lock-delay of ${lockDelayMs} ms of ${attempt} ${what} ${Math.round(provenMs - dueMs)} ms ago`;
}

/** Since when the leader knows of it. */
function knownSinceMs({ term, index }: LogMoment, proof: OfficeProof): number | undefined {
  return term === proof.term && index >= proof.firstIndex ? proof.appliedMs(index) : proof.sinceMs;
}
