/**
 * Draws Put, DeleteRange and Txn requests. Transactions nest, repeat keys, stand at the limits of the operation count
 * and hold empty operations; `withoutCrash` keeps out the one form that ends etcd 3.4 itself.
 */
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '@quorate/proto/etcd/kv.js';
import type { Draw } from './draw.js';
import { drawKey, drawRangeEnd, drawValue, noBytes, openEnd, prefixEnd } from './key-space.js';
import { drawRange, type History, plainRange } from './range-generator.js';

/** etcd's --max-txn-ops. */
const opsMax = 128;
const depthMax = 6;
/** Begins the keys of transactions that write as many as they may; deleted often, or they would fill every answer. */
const manyKeys = Buffer.from('many/');

/** Puts name them, granted or not. */
export const drawnLeases = [1n, -1n, 2n ** 63n - 1n] as const;

/** One in ten with all flags at random, the others mostly without any. */
export function drawPut(draw: Draw): PutRequest {
  const isOdd = draw.chance(100);
  const ignoreValue = draw.chance(isOdd ? 500 : 60);
  return {
    key: drawKey(draw),
    value: ignoreValue && draw.chance(isOdd ? 500 : 900) ? noBytes : drawValue(draw),
    lease: draw.chance(isOdd ? 300 : 60) ? draw.pick(drawnLeases) : 0n,
    prevKv: draw.chance(300),
    ignoreValue,
    ignoreLease: draw.chance(isOdd ? 500 : 40),
  };
}

