/** Calls on one key, and ranges over its neighbours. */
import type { Call, Compare, Range } from '../../checkers/operation.js';
import { between, chance, pick } from './draw.js';
import { MANY_KEYS, type Span } from './keys.js';
import { fresh, type Play, type Turn } from './turn.js';

export const put: Play = (turn) => {
  const key = turn.keys.any(turn.client, turn.random);
  return turn.insist(() => ({ kind: 'put', key, value: fresh(turn) }));
};

export const get: Play = (turn) => {
  const key = turn.keys.any(turn.client, turn.random);
  return turn.insist(() => read(turn, { key }));
};

export const range: Play = (turn) => {
  const { random, keys } = turn;
  const span = chance(random, 20) ? MANY_KEYS : keys.span(random);
  return turn.insist(() => read(turn, span));
};

export const deleteKey: Play = (turn) => {
  const key = turn.keys.any(turn.client, turn.random);
  return turn.insist(() => ({ kind: 'deleteRange', key }));
};

export const deleteRange: Play = (turn) => {
  const span = turn.keys.span(turn.random);
  return turn.insist(() => ({ kind: 'deleteRange', ...span }));
};

export const swapByRevision: Play = (turn) => swap(turn, (key) => byRevision(turn, key));

export const swapByValue: Play = (turn) =>
  swap(turn, (key) => {
    const { value, modRevision } = turn.sightings.of(key);
    // A key that is not there has no value to compare with.
    return modRevision === 0 ? byRevision(turn, key) : { key, target: 'value', is: 'equal', operand: value };
  });

/** A revision that was there a moment ago; now and then one that may not be there yet. */
export function someRevision({ random, sightings, mix }: Turn): number {
  if (chance(random, 6)) return sightings.revision + 1;
  return Math.max(1, sightings.revision - random.below(mix.historyDepth));
}

function read(turn: Turn, where: { key: string } | Span): Call {
  const { random } = turn;
  const what: Range = {
    kind: 'range',
    ...where,
    revision: chance(random, 30) ? someRevision(turn) : 0,
    limit: chance(random, 20) ? between(random, 1, 5) : 0,
  };
  return { ...what, read: chance(random, 60) ? 'linearizable' : 'serializable' };
}

async function swap(turn: Turn, guard: (key: string) => Compare): Promise<void> {
  const { keys, client, random } = turn;
  const key = keys.any(client, random);
  const get: Range = { kind: 'range', key, revision: 0, limit: 0 };
  if (chance(random, 30)) await turn.ask({ ...get, read: pick(random, ['linearizable', 'serializable']) });
  await turn.insist(() => ({
    kind: 'txn',
    compares: [guard(key)],
    success: [{ kind: 'put', key, value: fresh(turn) }],
    failure: chance(random, 60) ? [get] : [],
  }));
}

function byRevision({ sightings }: Turn, key: string): Compare {
  return { key, target: 'mod', is: 'equal', operand: sightings.of(key).modRevision };
}
