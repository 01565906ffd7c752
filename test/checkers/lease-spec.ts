/**
 * What leases are: the committed log, entry by entry. A lease is there from its grant to its end. A key that was put under
 * it hangs on it until it is written or deleted, by whomever. Its end deletes what hangs on it: all of it, in byte order,
 * in one revision. An entry by which a leader ends leases, or notes what is left of them, means something only in that
 * leader's own term, and of leases that were granted by the entries that it names. Nothing here is shared with the state machine whose effects are judged.
 */
import type {
  Command,
  LeaseCheckpointCommand,
  LeaseGranted,
  PutCommand,
  TxnCommand,
} from '../../server/state/command.js';
import type { Applied, CommandResult, Event, LeaseInfo } from '../../server/state/result.js';
import type { LeaseEnding, LeaseKeys, LeaseLife, LeaseNote, LogMoment } from './lease-life.js';

export interface LoggedEntry extends LogMoment {
  readonly command: Command;
  /** What the state machine made of it. */
  readonly applied: Applied;
  /** Default: yes. A write of a session that comes again, or out of its turn, does nothing. */
  readonly takesEffect?: boolean;
}

interface Life extends LeaseLife {
  readonly notes: LeaseNote[];
  readonly keys: LeaseKeys[];
  readonly hanging: Set<string>;
  remainingMs: number;
  ended: LeaseEnding | undefined;
}

export class LeaseSpec {
  /** In the order of their grants. */
  readonly lives: Life[] = [];
  readonly #live = new Map<string, Life>();
  /** Which lease a key hangs on. */
  readonly #leaseOf = new Map<string, Life>();
  /** Which leases there were together, at which revision: since when. */
  readonly #listings = new Map<string, number>();
  #revision = 1;
  /** About the entry that is taken now. */
  #complaints: string[] = [];

  constructor() {
    this.#listings.set(listing(this.#revision, []), 0);
  }

  get live(): Iterable<LeaseLife> {
    return this.#live.values();
  }

  /** When exactly these leases were first there at this revision; undefined: never. */
  firstListed(revision: number, ids: readonly string[]): number | undefined {
    return this.#listings.get(listing(revision, ids));
  }

  /** Takes the next entry. Says what is wrong with its effect. */
  take(entry: LoggedEntry): readonly string[] {
    this.#complaints = [];
    this.#follow(entry);
    // A write that comes again is told its old one.
    if (entry.takesEffect !== false) this.#revision = entry.applied.revision;
    const now = listing(this.#revision, this.#live.keys());
    if (!this.#listings.has(now)) this.#listings.set(now, entry.atMs);
    return this.#complaints.map(
      (complaint) => `entry ${entry.term}/${entry.index}, ${entry.command.kind}: ${complaint}`,
    );
  }

  /** What is different in the leases of a state that has applied the same entries. */
  differencesFrom(leases: Iterable<LeaseInfo>, keysOf: (id: bigint) => readonly string[]): readonly string[] {
    const others = new Map([...leases].map((lease) => [String(lease.id), lease]));
    const known = [...this.#live.values()].flatMap((life) => differenceOf(life, others.get(life.id), keysOf));
    const strange = [...others.keys()].filter((id) => !this.#live.has(id));
    return [...known, ...strange.map((id) => `lease ${id} is there and should not be`)];
  }

  #follow(entry: LoggedEntry): void {
    const { command, applied } = entry;
    const { ok } = applied.outcome;
    if (entry.takesEffect === false) {
      this.#noEvents(applied.events);
      return;
    }
    switch (command.kind) {
      case 'leaseGrant':
        this.#grant(entry, command.id, command.ttlMs);
        return;
      case 'leaseRevoke': {
        const life = this.#live.get(String(command.id));
        if (ok !== (life !== undefined)) this.#complain(`${ok ? 'taken' : 'refused'}, lease ${command.id}`);
        this.#end(entry, life === undefined ? [] : [life], 'revoked');
        return;
      }
      case 'leaseExpire': {
        const isCurrent = command.term === entry.term;
        const lives = command.leases.flatMap((named) => this.#find(named) ?? []);
        this.#end(entry, isCurrent ? [...new Set(lives)] : [], 'expired');
        return;
      }
      case 'leaseCheckpoint':
        if (command.term === entry.term) for (const note of command.leases) this.#note(entry, note);
        this.#noEvents(applied.events);
        return;
      default:
        this.#write(entry);
    }
  }

  #grant(entry: LoggedEntry, given: bigint, ttlMs: number): void {
    const { applied } = entry;
    const id = String(given);
    const isFree = given !== 0n && !this.#live.has(id);
    if (applied.outcome.ok && !isFree) this.#complain(`granted, though lease ${id} is there`);
    if (!applied.outcome.ok && isFree)
      this.#complain(`refused with ${applied.outcome.code}, though there is no lease ${id}`);
    this.#noEvents(applied.events);
    if (!isFree) return;
    const life: Life = {
      id,
      ttlMs,
      granted: momentOf(entry),
      notes: [],
      keys: [],
      hanging: new Set(),
      remainingMs: 0,
      ended: undefined,
    };
    life.keys.push({ ...momentOf(entry), keys: [] });
    this.lives.push(life);
    this.#live.set(id, life);
  }

  /** One after the other, each in a revision of its own unless nothing hangs on it. */
  #end(entry: LoggedEntry, lives: readonly Life[], cause: LeaseEnding['cause']): void {
    const expected: string[] = [];
    let revision = this.#revision;
    for (const life of lives) {
      const keys = sorted(life.hanging);
      if (keys.length > 0) revision += 1;
      keys.forEach((key, sub) => expected.push(`${revision}.${sub} delete ${key}`));
      for (const key of keys) this.#leaseOf.delete(key);
      life.hanging.clear();
      life.ended = { ...momentOf(entry), cause, revision, keys };
      this.#live.delete(life.id);
    }
    const { events } = entry.applied;
    const [is, wanted] = [events.map(placed), expected].map((all) => all.join(', '));
    if (is !== wanted) this.#complain(`it did ${is || 'nothing'}, and should have done ${wanted || 'nothing'}`);
    const wrong = events.find((event) => event.cause !== (cause === 'expired' ? 'leaseExpired' : 'leaseRevoked'));
    if (wrong !== undefined) this.#complain(`${placed(wrong)} is told as ${wrong.cause}`);
    if (entry.applied.revision !== revision)
      this.#complain(`it left revision ${entry.applied.revision}, not ${revision}`);
  }

  #note(entry: LoggedEntry, named: LeaseCheckpointCommand['leases'][number]): void {
    const { remainingMs } = named;
    const life = this.#find(named);
    if (life === undefined) return;
    life.remainingMs = remainingMs > 0 && remainingMs < life.ttlMs ? remainingMs : 0;
    life.notes.push({ ...momentOf(entry), remainingMs: life.remainingMs });
  }

