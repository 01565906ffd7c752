/** What a client with leases may do in one turn. */
import type { Put } from '../../checkers/operation.js';
import { chance } from './draw.js';
import { grantLease } from './lease-upkeep.js';
import type { LeasePlayName } from './lease-mix.js';
import type { LeaseTurn } from './lease-turn.js';

type LeasePlay = (turn: LeaseTurn) => Promise<unknown>;

const grant: LeasePlay = async (turn) => {
  const { leases, mix, random } = turn;
  if (leases.size >= mix.leasesMax) return;
  const id = chance(random, mix.chosenPercent) ? String(1 + random.below(mix.chosenIds)) : '0';
  const lease = await grantLease(turn, id);
  if (lease !== undefined && chance(random, 60)) await hang(turn, lease.id);
};

const attach: LeasePlay = (turn) => hang(turn, turn.leases.any(turn.random));

/** From one lease to another, or off it, by whatever way. */
const move: LeasePlay = async (turn) => {
  const { leases, random } = turn;
  const key = leases.anyKey(random);
  if (key === undefined) return;
  if (chance(random, 30)) await turn.ask({ kind: 'deleteRange', key });
  else await turn.ask(put(turn, key, chance(random, 70) ? leases.any(random) : undefined));
};

const renew: LeasePlay = (turn) => turn.askLease({ kind: 'keepAlive', id: turn.leases.any(turn.random) });

const timeToLive: LeasePlay = (turn) => {
  const { leases, random } = turn;
  return turn.askLease({ kind: 'timeToLive', id: leases.any(random), keys: chance(random, 50) });
};

const list: LeasePlay = (turn) => turn.askLease({ kind: 'leases' });

const revoke: LeasePlay = async (turn) => {
  const { leases, random } = turn;
  const id = leases.any(random);
  const revoked = await turn.askLease({ kind: 'revoke', id });
  if (revoked?.outcome.kind === 'ok') leases.loseId(id);
};

export const leasePlays: Readonly<Record<LeasePlayName, LeasePlay>> = {
  grant,
  attach,
  move,
  renew,
  timeToLive,
  leases: list,
  revoke,
};

/** Some keys on one lease, in one transaction or one by one, or some of them on another. */
async function hang(turn: LeaseTurn, id: string): Promise<void> {
  const { leases, mix, random } = turn;
  const keys = new Set<string>();
  for (let count = 1 + random.below(mix.keysMax); count > 0; count -= 1) keys.add(anyKey(turn));
  const leaseOf = (): string => (chance(random, 10) ? leases.any(random) : id);
  for (const key of keys) leases.hung(key);
  if (chance(random, 50)) {
    const success = [...keys].map((key) => put(turn, key, leaseOf()));
    await turn.ask({ kind: 'txn', compares: [], success, failure: [] });
    return;
  }
  for (const key of keys) await turn.ask(put(turn, key, leaseOf()));
}

/** Mostly of those that ranges go over: the others have few clients, and should keep few. */
function anyKey({ board, client, random }: LeaseTurn): string {
  return chance(random, 75) ? board.keys.other(random) : board.keys.register(client, random);
}

function put({ board, client, random }: LeaseTurn, key: string, lease: string | undefined): Put {
  const value = board.values.fresh(client, random);
  return { kind: 'put', key, value, ...(lease === undefined ? {} : { lease }) };
}