export function plainPut(key: Buffer, value: Buffer): PutRequest {
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

export function drawDelete(draw: Draw): DeleteRangeRequest {
  if (draw.chance(60)) return { key: manyKeys, rangeEnd: prefixEnd(manyKeys), prevKv: draw.chance(100) };
  const key = drawKey(draw);
  const isSingle = draw.chance(880);
  return { key, rangeEnd: isSingle ? noBytes : drawRangeEnd(draw, key), prevKv: draw.chance(400) };
}

export function drawTxn(draw: Draw, history: History): TxnRequest {
  const txn = draw.weighted(
    [90, () => drawTree(draw, history, depthMax)],
    [4, () => drawReads(draw, history)],
    [2, () => drawChain(draw, draw.between(4, 12))],
    [4, () => drawOpCountEdge(draw)],
  );
  return withoutCrash(txn);
}

function drawTree(draw: Draw, history: History, depthLeft: number): TxnRequest {
  return {
    compare: drawList(draw, 3, () => drawCompare(draw, history)),
    success: drawList(draw, 4, () => drawOp(draw, history, depthLeft)),
    failure: drawList(draw, 3, () => drawOp(draw, history, depthLeft)),
  };
}

/** Answered without consensus: ranges alone, serializable or not. */
function drawReads(draw: Draw, history: History): TxnRequest {
  const isSerializable = draw.chance(500);
  const read = (): RequestOp => rangeOp({ ...drawRange(draw, history), serializable: isSerializable });
  return {
    compare: drawList(draw, 2, () => drawCompare(draw, history)),
    success: drawList(draw, 3, read),
    failure: drawList(draw, 3, read),
  };
}

/** A transaction in a transaction in a transaction. */
function drawChain(draw: Draw, depth: number): TxnRequest {
  const inner = depth === 0 ? putOp(drawPut(draw)) : txnOp(drawChain(draw, depth - 1));
  const inSuccess = draw.chance(700);
  return {
    compare: [],
    success: inSuccess ? [inner] : [],
    failure: inSuccess ? [] : [inner],
  };
}

/** One list at the limit, just below or just above; or a nested one at what its parent leaves of the limit. */
function drawOpCountEdge(draw: Draw): TxnRequest {
  const count = opsMax + draw.between(-1, 1);
  const puts = (length: number): RequestOp[] =>
    Array.from({ length }, (_, n) => putOp(plainPut(Buffer.concat([manyKeys, Buffer.from([n])]), noBytes)));
  const empty = { compare: [], success: [], failure: [] };
  return draw.weighted<TxnRequest>(
    [1, () => ({ ...empty, success: Array.from({ length: count }, () => rangeOp(plainRange(drawKey(draw)))) })],
    [1, () => ({ ...empty, success: puts(count), failure: [] })],
    [1, () => ({ ...empty, failure: puts(count) })],
    [1, () => ({ ...empty, compare: Array.from({ length: count }, () => versionCompare(drawKey(draw))) })],
    [2, () => nestedAtBudget(draw, puts)],
  );
}

function nestedAtBudget(draw: Draw, puts: (length: number) => RequestOp[]): TxnRequest {
  const outer = draw.between(1, 100);
  const inner = { compare: [], success: puts(opsMax - outer + draw.between(-1, 1)), failure: [] };
  const siblings = Array.from({ length: outer - 1 }, () => rangeOp(plainRange(drawKey(draw))));
  return { compare: [], success: [txnOp(inner), ...siblings], failure: [] };
}

function drawList<T>(draw: Draw, lengthMax: number, make: () => T): T[] {
  return Array.from({ length: draw.below(lengthMax + 1) }, make);
}

function drawOp(draw: Draw, history: History, depthLeft: number): RequestOp {
  return draw.weighted<RequestOp>(
    [40, () => putOp(drawPut(draw))],
    [25, () => rangeOp(drawRange(draw, history))],
    [15, () => deleteOp(drawDelete(draw))],
    [depthLeft > 0 ? 19 : 0, () => txnOp(drawTree(draw, history, depthLeft - 1))],
    [1, () => ({ request: undefined })],
  );
}

function versionCompare(key: Buffer): Compare {
  return { result: 1, target: 0, key, rangeEnd: noBytes, targetUnion: { $case: 'version', value: 1n << 40n } };
}

function drawCompare(draw: Draw, history: History): Compare {
  const key = drawKey(draw);
  const target = draw.pick<Compare['target']>([0, 1, 2, 3, 4]);
  return {
    result: draw.pick([0, 1, 2, 3]),
    target,
    key,
    rangeEnd: draw.chance(250) ? drawRangeEnd(draw, key) : noBytes,
    targetUnion: draw.weighted<Compare['targetUnion']>(
      [88, () => drawOperand(draw, history, target)],
      [6, () => undefined],
      [6, () => drawOperand(draw, history, draw.pick([0, 1, 2, 3, 4]))],
    ),
  };
}

function drawOperand(draw: Draw, history: History, target: number): Compare['targetUnion'] {
  const revision = (): bigint => BigInt(draw.chance(200) ? 0 : Math.max(1, history.revision - draw.below(40)));
  switch (target) {
    case 0:
      return { $case: 'version', value: BigInt(draw.between(-1, 4)) };
    case 1:
      return { $case: 'createRevision', value: revision() };
    case 2:
      return { $case: 'modRevision', value: revision() };
    case 3:
      return { $case: 'value', value: drawValue(draw) };
    default:
      return { $case: 'lease', value: draw.pick([0n, 0n, 1n, -1n]) };
  }
}

const putOp = (value: PutRequest): RequestOp => ({ request: { $case: 'requestPut', value } });
const rangeOp = (value: RangeRequest): RequestOp => ({ request: { $case: 'requestRange', value } });
const deleteOp = (value: DeleteRangeRequest): RequestOp => ({ request: { $case: 'requestDeleteRange', value } });
const txnOp = (value: TxnRequest): RequestOp => ({ request: { $case: 'requestTxn', value } });

/**
 * etcd 3.4 overlooks a put inside a deleted range whose end is not above its start ("\0" included), and then panics
 * when that put wants to keep the value or lease of the deleted key.
 */
function withoutCrash(txn: TxnRequest): TxnRequest {
  return hasInvertedDelete(txn) ? withoutIgnore(txn) : txn;
}

function hasInvertedDelete(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].some(({ request }) => {
    if (request?.$case === 'requestTxn') return hasInvertedDelete(request.value);
    if (request?.$case !== 'requestDeleteRange') return false;
    const { key, rangeEnd } = request.value;
    return rangeEnd.equals(openEnd) || (rangeEnd.length > 0 && Buffer.compare(rangeEnd, key) <= 0);
  });
}

function withoutIgnore(txn: TxnRequest): TxnRequest {
  const plain = (op: RequestOp): RequestOp => {
    if (op.request?.$case === 'requestTxn') return txnOp(withoutIgnore(op.request.value));
    if (op.request?.$case !== 'requestPut') return op;
    return putOp({ ...op.request.value, ignoreValue: false, ignoreLease: false });
  };
  return { ...txn, success: txn.success.map(plain), failure: txn.failure.map(plain) };
}
