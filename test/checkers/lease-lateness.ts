/**
 * Leases that live too long. A leader that is cut off ends none, so what counts is quorum time: up to which moment a
 * leader in office got what it proposed through the quorum and applied it. Everything that it proposes goes into one log,
 * so if entries that it proposed later are committed, the end of a lease that was due before them has to be, too:
 *
 *     due       +slack        +slack
 *      |          i ...........|....... j
 *      |          proposed     |        proposed; when it is committed, the lease is gone
 *                   i applied here at the latest
 *
 * By the time at which i was proposed, the leader has proposed the end of the lease, or waited for the outcome of another
 * end that stands before i: it keeps one in flight. Once i is applied it waits no longer. So there is no guessing about
 * losses, delays and partitions: whether a leader has its quorum is read off the log.
 *
 * Due, by the clock of the leader, which runs `rate` times as fast as true time:
 *
 *   - since it came into office, or has applied the grant if that was later: ttl / rate. For a lease of before: what an
 *     earlier leader has noted as left, if anything, instead of ttl. That is how much a change of the leader may give.
 *   - since the last moment at which it can have renewed the lease: ttl / rate. A question to renew it may take effect for
 *     an election timeout after it came to the leader, from wherever, and where it has to undo a note, when that is applied.
 *   - not before it goes on after a pause, or takes proposals again after it wanted to hand over.
 *
 * And a long lease whose leader changes again and again lives on only if nobody notes what is left of it: while a leader
 * has its quorum, what is noted is never more than this much beyond the truth (see #complaintAboutNotes).
 */
import { firstIndex } from './kv-spec.js';
import type { LeaseLife } from './lease-life.js';

export interface LatenessOptions {
  readonly electionMs: number;
  /** How often a leader looks for long leases that nobody renews. */
  readonly checkpointMs: number;
  readonly report: (message: string) => void;
}

export interface OfficeBegin {
  readonly term: number;
  readonly member: string;
  readonly rate: number;
  /** Of the first entry of its own term. */
  readonly firstIndex: number;
  /** When it has applied that. */
  readonly atMs: number;
}

interface Office extends Omit<OfficeBegin, 'atMs'> {
  readonly sinceMs: number;
  resumedMs: number;
  /** When it proposed an entry, and up to when everything it proposed was known to be applied a little before that. */
  readonly proposed: Map<number, { readonly atMs: number; readonly provenMs: number }>;
  /** Ascending: what was applied when, and up to when it was proposed. */
  readonly applied: { readonly index: number; readonly atMs: number; readonly provenMs: number }[];
}

/** What a committed entry proves of the leader that proposed it. */
export interface OfficeProof extends Pick<Office, 'term' | 'rate' | 'firstIndex' | 'sinceMs' | 'resumedMs'> {
  /** Everything that it proposed up to then was applied a while before it proposed the entry. */
  readonly provenMs: number;
  /** When it had applied an entry of its own term; undefined: that is not known. */
  appliedMs(index: number): number | undefined;
}

/** Long enough for a turn of the leader and a tick of the slowest clock. */
export const SLACK_MS = 1000;

export class LeaseLateness {
  readonly #options: LatenessOptions;
  readonly #offices = new Map<number, Office>();
  /** By member and lease: until when a question to renew was on its way to its keeper. */
  readonly #asked = new Map<string, number>();
  /** The same, of questions that are still with the member. */
  readonly #open = new Map<string, number>();
  readonly #told = new Set<LeaseLife>();

  constructor(options: LatenessOptions) {
    this.#options = options;
  }

