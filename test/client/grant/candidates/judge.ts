/** What must hold of the terms of all candidates, and of what observers were told of them. Pure. */

export interface Term {
  readonly token: number;
  readonly candidate: string;
  /** Between these it believed that it leads, and was right to. */
  readonly from: number;
  readonly to: number;
}

/** Undefined: nobody leads. */
export type Seen = { readonly token: number; readonly leader: string } | undefined;

/** One sentence for whatever is wrong. */
export function judgeTerms(terms: readonly Term[]): readonly string[] {
  const byToken = terms.toSorted((a, b) => a.token - b.token);
  return byToken.flatMap((term, place) => {
    const before = byToken[place - 1];
    if (before === undefined) return [];
    if (before.token === term.token) return [`token ${term.token} of ${before.candidate} and ${term.candidate}`];
    const isBeside = term.from <= before.to;
    return isBeside ? [`${inWords(before)} beside ${inWords(term)}`] : [];
  });
}

/** The same for what observers saw: each goes forward only, and all of them name the same leader for a token. */
export function judgeSightings(observers: readonly (readonly Seen[])[], terms: readonly Term[]): readonly string[] {
  const leaders = new Map(terms.map(({ token, candidate }) => [token, candidate]));
  return observers.flatMap((seen, observer) => {
    const complaints: string[] = [];
    let last = 0;
    for (const one of seen) {
      if (one === undefined) continue;
      if (one.token < last) complaints.push(`observer ${observer} saw term ${one.token} after ${last}`);
      last = Math.max(last, one.token);
      const known = leaders.get(one.token) ?? one.leader;
      leaders.set(one.token, known);
      if (known !== one.leader)
        complaints.push(`term ${one.token} is of ${known}, and of ${one.leader} for observer ${observer}`);
    }
    return complaints;
  });
}

/** From the end of a term to the beginning of the next, in the order of time. */
export function gapsOf(terms: readonly Term[]): readonly { readonly from: number; readonly ms: number }[] {
  const inTime = terms.toSorted((a, b) => a.from - b.from);
  return inTime.slice(1).map((term, place) => {
    const from = inTime[place]?.to ?? term.from;
    return { from, ms: term.from - from };
  });
}

/** A time without the leader of the cluster itself. */
export interface Outage {
  readonly from: number;
  /** Another member leads: each lease has its time anew. */
  readonly leadsAt: number;
  /** The old leader is gone, or goes on. Until then one that stands still keeps those waiting who talk to it. */
  readonly to: number;
  readonly isSilent: boolean;
}

export interface Patience {
  readonly ttlMs: number;
  readonly graceMs: number;
  /** After so long a client leaves a member that says nothing. */
  readonly silentMs: number;
}

/**
 * How long nobody may lead from `from` on: the ttl and the grace, counted from when another member led the cluster if that
 * was later; and the time in which the next candidate finds out that the member it waits at stands still.
 */
export function gapLimitMs(from: number, outages: readonly Outage[], patience: Patience): number {
  const { ttlMs, graceMs, silentMs } = patience;
  let endsAt = from + ttlMs + graceMs;
  let silence = 0;
  for (const outage of outages.toSorted((a, b) => a.from - b.from)) {
    if (outage.to < from || outage.from > endsAt + silence) continue;
    endsAt = Math.max(endsAt, outage.leadsAt + ttlMs + graceMs);
    if (outage.isSilent) silence = silentMs;
  }
  return endsAt + silence - from;
}

function inWords({ token, candidate, from, to }: Term): string {
  return `term ${token} of ${candidate} (${Math.round(from)}-${Math.round(to)} ms)`;
}
