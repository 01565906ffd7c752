/** What a client with grants may do in one turn. */
import { between, chance, pick } from './draw.js';
import type { GrantPlayName } from './grant-mix.js';
import type { GrantTurn, Want } from './grant-turn.js';

type GrantPlay = (turn: GrantTurn) => Promise<unknown>;

const SHARED = 'w';
const PERMITS = 's';
/** Before all keys of others, some of whom delete whatever comes after theirs. */
const DATA = 'a';
const MARK = 'b';
const USES_MAX = 3;
const WAITS_MAX = 8;

export function lockNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, place) => `e${place}`);
}

const exclusive = (...names: readonly string[]): Want => ({ names, mode: 'exclusive', weight: 1, capacity: 0 });

function anyLock({ random, mix }: GrantTurn): string {
  return pick(random, lockNames(mix.locks));
}

const lock: GrantPlay = (turn) => take(turn, exclusive(anyLock(turn)), true);

const tryLock: GrantPlay = (turn) => take(turn, exclusive(anyLock(turn)), false);

const share: GrantPlay = (turn) => {
  const isShared = chance(turn.random, 70);
  return take(turn, isShared ? { names: [SHARED], mode: 'shared', weight: 1, capacity: 0 } : exclusive(SHARED), true);
};

const permits: GrantPlay = (turn) => {
  const { random, mix } = turn;
  const want = {
    names: [PERMITS],
    mode: 'shared',
    weight: between(random, 1, mix.permits),
    capacity: mix.permits,
  } as const;
  return take(turn, want, chance(random, 80));
};

const several: GrantPlay = (turn) => {
  const names = [...lockNames(turn.mix.locks), SHARED].filter(() => chance(turn.random, 60));
  return take(turn, exclusive(...(names.length === 0 ? [SHARED] : names)), chance(turn.random, 70));
};

const force: GrantPlay = async (turn) => {
  const known = turn.board.any(turn.random);
  if (known !== undefined) await turn.ask({ kind: 'force', ...known });
};

const describe: GrantPlay = (turn) => turn.ask({ kind: 'describe' });

export const grantPlays: Readonly<Record<GrantPlayName, GrantPlay>> = {
  lock,
  tryLock,
  share,
  permits,
  several,
  force,
  describe,
};

/** From the first request to the end, whatever it is. */
async function take(turn: GrantTurn, want: Want, mayWait: boolean): Promise<void> {
  const { random, mix, board } = turn;
  const wish = await turn.wish(want);
  if (wish === undefined) return;
  const { attempt, names } = wish;
  const waitsThere = chance(random, mix.waitTherePercent);
  const acquired = await turn.insist({ kind: 'acquire', wish, mayWait, waitsThere });
  if (acquired?.kind !== 'acquire') {
    // Whatever has become of it: nothing may be left of it.
    await turn.insist({ kind: 'release', attempt, to: '' });
    return;
  }
  if (acquired.place === 0) return;
  const token = acquired.token > 0 ? acquired.token : await wait(turn, attempt, names, acquired.change);
  if (token === 0) return;
  for (const name of names) board.held(name, token);
  for (let uses = random.below(USES_MAX + 1); uses > 0; uses -= 1) await use(turn, attempt, names, token);
  await turn.hold();
  if (chance(random, mix.forgetPercent)) return;
  const to = chance(random, 25) ? board.next(random, names) : '';
  const released = await turn.insist({ kind: 'release', attempt, to });
  // Who was to come next may not wait any more.
  if (released === undefined && to !== '') await turn.insist({ kind: 'release', attempt, to: '' });
}

/** 0: it has not got it, and asks for it no longer. */
async function wait(turn: GrantTurn, attempt: string, names: readonly string[], since: number): Promise<number> {
  const { random, mix, board } = turn;
  const [name = ''] = names;
  board.waits(names, attempt);
  let change = since;
  let token = 0;
  for (let waits = 0; waits < WAITS_MAX && !turn.hasEnded && token === 0; waits += 1) {
    if (chance(random, mix.abandonPercent)) break;
    const told = await turn.ask({ kind: 'granted', attempt, name, change });
    if (told?.outcome.kind === 'failed' && told.outcome.code === 'GRANT_NOT_FOUND') break;
    if (told?.outcome.kind !== 'ok' || told.outcome.answer.kind !== 'granted') continue;
    token = told.outcome.answer.token;
    change = Math.max(change, told.outcome.answer.change);
  }
  board.waitsNoLonger(names, attempt);
  if (token === 0) await turn.insist({ kind: 'release', attempt, to: '' });
  return token;
}

/** A write under the token, or under an older one; or a word of the holder. */
async function use(turn: GrantTurn, attempt: string, names: readonly string[], token: number): Promise<void> {
  const { random, board, values } = turn;
  const [name = ''] = names;
  const under = chance(random, 25) ? board.older(random, name, token) : token;
  const value = values.token(turn.client);
  switch (random.below(3)) {
    case 0:
      await turn.ask({ kind: 'guarded', name, token: under, key: `${DATA}${name}`, value });
      return;
    case 1:
      await turn.ask({ kind: 'fenced', mark: `${MARK}${name}`, token: under, key: `${DATA}${name}`, value });
      return;
    default:
      await turn.ask({ kind: 'proclaim', attempt, token: under, value });
  }
}