  #write(entry: LoggedEntry): void {
    const { command, applied } = entry;
    const puts = applied.outcome.ok ? putsOf(command, applied) : [];
    const dead = puts.find(({ lease }) => lease !== 0n && !this.#live.has(String(lease)));
    if (dead !== undefined) this.#complain(`${dead.key} was put under lease ${dead.lease}, which is not there`);
    const wanted = new Map(puts.map(({ key, value, lease }) => [`${key}=${value}`, lease]));
    const changed = new Set<Life>();
    for (const { type, kv, cause } of applied.events) {
      const before = this.#leaseOf.get(kv.key);
      if (before !== undefined) changed.add(before);
      before?.hanging.delete(kv.key);
      this.#leaseOf.delete(kv.key);
      if (type === 'delete') {
        if (cause !== 'delete' && cause !== 'txn') this.#complain(`${kv.key} is told as ${cause}`);
        continue;
      }
      if (wanted.get(`${kv.key}=${kv.value}`) !== kv.lease) this.#complain(`${kv.key} has lease ${kv.lease}`);
      const life = this.#live.get(String(kv.lease));
      if (life === undefined) continue;
      life.hanging.add(kv.key);
      this.#leaseOf.set(kv.key, life);
      changed.add(life);
    }
    for (const life of changed) life.keys.push({ ...momentOf(entry), keys: sorted(life.hanging) });
  }

  #noEvents(events: readonly Event[]): void {
    if (events.length > 0) this.#complain(`it did ${events.map(placed).join(', ')}`);
  }

  /** The lease that is meant, not one that came under its id after it. */
  #find({ id, grantedIndex }: LeaseGranted): Life | undefined {
    const life = this.#live.get(String(id));
    return life?.granted.index === grantedIndex ? life : undefined;
  }

  #complain(complaint: string): void {
    this.#complaints.push(complaint);
  }
}

function differenceOf(
  { id, ttlMs, remainingMs, hanging }: Life,
  other: LeaseInfo | undefined,
  keysOf: (id: bigint) => readonly string[],
): readonly string[] {
  if (other === undefined) return [`lease ${id} is missing`];
  const [is, wanted] = [keysOf(other.id), sorted(hanging)].map((keys) => keys.join(', ') || 'no keys');
  if (is !== wanted) return [`on lease ${id} hang ${is}, and ${wanted} should`];
  if (other.ttlMs === ttlMs && other.remainingMs === remainingMs) return [];
  return [`lease ${id} has ${other.ttlMs} ms and ${other.remainingMs} noted, not ${ttlMs} and ${remainingMs}`];
}

type Put = Pick<PutCommand, 'key' | 'value' | 'lease'>;
type TxnResult = Extract<CommandResult, { readonly kind: 'txn' }>;

function putsOf(command: Command, { outcome }: Applied): readonly Put[] {
  if (command.kind === 'put') return [command];
  if (command.kind !== 'txn' || !outcome.ok || outcome.result.kind !== 'txn') return [];
  return putsOfTxn(command, outcome.result);
}

/** Those of the branch that was taken, and of the transactions in it. */
function putsOfTxn({ success, failure }: TxnCommand, { succeeded, results }: TxnResult): readonly Put[] {
  return (succeeded ? success : failure).flatMap((op, place) => {
    if (op.kind === 'put') return [op];
    const result = results[place];
    if (op.kind === 'txn') return result?.kind === 'txn' ? putsOfTxn(op, result) : [];
    // The mark of a fence is a key as any other.
    return op.kind === 'fence' ? [{ key: op.key, value: String(op.token), lease: 0n }] : [];
  });
}

function momentOf({ index, term, atMs }: LogMoment): LogMoment {
  return { index, term, atMs };
}

function placed({ type, kv, revision }: Event): string {
  return `${revision.main}.${revision.sub} ${type} ${kv.key}`;
}

/** Keys are strings of bytes: their order is that of the bytes. */
function sorted(keys: Iterable<string>): readonly string[] {
  return [...keys].sort();
}

function listing(revision: number, ids: Iterable<string>): string {
  return `${revision}: ${[...ids].sort().join(' ')}`;
}
