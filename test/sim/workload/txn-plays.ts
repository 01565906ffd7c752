/** Transactions of all shapes: some compares, reads and writes mixed in both branches. */
import type { Compare, Txn, TxnOp } from '../../checkers/operation.js';
import { between, chance, pick } from './draw.js';
import { someRevision } from './register-plays.js';
import { fresh, type Play, type Turn } from './turn.js';

export const txn: Play = (turn) => turn.insist(() => drawTxn(turn, drawOps));

export const readOnlyTxn: Play = (turn) => turn.insist(() => drawTxn(turn, drawReads));

function drawTxn(turn: Turn, ops: (turn: Turn, count: number) => readonly TxnOp[]): Txn {
  const { random } = turn;
  return {
    kind: 'txn',
    compares: Array.from({ length: random.below(4) }, () => drawCompare(turn)),
    success: ops(turn, random.below(5)),
    failure: ops(turn, random.below(4)),
  };
}

/** Mostly of what was last seen, so that it holds, and now and then beside it. */
function drawCompare(turn: Turn): Compare {
  const { random, keys, client, sightings } = turn;
  const key = keys.any(client, random);
  const { value, modRevision, version = 1, createRevision = modRevision } = sightings.of(key);
  if (modRevision > 0 && chance(random, 25)) return { key, target: 'value', is: 'equal', operand: value };
  const target = pick(random, ['version', 'create', 'mod'] as const);
  const seen = { version, create: createRevision, mod: modRevision }[target];
  const is = pick(random, ['equal', 'equal', 'greater', 'less'] as const);
  const beside = { equal: 0, greater: -1, less: 1 }[is];
  return { key, target, is, operand: Math.max(0, seen + (chance(random, 15) ? between(random, -2, 2) : beside)) };
}

function drawReads(turn: Turn, count: number): readonly TxnOp[] {
  return Array.from({ length: count }, () => drawRead(turn));
}

/** No key is written twice: that would be refused. */
function drawOps(turn: Turn, count: number): readonly TxnOp[] {
  const { random, keys, client } = turn;
  const ops: TxnOp[] = [];
  while (ops.length < count) {
    const roll = random.below(100);
    let op: TxnOp;
    if (roll < 40) op = { kind: 'put', key: keys.any(client, random), value: fresh(turn) };
    else if (roll < 50) op = { kind: 'deleteRange', key: keys.any(client, random) };
    else if (roll < 60) op = { kind: 'deleteRange', ...keys.span(random) };
    else op = drawRead(turn);
    ops.push(ops.some((other) => clashes(op, other)) ? drawRead(turn) : op);
  }
  return ops;
}

function drawRead(turn: Turn): TxnOp {
  const { random, keys, client } = turn;
  return {
    kind: 'range',
    ...(chance(random, 60) ? { key: keys.any(client, random) } : keys.span(random)),
    revision: chance(random, 15) ? someRevision(turn) : 0,
    limit: chance(random, 20) ? between(random, 1, 3) : 0,
  };
}

function clashes(a: TxnOp, b: TxnOp): boolean {
  if (a.kind === 'put' && b.kind === 'put') return a.key === b.key;
  if (a.kind === 'put' && b.kind === 'deleteRange') return isWithin(a.key, b);
  return a.kind === 'deleteRange' && b.kind === 'put' && isWithin(b.key, a);
}

function isWithin(key: string, where: { readonly key: string; readonly rangeEnd?: string }): boolean {
  return where.rangeEnd === undefined ? key === where.key : key >= where.key && key < where.rangeEnd;
}
