/**
 * What the committed log makes of grants, entry by entry: grant-model.ts is told every command, and must come to what the
 * state machine comes to, in answers and in what there is afterwards. What every lock promises is looked at besides, in
 * words of its own: tokens only rise, whatever is granted fits together, and nobody holds anything on a lease that is gone.
 */
import type { Command, GrantAcquireCommand } from '../../server/state/command.js';
import type { GrantEntry } from '../../server/state/grant/grant-entry.js';
import type { GrantView } from '../../server/state/grant/grant-table.js';
import type { Applied } from '../../server/state/result.js';
import { GrantModel, type ModelEntry, plain } from './grant-model.js';
import type { ToldQueue } from './grant-operation.js';

export interface GrantedEntry {
  readonly index: number;
  readonly atMs: number;
  readonly command: Command;
  readonly applied: Applied;
  /** As it is after the entry. */
  readonly grants: GrantView;
  readonly hasLease: (id: bigint) => boolean;
  /** The cluster's time after the entry. */
  readonly timeMs: number;
}

/** From the moment that an attempt stands in the log until it is over. */
export interface GrantLife {
  readonly attempt: string;
  readonly place: number;
  readonly begunMs: number;
  token: number;
  slots: readonly number[];
  grantedMs: number | undefined;
  endedMs: number | undefined;
  end: 'released' | 'lost' | undefined;
}

export class GrantSpec {
  readonly #model = new GrantModel();
  readonly #lives = new Map<number, GrantLife>();
  /** By name: what it became with each version that changed it. */
  readonly #states = new Map<string, ToldQueue[]>();
  /** By name: the highest token that was ever granted. */
  readonly #tokens = new Map<string, number>();
  readonly #marks = new Map<string, number>();
  #lastToken = 0;
  #lastChange = 0;
  readonly counts = {
    granted: 0,
    promoted: 0,
    waited: 0,
    taken: 0,
    retried: 0,
    abandoned: 0,
    lost: 0,
    forced: 0,
    bars: 0,
    owned: 0,
  };

  get lives(): Iterable<GrantLife> {
    return this.#lives.values();
  }

  /** How many are lost and keep others out. */
  get bars(): number {
    return this.#model.entries.filter(({ barsUntilMs }) => barsUntilMs > 0).length;
  }

  /** Whether the token is that of a grant of the name now. */
  isCurrent(name: string, token: number): boolean {
    return this.#model.of(name).some((entry) => entry.token === token && entry.barsUntilMs === 0);
  }

  /** The name as of a version of all grants. */
  stateAt(name: string, change: number): ToldQueue {
    const state = this.#states.get(name)?.findLast((one) => one.change <= change);
    return state ?? { name, change: 0, granted: [], waiting: [] };
  }

