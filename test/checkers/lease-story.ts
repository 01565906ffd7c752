/**
 * Histories of leases as text, for the tests of their checker. The log, each line a lease, and what clients asked:
 *
 *   lease 7 of 5 s: granted 100, note 3000 at 900 in term 1, expired 6000 in term 2
 *   lease 8 of 5 s: granted 100, revoked 900 in term 1
 *   lease 9 of 5 s: granted 100                    lives on
 *   keys 7: a b from 200                           what hangs on it from then on
 *   listed 7 8 at revision 3 from 100              a member's leases, from then on
 *   rate 2 is 1.1                                  of the clock of the leader of term 2; else 1
 *
 *   50-110 grant 7 for 5 -> 7 for 5                client 1, from 50 to 110 ms
 *   50-110 revoke 7 -> ok
 *   50-110 renew 7 -> 5                            5 s again; 0: there is none
 *   50-110 left 7 -> 3 of 5                        `none`: there is none
 *   50-110 left 7 with keys -> 3 of 5: a b
 *   50-110 list at revision 3 -> 7 8
 *   50-110 renew 7 -> ?                            unknown outcome; NO_LEADER: failed
 *   50-110 put a under 7 -> LEASE_NOT_FOUND        a call on keys
 *
 * Histories that differ in one fact are written as one: `{2|3}` is 2 in the good one and 3 in the bad one.
 */
import { describe, expect, test } from 'vitest';
import { checkLeases, type LeaseHistory } from './lease-checker.js';
import type { LeaseEnding, LeaseKeys, LeaseLife, LeaseNote } from './lease-life.js';
import type { LeaseAnswer, LeaseCall, LeaseOperation, LeaseOutcome } from './lease-operation.js';
import type { Operation } from './operation.js';

export interface LeaseNeighbours {
  /** Why the good one is good. */
  readonly good: string;
  readonly history: string;
  /** Why each of the bad ones is bad, and part of a sentence that is said about it. */
  readonly bad: Readonly<Record<string, string>>;
}

const ANSWER_AGE_MS = 1000;

export function describeLeases(theme: string, all: readonly LeaseNeighbours[]): void {
  const bad = all.flatMap(({ history, bad: variants }) =>
    Object.entries(variants).map(([why, says], index) => ({ why, says, text: variant(history, index + 1) })),
  );
  describe(theme, () => {
    test.each(all)('accepted: $good', ({ history }) => {
      expect(checkLeases(parse(variant(history, 0)))).toEqual([]);
    });
    test.each(bad)('rejected: $why', ({ text, says }) => {
      const found = checkLeases(parse(text)).map(({ message }) => message);
      expect(found).toContainEqual(expect.stringContaining(says));
      expect(found).toHaveLength(1);
    });
  });
}

function variant(text: string, index: number): string {
  return text.replaceAll(/\{([^{}]*)\}/g, (_, all: string) => {
    const choices = all.split('|');
    return choices[index] ?? choices[0] ?? '';
  });
}

function parse(text: string): LeaseHistory {
  const lives: LeaseLife[] = [];
  const keysOf = new Map<string, LeaseKeys[]>();
  const operations: LeaseOperation[] = [];
  const keyOperations: Operation[] = [];
  const rates = new Map<number, number>();
  const listings = new Map<string, number>();
  for (const line of text.split('\n').map((each) => each.trim())) {
    const [, lease, ttl = '', told = ''] = /^lease (\d+) of (\d+) s: (.*)$/.exec(line) ?? [];
    const [, owner, keys = '', keysFrom] = /^keys (\d+): (.*?) ?from (\d+)$/.exec(line) ?? [];
    const [, term, rate] = /^rate (\d+) is ([\d.]+)$/.exec(line) ?? [];
    const [, ids, revision, listedFrom] = /^listed (.*?) ?at revision (\d+) from (\d+)$/.exec(line) ?? [];
    if (lease !== undefined) lives.push(lifeFrom(lease, Number(ttl), told, keysOf));
    else if (owner !== undefined) keysOf.get(owner)?.push({ ...moment(keysFrom), keys: words(keys) });
    else if (term !== undefined) rates.set(Number(term), Number(rate));
    else if (ids !== undefined) listings.set(`${revision}: ${ids}`, Number(listedFrom));
    else if (line.includes(' put ')) keyOperations.push(putFrom(line));
    else if (line !== '') operations.push(operationFrom(line));
  }
  return {
    operations,
    keyOperations,
    lives,
    firstListed: (revision, ids) => listings.get(`${revision}: ${ids.join(' ')}`),
    rateOf: (term) => rates.get(term) ?? 1,
    answerAgeMs: ANSWER_AGE_MS,
  };
}

