/**
 * What clients of the SDK believe to hold, against the committed log, at every moment of true time: as soon as the log has
 * ended a grant, `assertHeld` of whoever had it fails, whatever its clock, its process and its streams have been through.
 * An operator's word is the one exception, and the SDK says so. Besides: nothing is given back while its work goes on, a
 * token is that of the log, and what hangs on one took effect only under a current one.
 */
import type { Command, TxnCommand, TxnOp } from '../../server/state/command.js';
import type { GrantView } from '../../server/state/grant/grant-table.js';
import { isHeld } from '../../server/state/grant/grant-entry.js';
import type { Applied } from '../../server/state/result.js';
import type { Report } from './check-report.js';
import type { ReferenceEntry, ReferenceState } from './reference-state.js';
import type { GuardedTxn, HeldRecords, HeldEnd, Holding, Room } from './workload-ports.js';

/** As the SDK names what is its own. */
const KINDS = /^(?:mutex|rwLock|semaphore|election)\//;

/** What a name was like from a moment on. */
interface Occupied {
  readonly atMs: number;
  readonly isExclusive: boolean;
  /** Permits of those that share it. */
  readonly taken: number;
  readonly hasWaiters: boolean;
  /** What observers are told. */
  readonly text: string;
}

interface Ended {
  readonly by: HeldEnd;
  readonly atMs: number;
  readonly entry: string;
}

export class HeldChecks implements HeldRecords {
  readonly #report: Report;
  readonly #nowMs: () => number;
  /** By attempt: those that have not been given up here. */
  readonly #holdings = new Map<string, Holding>();
  /** By attempt: what it holds now. */
  readonly #granted = new Map<string, readonly string[]>();
  /** By attempt: of those that ever held anything. */
  readonly #tokens = new Map<string, number>();
  readonly #ends = new Map<string, Ended>();
  readonly #states = new Map<string, Occupied[]>();
  readonly #guarded = new Map<string, GuardedTxn>();
  readonly #revisions = new Set<number>();
  #grants: GrantView | undefined;
  readonly counts = { 'sdk holdings looked at as they end': 0, 'sdk holdings looked at after a pause': 0 };

  constructor(report: Report, reference: ReferenceState, nowMs: () => number) {
    this.#report = report;
    this.#nowMs = nowMs;
    reference.follow((entry) => this.#follow(entry));
  }

  // What the workload tells

  hold(holding: Holding): void {
    const { who, names, grant } = holding;
    const token = this.#tokens.get(grant.attempt);
    if (token !== grant.token) {
      this.#report('held-token', `${who} was granted ${names.join()} with token ${grant.token}, the log says ${token}`);
    }
    this.#holdings.set(grant.attempt, holding);
    this.look(holding);
  }

  letGo({ grant }: Holding): void {
    this.#holdings.delete(grant.attempt);
  }

  processEnded(process: string): void {
    for (const holding of this.#holdings.values()) if (holding.process === process) this.letGo(holding);
  }

  resumed(process: string): void {
    for (const holding of this.#holdings.values()) {
      if (holding.process !== process) continue;
      this.counts['sdk holdings looked at after a pause'] += 1;
      this.look(holding);
    }
  }

  look(holding: Holding): void {
    if (holding.isAsleep()) return;
    const { who, names, grant } = holding;
    const ended = this.#ends.get(grant.attempt);
    const isSure = isSurelyHeld(holding);
    if (ended !== undefined && ended.by !== 'forced' && isSure) {
      const ago = Math.round(this.#nowMs() - ended.atMs);
      const says = `is ${grant.state} for another ${grant.remainingMs} ms`;
      this.#report(
        'held',
        `${who}: token ${grant.token} of ${names.join()} ${says}; ${ended.entry} ended it ${ago} ms ago`,
      );
    }
    if (holding.isPaused()) return;
    const { state, remainingMs, signal } = grant;
    const agrees = isSure
      ? remainingMs > 0 && (state === 'held' || state === 'jeopardy') && !signal.aborted
      : remainingMs === 0 && state !== 'held';
    if (agrees) return;
    const words = `${state}, ${remainingMs} ms left, ${signal.aborted ? '' : 'not '}aborted`;
    this.#report('held', `${who}: assertHeld ${isSure ? 'passes' : 'fails'}, and the grant is ${words}`);
  }

  // What the log says

  endOf(attempt: string): HeldEnd | undefined {
    return this.#ends.get(attempt)?.by;
  }

  wasTaken(names: readonly string[], room: Room, fromMs: number): boolean {
    return names.some((name) => {
      const states = this.#states.get(name) ?? [];
      const first = states.findLastIndex(({ atMs }) => atMs <= fromMs);
      return states.slice(Math.max(0, first)).some((state) => isTaken(state, room));
    });
  }

  /** At the first place nobody holds anything. */
  placeOf(name: string, text: string, from: number): number | undefined {
    if (from === 0 && text === '') return 0;
    const states = this.#states.get(name) ?? [];
    for (let place = Math.max(from, 1); place <= states.length; place += 1) {
      if (states[place - 1]?.text === text) return place;
    }
    return undefined;
  }

  guardedTxn(value: string): GuardedTxn | undefined {
    return this.#guarded.get(value);
  }

  isGuardedWrite(revision: number): boolean {
    return this.#revisions.has(revision);
  }

  get left(): readonly string[] {
    const grants = this.#grants;
    return grants?.names().filter((name) => KINDS.test(name) && grants.queue(name)?.size !== 0) ?? [];
  }

  #follow({ index, term, atMs, command, applied, machine }: ReferenceEntry): void {
    const { grants } = machine;
    this.#grants = grants;
    if (command.kind === 'txn') this.#guardedBy(command, applied, grants);
    const names = applied.grantNames?.filter((name) => KINDS.test(name)) ?? [];
    if (names.length === 0) return;
    for (const name of names) this.#record(name, atMs, grants);
    for (const attempt of this.#over(names, grants)) {
      const ended = { by: endBy(command), atMs, entry: `entry ${term}/${index}, ${command.kind},` };
      this.#ends.set(attempt, ended);
      const holding = this.#holdings.get(attempt);
      if (holding === undefined) continue;
      this.counts['sdk holdings looked at as they end'] += 1;
      this.look(holding);
      if (command.kind !== 'grantRelease' || !holding.isBusy) continue;
      this.#report(
        'held-until-settled',
        `${holding.who}: ${ended.entry} gives ${holding.names.join()} back, and its work goes on`,
      );
    }
  }