  /** A leader begins to count. */
  begins({ atMs, ...office }: OfficeBegin): void {
    if (this.#offices.has(office.term)) return;
    this.#offices.set(office.term, {
      ...office,
      sinceMs: atMs,
      resumedMs: -Infinity,
      proposed: new Map(),
      applied: [],
    });
  }

  /** Before that it could not propose anything: it stood still, or was handing over. */
  resumed(term: number, atMs: number): void {
    const office = this.#offices.get(term);
    if (office !== undefined) office.resumedMs = Math.max(office.resumedMs, atMs);
  }

  proposed(term: number, index: number, atMs: number): void {
    const office = this.#offices.get(term);
    if (office === undefined) return;
    const before = office.applied.findLast((point) => point.atMs <= atMs - SLACK_MS);
    office.proposed.set(index, { atMs, provenMs: before?.provenMs ?? -Infinity });
  }

  applied(term: number, index: number, atMs: number): void {
    const office = this.#offices.get(term);
    const provenMs = office?.proposed.get(index)?.atMs;
    if (provenMs !== undefined) office?.applied.push({ index, atMs, provenMs });
  }

  /** A question to renew a lease has come to a member, who answers it if it leads. */
  asked(member: string, lease: string, atMs: number): void {
    this.#asked.set(`${member} ${lease}`, atMs);
  }

  opened(member: string, lease: string): void {
    const name = `${member} ${lease}`;
    this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
  }

  closed(member: string, lease: string, atMs: number): void {
    const name = `${member} ${lease}`;
    this.#open.set(name, Math.max(0, (this.#open.get(name) ?? 0) - 1));
    this.asked(member, lease, atMs);
  }

  /** A new life: what was open in the one before is gone with it. */
  starts(member: string): void {
    for (const name of this.#open.keys()) if (name.startsWith(`${member} `)) this.#open.delete(name);
  }

  /** Undefined: nothing. */
  proofOf(term: number, index: number): OfficeProof | undefined {
    const office = this.#offices.get(term);
    const provenMs = office?.proposed.get(index)?.provenMs ?? -Infinity;
    if (office === undefined || provenMs === -Infinity) return undefined;
    return { ...office, provenMs, appliedMs: (applied) => appliedMs(office, applied) };
  }

  /** The entry is committed; `live` are the leases that are there after it. */
  committed(term: number, index: number, live: Iterable<LeaseLife>): void {
    const office = this.#offices.get(term);
    const provenMs = office?.proposed.get(index)?.provenMs ?? -Infinity;
    if (office === undefined || provenMs === -Infinity) return;
    for (const life of live) {
      const dueMs = this.#dueMs(life, office);
      if (dueMs === undefined || this.#told.has(life)) continue;
      const complaint =
        provenMs >= Math.max(dueMs, office.resumedMs) + SLACK_MS
          ? `was due at ${Math.round(dueMs)} ms, and is there still when what came ${Math.round(provenMs - dueMs)} ms later is done`
          : this.#complaintAboutNotes(life, office, { dueMs, provenMs });
      if (complaint === undefined) continue;
      this.#told.add(life);
      this.#options.report(`lease ${life.id} of ${life.ttlMs} ms under ${office.member} in term ${term}: ${complaint}`);
    }
  }

  /** Undefined when its keeper may not have heard of it yet, or may renew it at any time. */
  #dueMs({ id, ttlMs, granted, notes }: LeaseLife, office: Office): number | undefined {
    const { member, term, rate, sinceMs } = office;
    const name = `${member} ${id}`;
    if ((this.#open.get(name) ?? 0) > 0) return undefined;
    const isOfBefore = granted.index < office.firstIndex;
    const fromMs = isOfBefore ? sinceMs : appliedMs(office, granted.index);
    const noted = isOfBefore ? (notes.findLast(({ index }) => index < office.firstIndex)?.remainingMs ?? 0) : 0;
    const undone = notes.findLast((note) => note.term === term && note.remainingMs === 0);
    const undoneMs = undone === undefined ? -Infinity : appliedMs(office, undone.index);
    if (fromMs === undefined || undoneMs === undefined) return undefined;
    const renewedMs = Math.max((this.#asked.get(name) ?? -Infinity) + this.#options.electionMs / rate, undoneMs);
    return Math.max(fromMs + (noted || ttlMs) / rate, renewedMs + ttlMs / rate);
  }

  /**
   * The leader walks over its leases every checkpointMs and notes what is left where that is less by half of it than what
   * was noted. So between two walks the note may be one and a half of it behind the truth; a walk whose proposal is refused
   * is made up for by the next one.
   */
  #complaintAboutNotes(
    { ttlMs, notes }: LeaseLife,
    { rate, sinceMs, resumedMs }: Office,
    { dueMs, provenMs }: { readonly dueMs: number; readonly provenMs: number },
  ): string | undefined {
    const { checkpointMs } = this.#options;
    const walksMs = 2.5 * checkpointMs;
    if (ttlMs <= checkpointMs || provenMs < Math.max(sinceMs, resumedMs) + walksMs / rate + SLACK_MS) return undefined;
    const leftMs = (dueMs - provenMs) * rate;
    const notedMs = notes.at(-1)?.remainingMs || ttlMs;
    if (notedMs <= leftMs + walksMs + SLACK_MS) return undefined;
    return `${Math.round(leftMs)} ms are left of it, and ${notedMs} ms are noted`;
  }
}

/** When the leader had applied the entry; undefined: that is not known. */
function appliedMs({ applied }: Office, index: number): number | undefined {
  return applied[firstIndex(applied.length, (place) => (applied[place]?.index ?? 0) >= index)]?.atMs;
}
