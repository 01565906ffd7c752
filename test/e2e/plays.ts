/** What a client of the load does in one turn: mostly writes, and enough of each kind for every checker to judge. */
import type { Random } from '../../server/lib/random.js';
import { type AppendOp, type AppendRecord, decodeList } from '../checkers/append-op.js';
import { appendTxn, type SeenList } from '../checkers/append-txn.js';
import type { Operation, Range } from '../checkers/operation.js';
import { type LoadKeys, ownSpan } from './load-keys.js';
import type { SentCall } from './member-calls.js';

export interface Turn {
  readonly client: number;
  readonly random: Random;
  readonly keys: LoadKeys;
  /** Never given to anybody before. */
  freshValue(): string;
  /** The newest that any client was told of. */
  newestRevision(): number;
  ask(call: SentCall): Promise<Operation>;
  addAppend(append: AppendRecord): void;
}

export type Play = (turn: Turn) => Promise<unknown>;

const lookBackMax = 300;

const putFresh: Play = (turn) => {
  const value = turn.freshValue();
  return turn.ask({ kind: 'put', key: `fresh/${value}`, value });
};

const putOwn: Play = (turn) => turn.ask({ kind: 'put', key: turn.keys.own(turn.client), value: turn.freshValue() });

const getOwn: Play = (turn) => turn.ask({ ...get(turn.keys.own(turn.client)), read: 'linearizable' });

const rangeOwn: Play = (turn) =>
  turn.ask({ kind: 'range', ...ownSpan, revision: 0, limit: turn.random.below(4), read: readOf(turn) });

const putRegister: Play = (turn) =>
  turn.ask({ kind: 'put', key: turn.keys.register(turn.random), value: turn.freshValue() });

const getRegister: Play = (turn) => turn.ask({ ...get(turn.keys.register(turn.random)), read: readOf(turn) });

const lookBack: Play = (turn) => {
  const { client, random, keys } = turn;
  const revision = Math.max(1, turn.newestRevision() - random.below(lookBackMax));
  const where = random.below(2) === 0 ? { key: keys.own(client) } : ownSpan;
  return turn.ask({ kind: 'range', ...where, revision, limit: 0, read: readOf(turn) });
};

/** Reads a register and writes it, and a key that nobody else writes, provided that it has not changed since. */
const swap: Play = async (turn) => {
  const key = turn.keys.register(turn.random);
  const { outcome } = await turn.ask({ ...get(key), read: 'linearizable' });
  if (outcome.kind !== 'ok' || outcome.answer.kind !== 'range') return;
  const value = turn.freshValue();
  await turn.ask({
    kind: 'txn',
    compares: [{ key, target: 'mod', is: 'equal', operand: outcome.answer.kvs[0]?.modRevision ?? 0 }],
    success: [
      { kind: 'put', key, value },
      { kind: 'put', key: `won/${value}`, value: turn.freshValue() },
    ],
    failure: [],
  });
};

/** Reads two or three lists at once, then appends to some, provided that none of them has changed since. */
const append: Play = async (turn) => {
  const { client, random } = turn;
  const names = turn.keys.lists(random);
  const read = await turn.ask({ kind: 'txn', compares: [], success: names.map(get), failure: [] });
  const seen = listsIn(read, names);
  if (seen === undefined) return;
  const reads = seen.map(({ key, list }): AppendOp => ({ kind: 'read', key, list }));
  turn.addAppend({ client, ops: reads, outcome: 'ok', startMs: read.startMs, endMs: read.endMs });
  const count = 1 + random.below(seen.length);
  const added = seen.slice(0, count).map((list) => ({ ...list, element: turn.freshValue() }));
  const written = await turn.ask(appendTxn(seen, added));
  turn.addAppend({
    client,
    ops: [...reads, ...added.map(({ key, element }): AppendOp => ({ kind: 'append', key, element }))],
    outcome: appendOutcome(written),
    startMs: written.startMs,
    endMs: written.endMs,
  });
};

/** Weights; of 100. */
const mix: readonly (readonly [number, Play])[] = [
  [32, putFresh],
  [14, putOwn],
  [6, getOwn],
  [4, rangeOwn],
  [8, putRegister],
  [10, getRegister],
  [12, swap],
  [8, append],
  [6, lookBack],
];

export function drawPlay(random: Random): Play {
  let left = random.below(mix.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, play] of mix) {
    if (left < weight) return play;
    left -= weight;
  }
  throw new Error('a draw beyond all plays');
}

function get(key: string): Range {
  return { kind: 'range', key, revision: 0, limit: 0 };
}

function readOf({ random }: Turn): 'linearizable' | 'serializable' {
  return random.below(100) < 60 ? 'linearizable' : 'serializable';
}

/** Undefined when the transaction was not answered. */
function listsIn({ outcome }: Operation, names: readonly string[]): readonly SeenList[] | undefined {
  if (outcome.kind !== 'ok' || outcome.answer.kind !== 'txn') return undefined;
  const { results } = outcome.answer;
  return names.map((key, place) => {
    const result = results[place];
    const kv = result?.kind === 'range' ? result.kvs[0] : undefined;
    return { key, modRevision: kv?.modRevision ?? 0, list: decodeList(kv?.value ?? '') };
  });
}

function appendOutcome({ outcome }: Operation): AppendRecord['outcome'] {
  if (outcome.kind !== 'ok') return outcome.kind;
  return outcome.answer.kind === 'txn' && outcome.answer.succeeded ? 'ok' : 'failed';
}