function lifeFrom(id: string, ttl: number, told: string, keysOf: Map<string, LeaseKeys[]>): LeaseLife {
  const [, granted] = matched(/^granted (\d+)/, told);
  const notes = [...told.matchAll(/note (\d+) at (\d+) in term (\d+)/g)].map(
    ([, remainingMs, atMs, term]): LeaseNote => ({ ...moment(atMs, term), remainingMs: Number(remainingMs) }),
  );
  const [, cause, endedAt, term] = /(expired|revoked) (\d+) in term (\d+)/.exec(told) ?? [];
  const ended: LeaseEnding | undefined =
    cause === 'expired' || cause === 'revoked' ? { ...moment(endedAt, term), cause, revision: 2, keys: [] } : undefined;
  const keys: LeaseKeys[] = [{ ...moment(granted), keys: [] }];
  keysOf.set(id, keys);
  return { id, ttlMs: ttl * 1000, granted: moment(granted), notes, keys, ended };
}

/** The place in the log is of no importance here. */
function moment(atMs: string | undefined, term = '1'): { index: number; term: number; atMs: number } {
  return { index: Number(atMs), term: Number(term), atMs: Number(atMs) };
}

function operationFrom(line: string): LeaseOperation {
  const [, start, end, said = '', answer = ''] = matched(/^(\d+)-(\d+) (.+?) -> (.+)$/, line);
  const { call, revision } = callFrom(said);
  const times = { startMs: Number(start), endMs: Number(end) };
  return { client: 1, member: 'm1', call, outcome: outcomeFrom(call, revision, answer), ...times };
}

function callFrom(said: string): { call: LeaseCall; revision: number } {
  const [, list] = /^list at revision (\d+)$/.exec(said) ?? [];
  if (list !== undefined) return { call: { kind: 'leases' }, revision: Number(list) };
  const [, verb, id = '', ttl, keys] = matched(/^(grant|revoke|renew|left) (\d+)(?: for (\d+))?( with keys)?$/, said);
  if (verb === 'grant') return { call: { kind: 'grant', id, ttl: Number(ttl) }, revision: 1 };
  if (verb === 'left') return { call: { kind: 'timeToLive', id, keys: keys !== undefined }, revision: 1 };
  return { call: { kind: verb === 'revoke' ? 'revoke' : 'keepAlive', id }, revision: 1 };
}

function outcomeFrom(call: LeaseCall, revision: number, said: string): LeaseOutcome {
  if (said === '?') return { kind: 'unknown', code: 'OUTCOME_UNKNOWN' };
  if (/^[A-Z_]+$/.test(said)) return { kind: 'failed', code: said };
  return { kind: 'ok', revision, answer: answerFrom(call, said) };
}

function answerFrom(call: LeaseCall, said: string): LeaseAnswer {
  switch (call.kind) {
    case 'grant': {
      const [, id = '', ttl] = matched(/^(\d+) for (\d+)$/, said);
      return { kind: 'grant', id, ttl: Number(ttl) };
    }
    case 'revoke':
      return { kind: 'revoke' };
    case 'keepAlive':
      return { kind: 'keepAlive', ttl: Number(said) };
    case 'timeToLive': {
      if (said === 'none') return { kind: 'timeToLive', ttl: -1, grantedTtl: 0, keys: [] };
      const [, ttl, granted, keys = ''] = matched(/^(\d+) of (\d+)(?:: ?(.*))?$/, said);
      return { kind: 'timeToLive', ttl: Number(ttl), grantedTtl: Number(granted), keys: words(keys) };
    }
    case 'leases':
      return { kind: 'leases', ids: words(said) };
  }
}

function putFrom(line: string): Operation {
  const [, start, end, key = '', lease = '', code = ''] = matched(
    /^(\d+)-(\d+) put (\w+) under (\d+) -> ([A-Z_]+)$/,
    line,
  );
  const call = { kind: 'put', key, value: 'x', lease } as const;
  return {
    client: 1,
    member: 'm1',
    call,
    outcome: { kind: 'failed', code },
    startMs: Number(start),
    endMs: Number(end),
  };
}

function words(said: string): readonly string[] {
  return said.split(' ').filter((word) => word !== '');
}

function matched(pattern: RegExp, said: string): readonly (string | undefined)[] {
  const found = pattern.exec(said);
  if (found === null) throw new Error(`not a story of leases: ${said}`);
  return found;
}
