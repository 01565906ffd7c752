/** How a lease comes to be, and what becomes of it: renewed by its own plan, until it is lost or its client loses interest. */
import type { LeaseOperation } from '../../checkers/lease-operation.js';
import { between, chance, pick } from './draw.js';
import type { HeldLease } from './held-leases.js';
import type { Upkeep } from './lease-mix.js';
import type { LeaseTurn } from './lease-turn.js';

const RETRY_PAUSE_MS = 100;
/** Of its time, in hundredths, from one renewal to the next. */
const RHYTHMS: Readonly<Record<Exclude<Upkeep, 'none'>, readonly [number, number]>> = {
  steady: [28, 38],
  edge: [80, 104],
  irregular: [2, 110],
  anew: [90, 104],
};
const ROUNDS_MAX = 12;
const FOR_EVER_PERCENT = 30;

/** Undefined unless it was granted. */
export async function grantLease(turn: LeaseTurn, id: string): Promise<HeldLease | undefined> {
  const { leases, mix, random } = turn;
  const sentMs = turn.now();
  const granted = await turn.askLease({ kind: 'grant', id, ttl: pick(random, mix.ttls) });
  if (granted?.outcome.kind !== 'ok' || granted.outcome.answer.kind !== 'grant') return undefined;
  const { answer } = granted.outcome;
  const lease: HeldLease = { id: answer.id, ttlMs: 1000 * answer.ttl, sentMs };
  leases.add(lease);
  turn.begin(keep(turn, lease, pick(random, mix.upkeeps)));
  return lease;
}

async function keep(turn: LeaseTurn, lease: HeldLease, upkeep: Upkeep): Promise<void> {
  const { leases, random } = turn;
  if (upkeep === 'none') {
    await turn.pause(lease.ttlMs);
    leases.lose(lease);
    return;
  }
  const rounds = chance(random, FOR_EVER_PERCENT) ? Infinity : 1 + random.below(ROUNDS_MAX);
  for (let round = 0; round < rounds && leases.has(lease) && !turn.hasEnded; round += 1) {
    const [from, to] = RHYTHMS[upkeep];
    const dueMs = lease.sentMs + (between(random, from, to) * lease.ttlMs) / 100;
    await turn.pause(Math.max(0, dueMs - turn.now()));
    if (upkeep === 'anew') {
      await grantAnew(turn, lease);
      return;
    }
    await renew(turn, lease);
  }
  leases.lose(lease);
}

async function renew(turn: LeaseTurn, lease: HeldLease): Promise<void> {
  const { leases, random } = turn;
  const sentMs = turn.now();
  const renewed = await turn.askLease({ kind: 'keepAlive', id: lease.id });
  const ttl = ttlOf(renewed);
  if (ttl === 0) leases.lose(lease);
  else if (ttl === undefined) await turn.pause(random.below(RETRY_PAUSE_MS));
  else lease.sentMs = sentMs;
}

/** Both are on their way at once, in whatever order they arrive. */
async function grantAnew(turn: LeaseTurn, lease: HeldLease): Promise<void> {
  const { leases, random } = turn;
  leases.lose(lease);
  const revoked = turn.askLease({ kind: 'revoke', id: lease.id });
  if (chance(random, 30)) await revoked;
  else await turn.pause(random.below(5));
  await grantLease(turn, lease.id);
  await revoked;
}

/** Undefined: no answer. */
function ttlOf(renewed: LeaseOperation | undefined): number | undefined {
  return renewed?.outcome.kind === 'ok' && renewed.outcome.answer.kind === 'keepAlive'
    ? renewed.outcome.answer.ttl
    : undefined;
}