  /** Attempts that were granted one of the names, and are not any more. */
  #over(names: readonly string[], grants: GrantView): readonly string[] {
    const over: string[] = [];
    for (const [attempt, granted] of this.#granted) {
      if (!granted.some((name) => names.includes(name))) continue;
      const entry = grants.find(attempt);
      if (entry !== undefined && isHeld(entry)) continue;
      this.#granted.delete(attempt);
      over.push(attempt);
    }
    return over;
  }

  #record(name: string, atMs: number, grants: GrantView): void {
    const queue = grants.queue(name);
    const granted = queue?.granted ?? [];
    for (const entry of granted) {
      if (!isHeld(entry) || this.#tokens.has(entry.attempt)) continue;
      this.#tokens.set(entry.attempt, entry.token);
      this.#granted.set(entry.attempt, entry.names);
    }
    const states = this.#states.get(name) ?? [];
    this.#states.set(name, states);
    const [holder] = granted.filter(isHeld);
    states.push({
      atMs,
      isExclusive: granted.some(({ mode }) => mode === 'exclusive'),
      taken: granted.reduce((sum, { weight }) => sum + weight, 0),
      hasWaiters: (queue?.waiting.length ?? 0) > 0,
      text: holder === undefined ? '' : `${holder.token} ${holder.value}`,
    });
  }

  /** Those of the SDK: grants that must be current, before anything else of the transaction is looked at. */
  #guardedBy(
    { compares, success }: TxnCommand,
    { outcome, isReplay, events, revision }: Applied,
    grants: GrantView,
  ): void {
    const value = putIn(success);
    const guards = compares.flatMap((compare) => (compare.target === 'grant' ? [compare] : []));
    if (guards.length === 0 || value === undefined || isReplay === true || !outcome.ok) return;
    if (!guards.every(({ key }) => KINDS.test(key))) return;
    const isCurrent = guards.every(({ key, operand }) => grants.isCurrent(key, operand));
    const puts = events.map(({ kv }) => ({ key: kv.key, value: kv.value }));
    const tokens = guards.map(({ key, operand }) => `${operand} of ${key}`).join();
    if (this.#guarded.has(value)) this.#report('held-guard', `the write of ${value} under ${tokens} has come twice`);
    if (isCurrent !== puts.length > 0) {
      const was = `${puts.length > 0 ? 'took' : 'did not take'} effect`;
      this.#report('held-guard', `the write of ${value} under ${tokens} ${was}; current: ${isCurrent}`);
    }
    this.#guarded.set(value, { revision, puts });
    if (puts.length > 0) this.#revisions.add(revision);
  }
}

/** Nothing of a process that stands still may be touched: what is left can be read without waking anybody. */
function isSurelyHeld({ grant, isPaused }: Holding): boolean {
  if (isPaused()) return grant.remainingMs > 0;
  try {
    grant.assertHeld();
    return true;
  } catch {
    return false;
  }
}

function endBy({ kind }: Command): HeldEnd {
  if (kind === 'grantRelease') return 'released';
  return kind === 'grantForce' ? 'forced' : 'lost';
}

function isTaken({ isExclusive, taken, hasWaiters }: Occupied, { mode, weight, capacity }: Room): boolean {
  if (isExclusive || hasWaiters) return true;
  if (mode === 'exclusive') return taken > 0;
  return capacity > 0 && taken + weight > capacity;
}

/** The value that a transaction puts, at whatever depth. */
function putIn(ops: readonly TxnOp[]): string | undefined {
  for (const op of ops) {
    if (op.kind === 'put') return op.value;
    if (op.kind === 'txn') return putIn(op.success);
  }
  return undefined;
}
