/**
 * What clients were told of leases, against the leases that the log tells of. Every answer must have been true at some
 * moment between its question and itself; and no lease may run out before the time that was promised:
 *
 *     end >= max(grant, S of every answered renewal) + ttl / rate
 *
 * S is when the client sent the question, for it counts from there: what happened to the question and its answer on the
 * way is none of its business. The grant counts from when anybody knows it to be committed. `end` is when anybody knows the
 * end to be committed: nobody acts on it before. All these are true times, and the clients' clocks show them. The time of a
 * lease passes by the clock of the leader that ends it, which runs `rate` times as fast as true time; where leaders before
 * it have noted what was left, part of the time passed by theirs, and the fastest of them all counts. A client whose own
 * clock runs at another rate has to allow for both.
 *
 * Whatever is left, as a time to live says, is promised as well: from when it was asked for on, or from an election timeout
 * before the answer on, which is as old as an answer may get. So long as a grant or a renewal has no answer it promises
 * nothing.
 *
 * Leases that live too long: lease-lateness.ts.
 */
import type { LeaseLife } from './lease-life.js';
import { type AnsweredLeaseOperation, describeLeaseOperation, isAnsweredLease } from './lease-operation.js';
import type { LeaseOperation } from './lease-operation.js';
import type { Operation } from './operation.js';
import { describeOperation } from './describe.js';
import { putsOf } from './operation-facts.js';

export interface LeaseHistory {
  readonly operations: readonly LeaseOperation[];
  /** Of those on keys, the ones that name leases count. */
  readonly keyOperations: readonly Operation[];
  /** In the order of their grants. */
  readonly lives: readonly LeaseLife[];
  /** When the leases of a member were first these, at this revision; undefined: never. */
  firstListed(revision: number, ids: readonly string[]): number | undefined;
  /** Of the clock of the leader of a term; undefined: never seen. */
  rateOf(term: number): number | undefined;
  /** The longest that an answer may be on its way in the cluster, in true ms. */
  readonly answerAgeMs: number;
}

/** Clocks count in small steps. */
const ROUNDING_MS = 0.01;

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

export interface LeaseViolation {
  readonly checker: 'lease-answers' | 'lease-early';
  readonly message: string;
}

/** Nothing when all is well. */
export function checkLeases(history: LeaseHistory): readonly LeaseViolation[] {
  const lives = new Lives(history.lives);
  const answers = [
    ...history.operations.flatMap((operation) => complaintsAbout(operation, lives, history)),
    ...history.keyOperations.flatMap((operation) => complaintsAboutPut(operation, lives)),
    ...miscounts(history),
  ];
  return [
    ...answers.map((message) => ({ checker: 'lease-answers', message }) as const),
    ...tooEarly(history, lives).map((message) => ({ checker: 'lease-early', message }) as const),
  ];
}

class Lives {
  readonly #byId = new Map<string, LeaseLife[]>();

  constructor(lives: readonly LeaseLife[]) {
    for (const life of lives) {
      const known = this.#byId.get(life.id);
      if (known === undefined) this.#byId.set(life.id, [life]);
      else known.push(life);
    }
  }

  /** Of the leases of this id those that were there at some moment of the window. */
  during(id: string, { startMs, endMs }: Window): readonly LeaseLife[] {
    const all = this.#byId.get(id) ?? [];
    return all.filter(({ granted, ended }) => granted.atMs <= endMs && (ended === undefined || ended.atMs >= startMs));
  }

  /** Whether there was a moment without a lease of this id. */
  mayBeAbsent(id: string, { startMs, endMs }: Window): boolean {
    const all = this.#byId.get(id) ?? [];
    return !all.some(({ granted, ended }) => granted.atMs < startMs && (ended === undefined || ended.atMs > endMs));
  }
}

function complaintsAbout(operation: LeaseOperation, lives: Lives, history: LeaseHistory): readonly string[] {
  const complaint = isAnsweredLease(operation)
    ? aboutAnswer(operation, lives, history)
    : aboutRefusal(operation, lives);
  return complaint === undefined ? [] : [`${describeLeaseOperation(operation)}: ${complaint}`];
}

