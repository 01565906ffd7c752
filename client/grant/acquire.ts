/**
 * Gets a grant. The attempt has a name before anything is sent, so that whatever is sent again finds itself; and however it
 * ends, nothing of it is left: what cannot be given back ends with its lease, which nobody new gets then.
 */
import type { Lease } from '../api/lease.js';
import type { Caller } from '../calls/caller.js';
import { isQuorateError, QuorateError } from '../core/quorate-error.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import { type Bytes, bufferFrom } from '../wire/bytes.js';
import { grantAcquire, grantAwait, type Place, type Wish } from '../wire/grant-wire.js';
import { giveBack } from './give-back.js';
import { Grant } from './grant.js';
import type { LeasePool, LeaseUse } from './lease-pool.js';
import { randomId } from './random-id.js';

export interface GrantPorts {
  readonly caller: Caller;
  readonly pool: LeasePool;
  readonly clock: Clock;
  readonly random: Random;
  /** Of a call that does not say otherwise. */
  readonly timeoutMs: number;
  /** As the members have it. */
  readonly nameOf: (kind: GrantKind, name: string) => Buffer;
}

/** What a name is for: names of different kinds have nothing to do with each other. */
export type GrantKind = 'mutex' | 'rwLock' | 'semaphore' | 'election';

export interface AcquireOptions {
  /** How long the grant outlives its holder, in milliseconds: it lives by a lease. Default: 10,000. */
  readonly ttl?: number;
  /** A lease of the caller's own, instead. */
  readonly lease?: Lease;
  /** How long to wait for the grant, in milliseconds. Default: Infinity. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** The highest goes first. Default: 0. */
  readonly priority?: number;
  /** After a loss, for how many milliseconds nobody else gets it. Default: 0. */
  readonly lockDelay?: number;
  /** For people, at most 4,096 bytes. */
  readonly metadata?: Bytes;
}

export type Wanted = Pick<Wish, 'names' | 'owner' | 'mode' | 'weight' | 'capacity' | 'value'>;

const TTL_MS = 10_000;
const ATTEMPT_WORDS = 4;
/** How long one question for the grant stays open. */
const AWAIT_MS = 30_000;

/** Waits for it. */
export async function acquireGrant(ports: GrantPorts, wanted: Wanted, options: AcquireOptions): Promise<Grant> {
  const grant = await attempted(ports, wanted, true, options);
  if (grant === null) throw new QuorateError('UNRECOGNIZED', { detail: 'neither granted nor waiting' });
  return grant;
}

/** Null: it is taken, or others wait for it. */
export function tryGrant(ports: GrantPorts, wanted: Wanted, options: AcquireOptions): Promise<Grant | null> {
  return attempted(ports, wanted, false, options);
}

async function attempted(
  ports: GrantPorts,
  wanted: Wanted,
  mayWait: boolean,
  options: AcquireOptions,
): Promise<Grant | null> {
  const { clock, pool, timeoutMs } = ports;
  const { ttl = TTL_MS, lease, timeout = Infinity, signal } = options;
  if (!(timeout > 0)) throw new QuorateError('INVALID_ARGUMENT', { detail: `timeout must be above 0, not ${timeout}` });
  const deadlineAt = clock.now() + timeout;
  const use = lease === undefined ? await pool.take(ttl, Math.min(timeout, timeoutMs), signal) : useOf(lease);
  const attempt = randomId(ports.random, ATTEMPT_WORDS);
  try {
    const wish = wishOf({ wanted, mayWait, attempt, lease: use.lease }, options);
    const place = await enter(ports, wish, deadlineAt, signal);
    if (place.place === 0) {
      use.end(true);
      return null;
    }
    const [name] = wanted.names;
    const { token, slots, change } =
      place.token > 0 || name === undefined
        ? place
        : await turn(ports, { attempt, name, place, use, deadlineAt, signal });
    use.lease.assertAlive();
    return new Grant({ ports, use, names: wanted.names, attempt, token, slots, change });
  } catch (error) {
    void giveBack(ports, attempt, use);
    // The cluster knew before this client did.
    if (isQuorateError(error, 'LEASE_NOT_FOUND')) {
      throw new QuorateError('LEASE_LOST', { detail: `lease ${use.lease.id} is over`, cause: error });
    }
    throw error;
  }
}

interface Attempt {
  readonly wanted: Wanted;
  readonly mayWait: boolean;
  readonly attempt: string;
  readonly lease: Lease;
}

function wishOf({ wanted, mayWait, attempt, lease }: Attempt, options: AcquireOptions): Wish {
  const { names, owner, mode, weight, capacity, value } = wanted;
  const { priority = 0, lockDelay: lockDelayMs = 0, metadata: said = '' } = options;
  lease.assertAlive();
  const metadata = bufferFrom(said);
  return {
    attempt,
    names,
    owner,
    lease: lease.id,
    mode,
    weight,
    capacity,
    priority,
    lockDelayMs,
    metadata,
    value,
    mayWait,
  };
}

function enter(
  { caller, clock, timeoutMs }: GrantPorts,
  wish: Wish,
  deadlineAt: number,
  signal: AbortSignal | undefined,
): Promise<Place> {
  return caller.call(grantAcquire(wish), { signal, timeout: Math.min(timeoutMs, deadlineAt - clock.now()) });
}

interface Waiting {
  readonly attempt: string;
  readonly name: Buffer;
  readonly place: Place;
  readonly use: LeaseUse;
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
}

/** Waits for the turn; fails at once when the lease ends. */
async function turn({ caller, clock }: GrantPorts, waiting: Waiting): Promise<Omit<Place, 'place'>> {
  const { attempt, name, place, use, deadlineAt, signal } = waiting;
  const leaseSignal = use.lease.signal;
  const either = signal === undefined ? leaseSignal : AbortSignal.any([signal, leaseSignal]);
  for (;;) {
    const left = deadlineAt - clock.now();
    if (left <= 0)
      throw new QuorateError('DEADLINE_EXCEEDED', { outcome: 'notApplied', detail: 'somebody else holds it' });
    try {
      const answer = await caller.call(grantAwait(attempt, name, place.change, false), {
        signal: either,
        timeout: Math.min(left, AWAIT_MS),
      });
      if (answer.token > 0) return answer;
    } catch (error) {
      if (leaseSignal.aborted) throw leaseSignal.reason;
      if (isQuorateError(error, 'GRANT_NOT_FOUND'))
        throw new QuorateError('GRANT_LOST', { detail: 'while it waited', cause: error });
      if (!isQuorateError(error, 'DEADLINE_EXCEEDED')) throw error;
    }
  }
}

function useOf(lease: Lease): LeaseUse {
  return { lease, end: () => undefined };
}
