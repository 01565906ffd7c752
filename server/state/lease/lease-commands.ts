/**
 * What the lease commands do: grant, end, and note what is left. A leader says `expire` and `checkpoint` under its own
 * term. Nobody else may take the word up: an entry of another term means that the proposal has outlived its leader, and
 * then its view of the time is worth nothing. And it names leases by the entry that granted them: while its word was on the
 * way, a client may have ended the lease that it means, and been granted another one under the same id.
 */
import type { ByteString } from '../../lib/bytes.js';
import type {
  LeaseCheckpointCommand,
  LeaseExpireCommand,
  LeaseGrantCommand,
  LeaseGranted,
  LeaseRevokeCommand,
} from '../command.js';
import { RevisionWriter } from '../mvcc/revision-writer.js';
import type { Store } from '../mvcc/store.js';
import { type Refusal, refuse } from '../refusal.js';
import type { CommandResult, Event, LeaseInfo, StateWrite } from '../result.js';

/** etcd's: 9,000,000,000 seconds. */
export const LEASE_TTL_MS_MAX = 9_000_000_000_000;
/**
 * Keys and grants after which one expiry takes no further lease, so that apply stays short however many run out at once. The first
 * lease is always taken, whatever hangs on it.
 */
export const EXPIRE_KEYS_TARGET = 2_000;

export interface LeaseOutcome {
  readonly result: CommandResult;
  readonly events: readonly Event[];
  readonly writes: readonly StateWrite[];
  readonly grantNames: readonly ByteString[];
}

export function grantLease(
  store: Store,
  { id, ttlMs }: LeaseGrantCommand,
  grantedIndex: number,
): LeaseOutcome | Refusal {
  if (ttlMs > LEASE_TTL_MS_MAX) return refuse('LEASE_TTL_TOO_LARGE', `${ttlMs} ms, at most ${LEASE_TTL_MS_MAX}`);
  if (id === 0n || !Number.isSafeInteger(ttlMs) || ttlMs < 1) return refuse('INVALID_LEASE', `${id} for ${ttlMs} ms`);
  if (store.leases.get(id) !== undefined) return refuse('LEASE_EXISTS', `lease ${id}`);
  const lease: LeaseInfo = { id, ttlMs, remainingMs: 0, grantedIndex };
  store.leases.set(lease);
  return {
    result: { kind: 'leaseGrant', id, ttlMs },
    events: [],
    writes: [{ kind: 'putLease', lease }],
    grantNames: [],
  };
}

export function revokeLease(store: Store, { id }: LeaseRevokeCommand, timeMs: number): LeaseOutcome | Refusal {
  if (store.leases.get(id) === undefined) return refuse('LEASE_NOT_FOUND', `lease ${id}`);
  const { events, writes } = endKeys(store, id, 'leaseRevoked');
  const grants = store.grants.endLeases([id], 'leaseRevoked', timeMs);
  return {
    result: { kind: 'leaseRevoke' },
    events,
    writes: [...writes, { kind: 'deleteLease', id }, ...grants.writes],
    grantNames: grants.names,
  };
}

/** Each lease that it ends takes its keys in one revision of its own, in the order in which they are named. */
export function expireLeases(
  store: Store,
  { term, leases }: LeaseExpireCommand,
  entryTerm: number,
  timeMs: number,
): LeaseOutcome {
  const expired: bigint[] = [];
  const events: Event[] = [];
  const writes: StateWrite[] = [];
  let taken = 0;
  for (const named of term === entryTerm ? leases : []) {
    const { id } = named;
    if (find(store, named) === undefined) continue;
    const hangsOnIt = store.leases.keyCount(id) + store.grants.onLease(id);
    if (taken > 0 && taken + hangsOnIt > EXPIRE_KEYS_TARGET) break;
    taken += hangsOnIt;
    const writer = endKeys(store, id, 'leaseExpired');
    expired.push(id);
    for (const event of writer.events) events.push(event);
    for (const write of writer.writes) writes.push(write);
    writes.push({ kind: 'deleteLease', id });
  }
  // All of them together: nobody is granted anything on a lease that ends here, too.
  const grants = store.grants.endLeases(expired, 'leaseExpired', timeMs);
  for (const write of grants.writes) writes.push(write);
  return { result: { kind: 'leaseExpire', expired }, events, writes, grantNames: grants.names };
}

/** What is left of a lease is noted only while it is less than the whole. */
export function checkpointLeases(
  store: Store,
  { term, leases }: LeaseCheckpointCommand,
  entryTerm: number,
): LeaseOutcome {
  const writes: StateWrite[] = [];
  for (const named of term === entryTerm ? leases : []) {
    const { remainingMs } = named;
    const known = find(store, named);
    if (known === undefined) continue;
    const isPart = remainingMs > 0 && remainingMs < known.ttlMs;
    const lease = { ...known, remainingMs: isPart ? remainingMs : 0 };
    if (lease.remainingMs === known.remainingMs) continue;
    store.leases.set(lease);
    writes.push({ kind: 'putLease', lease });
  }
  return { result: { kind: 'leaseCheckpoint' }, events: [], writes, grantNames: [] };
}

function find(store: Store, { id, grantedIndex }: LeaseGranted): LeaseInfo | undefined {
  const known = store.leases.get(id);
  return known?.grantedIndex === grantedIndex ? known : undefined;
}

/** The lease goes, and its keys with it. */
function endKeys(
  store: Store,
  id: bigint,
  cause: 'leaseRevoked' | 'leaseExpired',
): Pick<RevisionWriter, 'events' | 'writes'> {
  const writer = new RevisionWriter(store, cause);
  writer.deleteKeys(store.leases.keysOf(id));
  store.leases.remove(id);
  return writer;
}