  /** What is wrong with what the entry did. */
  take(entry: GrantedEntry): readonly string[] {
    const { command, applied } = entry;
    const complaints: string[] = [];
    const isTold = this.#follow(entry, complaints);
    if (!isTold)
      return applied.grantNames === undefined ? [] : [`${command.kind} changed ${applied.grantNames.join()}`];
    complaints.push(...this.#differences(entry.grants), ...this.#brokenPromises(entry));
    this.#record(entry);
    return complaints;
  }

  /** A transaction that raises a mark: undefined when that is as it should be. */
  fence(mark: string, token: number, isRefused: boolean): string | undefined {
    const known = this.#marks.get(mark) ?? 0;
    if (isRefused !== known > token)
      return `the mark ${mark} is ${known}, and ${token} was ${isRefused ? '' : 'not '}refused`;
    if (!isRefused) this.#marks.set(mark, token);
    return undefined;
  }

  /** False: the command is none of grants. */
  #follow({ command, applied, hasLease, timeMs }: GrantedEntry, complaints: string[]): boolean {
    const { outcome } = applied;
    const refused = outcome.ok ? undefined : outcome.code;
    const check = (should: string | undefined): boolean => {
      if (refused !== should) complaints.push(`${command.kind} ${told(refused)}, and should have been ${told(should)}`);
      return refused === undefined && should === undefined;
    };
    switch (command.kind) {
      case 'grantAcquire':
        if (check(this.#refusalOf(command, hasLease))) this.#acquire(command, applied, complaints);
        return true;
      case 'grantRelease': {
        const { attempt, to } = command;
        if (!check(this.#mayFollow(attempt, to) ? undefined : 'GRANT_NOT_FOUND')) return true;
        const isWaiting = this.#model.living(attempt)?.token === 0;
        const released = this.#model.release(attempt, to);
        if (isWaiting) this.counts.abandoned += 1;
        if (outcome.ok && (outcome.result.kind !== 'grantRelease' || outcome.result.released !== released)) {
          complaints.push(`the release of ${attempt} was answered by something else than ${released}`);
        }
        return true;
      }
      case 'grantForce':
        if (check(this.isCurrent(command.name, command.token) ? undefined : 'GRANT_NOT_FOUND')) {
          this.counts.forced += 1;
          this.#model.force(command.token);
        }
        return true;
      case 'grantProclaim': {
        const holder = this.#model.living(command.attempt);
        const isHolder = holder !== undefined && command.token > 0 && holder.token === command.token;
        if (check(isHolder ? undefined : 'GRANT_NOT_FOUND') && holder !== undefined) holder.value = command.value;
        return true;
      }
      case 'leaseRevoke':
        if (outcome.ok) this.#endLeases([command.id], false);
        return true;
      case 'leaseExpire':
        // The lease may be there still: too much hangs on it for one entry, or it is another one of that id.
        const over = command.leases.map(({ id }) => id).filter((id) => outcome.ok && !hasLease(id));
        this.#endLeases(over, true);
        return true;
      case 'clusterTime':
        this.#model.advance(timeMs);
        this.counts.bars += this.#model.entries.filter(({ timesTold }) => timesTold === 2).length;
        return true;
      default:
        return false;
    }
  }

  #acquire({ mayWait, ...wish }: GrantAcquireCommand, { outcome }: Applied, complaints: string[]): void {
    const isKnown = this.#model.living(wish.attempt) !== undefined;
    const entry = this.#model.acquire(wish, mayWait);
    if (isKnown) this.counts.retried += 1;
    else if (entry === 'taken') this.counts.taken += 1;
    else if (entry.token === 0) this.counts.waited += 1;
    const { place, token, slots } = entry === 'taken' ? { place: 0, token: 0, slots: [] } : entry;
    const is = outcome.ok && outcome.result.kind === 'grantAcquire' ? outcome.result : undefined;
    if (is?.place !== place || is.token !== token || is.slots.join() !== slots.join()) {
      complaints.push(
        `${wish.attempt} was told place ${is?.place} token ${is?.token} slots [${is?.slots.join()}], and should have been told place ${place} token ${token} slots [${slots.join()}]`,
      );
    }
  }

  #endLeases(leases: readonly bigint[], isLoss: boolean): void {
    this.counts.lost += this.#model.entries.filter(
      ({ wish, token }) => leases.includes(wish.lease) && token > 0,
    ).length;
    this.#model.endLeases(leases, isLoss);
  }

  /** Those that depend on what there is; clients of a run ask for nothing that is malformed. */
  #refusalOf(
    { attempt, names, owner, mode, lease, capacity, weight }: GrantAcquireCommand,
    hasLease: (id: bigint) => boolean,
  ): string | undefined {
    if (!hasLease(lease)) return 'LEASE_NOT_FOUND';
    const known = this.#model.living(attempt)?.wish;
    if (known !== undefined) {
      const isSame =
        known.names.join() === names.join() && known.mode === mode && known.lease === lease && known.weight === weight;
      return isSame ? undefined : 'INVALID_GRANT';
    }
    const others = this.#model.entries.filter(({ wish }) => wish.names.some((name) => names.includes(name)));
    const own = others.filter(({ wish, barsUntilMs }) => owner !== '' && wish.owner === owner && barsUntilMs === 0);
    if (own.some(({ wish }) => mode === 'exclusive' || wish.mode === 'exclusive')) {
      this.counts.owned += 1;
      return 'GRANT_OWNED';
    }
    const isOdd = mode === 'shared' && others.some(({ wish }) => wish.mode === 'shared' && wish.capacity !== capacity);
    return isOdd ? 'INVALID_GRANT' : undefined;
  }