function aboutRefusal(operation: LeaseOperation, lives: Lives): string | undefined {
  const { call, outcome } = operation;
  if (outcome.kind !== 'failed' || call.kind === 'leases') return undefined;
  if (outcome.code === 'LEASE_EXISTS' && lives.during(call.id, operation).length === 0) return 'there was none';
  if (outcome.code === 'LEASE_NOT_FOUND' && !lives.mayBeAbsent(call.id, operation)) return 'it was there all the time';
  return undefined;
}

function aboutAnswer(operation: AnsweredLeaseOperation, lives: Lives, history: LeaseHistory): string | undefined {
  const { call, outcome } = operation;
  const { answer } = outcome;
  if (call.kind !== answer.kind) return `a ${answer.kind} answers it`;
  if (answer.kind === 'leases') {
    const sinceMs = history.firstListed(outcome.revision, answer.ids);
    return sinceMs !== undefined && sinceMs <= operation.endMs ? undefined : 'these were never the leases of a member';
  }
  if (call.kind === 'leases') return undefined;
  const id = answer.kind === 'grant' ? answer.id : call.id;
  const there = lives.during(id, operation);
  switch (answer.kind) {
    case 'grant': {
      const isIn = ({ granted, ttlMs }: LeaseLife): boolean =>
        granted.atMs >= operation.startMs && granted.atMs <= operation.endMs && ttlMs === answer.ttl * 1000;
      if (call.kind === 'grant' && call.id !== '0' && call.id !== id) return 'it has another id';
      if (call.kind === 'grant' && answer.ttl < call.ttl) return 'its time is less than what was asked for';
      return there.some(isIn) ? undefined : 'it was not granted meanwhile';
    }
    case 'revoke':
      return there.some(({ ended }) => ended?.cause === 'revoked' && ended.atMs <= operation.endMs)
        ? undefined
        : 'it was not revoked meanwhile';
    case 'keepAlive':
      return answer.ttl === 0
        ? absence(id, operation, lives)
        : presence(there, (life) => secondsOf(life) === answer.ttl);
    case 'timeToLive':
      if (answer.ttl === -1) return absence(id, operation, lives);
      return presence(there, (life) => {
        if (secondsOf(life) !== answer.grantedTtl || answer.ttl > answer.grantedTtl) return false;
        return call.kind !== 'timeToLive' || !call.keys || hadKeys(life, answer.keys, operation);
      });
  }
}

function absence(id: string, operation: LeaseOperation, lives: Lives): string | undefined {
  return lives.mayBeAbsent(id, operation) ? undefined : 'it was there all the time';
}

function presence(there: readonly LeaseLife[], isSo: (life: LeaseLife) => boolean): string | undefined {
  if (there.length === 0) return 'it was not there at any moment meanwhile';
  return there.some(isSo) ? undefined : 'it was never like that meanwhile';
}

function secondsOf({ ttlMs }: LeaseLife): number {
  return Math.floor(ttlMs / 1000);
}

/** Whether exactly these keys hung on it at some moment of the window. */
function hadKeys({ keys }: LeaseLife, shown: readonly string[], { startMs, endMs }: Window): boolean {
  return keys.some((since, place) => {
    const untilMs = keys[place + 1]?.atMs ?? Infinity;
    return since.atMs <= endMs && untilMs >= startMs && since.keys.join('\n') === shown.join('\n');
  });
}

/** A put that was refused for its lease: one of those that it names must have been missing. */
function complaintsAboutPut(operation: Operation, lives: Lives): readonly string[] {
  const { call, outcome } = operation;
  if (outcome.kind !== 'failed' || outcome.code !== 'LEASE_NOT_FOUND') return [];
  const named = putsOf(call).flatMap(({ lease }) => lease ?? []);
  if (named.some((lease) => lives.mayBeAbsent(lease, operation))) return [];
  return [`${describeOperation(operation)}: its leases were there all the time`];
}

/** Each answer stands for a grant or an end of its own, and what surely failed, or was never asked, has not happened. */
function miscounts({ operations, lives }: LeaseHistory): readonly string[] {
  const asked = { grant: new Counts(), revoke: new Counts() };
  const done = { grant: new Counts(), revoke: new Counts() };
  const told = { grant: new Counts(), revoke: new Counts() };
  let unnamed = 0;
  for (const { call, outcome } of operations) {
    if ((call.kind !== 'grant' && call.kind !== 'revoke') || outcome.kind === 'failed') continue;
    const id = outcome.kind === 'ok' && outcome.answer.kind === 'grant' ? outcome.answer.id : call.id;
    asked[call.kind].add(id);
    if (outcome.kind === 'ok') told[call.kind].add(id);
    if (id === '0') unnamed += 1;
  }
  for (const { id, ended } of lives) {
    done.grant.add(id);
    if (ended?.cause === 'revoked') done.revoke.add(id);
  }
  const complaints: string[] = [];
  let strange = 0;
  for (const kind of ['grant', 'revoke'] as const) {
    for (const id of new Set([...done[kind].ids, ...told[kind].ids])) {
      const [calls, times, answers] = [asked[kind].of(id), done[kind].of(id), told[kind].of(id)];
      if (times < answers)
        complaints.push(`${answers} calls were told of a ${kind} of lease ${id}, of which there were ${times}`);
      else if (kind === 'grant' && calls === 0) strange += times;
      else if (times > calls) complaints.push(`lease ${id} saw a ${kind} ${times} times for ${calls} calls`);
    }
  }
  // The others were told an id that their members had chosen.
  if (strange > unnamed) complaints.push(`${strange} leases were granted that nobody asked for`);
  return complaints;
}

class Counts {
  readonly #counts = new Map<string, number>();

  get ids(): Iterable<string> {
    return this.#counts.keys();
  }

  of(id: string): number {
    return this.#counts.get(id) ?? 0;
  }

  add(id: string): void {
    this.#counts.set(id, this.of(id) + 1);
  }
}

interface Promised {
  readonly untilMs: number;
  readonly by: string;
}

function tooEarly(history: LeaseHistory, lives: Lives): readonly string[] {
  const answers = new Map<LeaseLife, AnsweredLeaseOperation[]>();
  for (const operation of history.operations.filter(isAnsweredLease)) {
    const { call } = operation;
    if (call.kind !== 'keepAlive' && call.kind !== 'timeToLive') continue;
    // Of two leases that were there meanwhile, the answer may be about either.
    const [life, ...others] = lives.during(call.id, operation);
    if (life === undefined || others.length > 0) continue;
    answers.set(life, [...(answers.get(life) ?? []), operation]);
  }
  return history.lives.flatMap((life) => {
    const { ended, granted, ttlMs, id } = life;
    const rate = fastestOf(life, history);
    if (ended?.cause !== 'expired' || rate === undefined) return [];
    const all: Promised[] = [
      { untilMs: granted.atMs + ttlMs / rate, by: `its grant at ${granted.atMs} ms` },
      ...(answers.get(life) ?? []).flatMap((operation) => promisedBy(operation, life, rate, history.answerAgeMs)),
    ];
    const broken = all.find(({ untilMs }) => ended.atMs < untilMs - ROUNDING_MS);
    if (broken === undefined) return [];
    const end = `lease ${id} of ${ttlMs} ms ran out at ${ended.atMs} ms, in term ${ended.term}`;
    return [`${end}, and was promised until ${broken.untilMs} ms by ${broken.by}`];
  });
}

function promisedBy(
  operation: AnsweredLeaseOperation,
  { ttlMs }: LeaseLife,
  rate: number,
  answerAgeMs: number,
): readonly Promised[] {
  const { call, startMs, endMs, outcome } = operation;
  const { answer } = outcome;
  const by = describeLeaseOperation(operation);
  if (answer.kind === 'keepAlive' && answer.ttl > 0) return [{ untilMs: startMs + ttlMs / rate, by }];
  if (answer.kind !== 'timeToLive' || answer.ttl <= 0) return [];
  // The keys are read after the leader has told the time.
  const toldMs = call.kind === 'timeToLive' && call.keys ? startMs : Math.max(startMs, endMs - answerAgeMs);
  return [{ untilMs: toldMs + (answer.ttl * 1000) / rate, by }];
}

/** Of the clocks by which its time may have passed. Undefined: one of them is not known. */
function fastestOf({ notes, ended }: LeaseLife, history: LeaseHistory): number | undefined {
  const terms = [...notes.map(({ term }) => term), ...(ended === undefined ? [] : [ended.term])];
  const rates = terms.map((term) => history.rateOf(term));
  return rates.includes(undefined) ? undefined : rates.reduce((a, b) => Math.max(a ?? 0, b ?? 0), 0);
}