  #mayFollow(attempt: string, to: string): boolean {
    const from = this.#model.living(attempt);
    const next = this.#model.living(to);
    if (to === '' || from === undefined) return true;
    return from.token > 0 && next?.token === 0 && from.wish.names.join() === next.wish.names.join();
  }

  #differences(grants: GrantView): readonly string[] {
    const names = new Set([...grants.names(), ...this.#model.entries.flatMap(({ wish }) => wish.names)]);
    const complaints: string[] = [];
    for (const name of names) {
      const is = textOf(entriesOf(grants, name));
      const should = textOf(this.#model.of(name));
      if (is !== should) complaints.push(`${name} is ${is}, and should be ${should}`);
    }
    const { lastPlace, lastToken } = grants.clock;
    if (lastPlace !== this.#model.lastPlace || lastToken !== this.#model.lastToken) {
      complaints.push(
        `places up to ${lastPlace} and tokens up to ${lastToken}, and should be ${this.#model.lastPlace} and ${this.#model.lastToken}`,
      );
    }
    return complaints;
  }

  /** Without the model. */
  #brokenPromises({ applied, grants, hasLease }: GrantedEntry): readonly string[] {
    const complaints: string[] = [];
    const lastToken = this.#lastToken;
    this.#lastToken = Math.max(lastToken, grants.clock.lastToken);
    if (grants.clock.lastToken < lastToken)
      complaints.push(`the last token was ${lastToken} and is ${grants.clock.lastToken}`);
    for (const name of applied.grantNames ?? []) {
      const granted = [...(grants.queue(name)?.granted ?? [])];
      for (const { token, attempt } of granted.filter((one) => (this.#lives.get(one.place)?.token ?? 0) === 0)) {
        const before = this.#tokens.get(name) ?? 0;
        if (token <= before || token <= lastToken)
          complaints.push(`${attempt} was granted ${name} with token ${token} after ${Math.max(before, lastToken)}`);
        this.#tokens.set(name, Math.max(before, token));
      }
      for (const { attempt, lease, barsUntilMs } of granted) {
        if (barsUntilMs === 0 && !hasLease(lease))
          complaints.push(`${attempt} holds ${name} on lease ${lease}, which is gone`);
      }
      const isAlone = granted.every(({ mode }) => mode === 'shared') || granted.length === 1;
      const [first] = granted;
      const taken = granted.reduce((sum, { weight }) => sum + weight, 0);
      const fits = first === undefined || first.capacity === 0 || taken <= first.capacity;
      if (!isAlone || !fits)
        complaints.push(`${name} is granted to ${granted.map(({ attempt }) => attempt).join()} at once`);
    }
    return complaints;
  }

  #record({ atMs, command, applied, grants }: GrantedEntry): void {
    this.#lastChange = grants.clock.changes;
    for (const name of applied.grantNames ?? []) {
      const queue = grants.queue(name);
      const state = {
        name,
        change: this.#lastChange,
        granted: [...(queue?.granted ?? [])],
        waiting: [...(queue?.waiting ?? [])],
      };
      const before = this.stateAt(name, this.#lastChange);
      const states = this.#states.get(name) ?? [];
      this.#states.set(name, states);
      states.push(state);
      const living = [...state.granted.filter(({ barsUntilMs }) => barsUntilMs === 0), ...state.waiting];
      const places = new Set(living.map(({ place }) => place));
      for (const entry of living) this.#lives.set(entry.place, this.#lived(entry, atMs));
      for (const { place } of [...before.granted, ...before.waiting]) {
        const life = this.#lives.get(place);
        if (places.has(place) || life === undefined || life.endedMs !== undefined) continue;
        life.endedMs = atMs;
        life.end = command.kind === 'grantRelease' ? 'released' : 'lost';
      }
    }
  }

  #lived({ attempt, place, token, slots }: GrantEntry, atMs: number): GrantLife {
    const known = this.#lives.get(place);
    const life = known ?? {
      attempt,
      place,
      begunMs: atMs,
      token: 0,
      slots: [],
      grantedMs: undefined,
      endedMs: undefined,
      end: undefined,
    };
    if (token > 0 && life.token === 0) {
      this.counts.granted += 1;
      if (known !== undefined) this.counts.promoted += 1;
      life.token = token;
      life.slots = slots;
      life.grantedMs = atMs;
    }
    return life;
  }
}

function entriesOf(grants: GrantView, name: string): readonly GrantEntry[] {
  const queue = grants.queue(name);
  return queue === undefined ? [] : [...queue.granted, ...queue.waiting];
}

function textOf(entries: readonly (GrantEntry | ModelEntry)[]): string {
  const byPlace = [...entries].sort((a, b) => a.place - b.place);
  return `[${byPlace.map((entry) => JSON.stringify(plain(entry))).join(' ')}]`;
}

function told(code: string | undefined): string {
  return code === undefined ? 'taken' : `refused with ${code}`;
}
