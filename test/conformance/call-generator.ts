/**
 * The seeded stream of calls for the differential suite. A seed and equal answers give equal calls.
 *
 * Not sent, because Quorate refuses at the door, on purpose, what etcd 3.4 lets through or dies of:
 *
 * | request                                       | etcd 3.4                     | Quorate                        |
 * | sort_target that no enum names                | the process crashes          | invalid sort option            |
 * | sort_order that no enum names                 | ignored                      | invalid sort option            |
 * | compare result or target that no enum names   | true, or compared with 0     | refused, nothing evaluated     |
 * | txn nested deeper than Quorate's depth limit  | up to 128 levels             | refused, naming the limit      |
 * | put keeping the value or lease of a key that  | the process crashes          | duplicate key                  |
 * |   the same txn deletes by an inverted range   |                              |                                |
 *
 * Sent, and equal but for the words: a message larger than gRPC receives, refused by the gRPC library itself.
 */
import type { Call } from './call.js';
import { Draw } from './draw.js';
import { bigKey, noBytes, openEnd } from './key-space.js';
import { drawRange, drawRevision, type History, plainRange } from './range-generator.js';
import { drawDelete, drawnLeases, drawPut, drawTxn, plainPut } from './txn-generator.js';

/** etcd's --max-request-bytes counts the replicated form of a request: up to this much on top of a put's own bytes. */
const requestBytesMax = 1_572_864;
const framingBytesMax = 18;
/** What the gRPC layer takes at most. */
const messageBytesMax = requestBytesMax + 524_288;
/** Key, value tag and lengths of the put of a big value. */
const bigPutOverhead = 2 + bigKey.length + 4;

export class CallGenerator {
  readonly #draw: Draw;
  /** Calls that must follow the last one drawn. */
  readonly #queued: Call[] = [];

  constructor(seed: number) {
    this.#draw = new Draw(seed);
  }

  next(history: History): Call {
    return this.#queued.shift() ?? this.#drawCall(history);
  }

  #drawCall(history: History): Call {
    const draw = this.#draw;
    if (draw.chance(2)) return this.#drawBigPut();
    return draw.weighted<Call>(
      [300, () => ({ kind: 'put', request: drawPut(draw) })],
      [320, () => ({ kind: 'range', request: drawRange(draw, history) })],
      [100, () => ({ kind: 'deleteRange', request: drawDelete(draw) })],
      [270, () => ({ kind: 'txn', request: drawTxn(draw, history) })],
      [10, () => ({ kind: 'compact', request: drawCompaction(draw, history) })],
      [24, () => drawLeaseCall(draw)],
    );
  }

  #drawBigPut(): Call {
    const bytes = this.#draw.pick([
      requestBytesMax - framingBytesMax,
      requestBytesMax + 1,
      messageBytesMax,
      messageBytesMax + 1,
    ]);
    this.#queued.push({ kind: 'deleteRange', request: { key: bigKey, rangeEnd: noBytes, prevKv: false } });
    return { kind: 'put', request: plainPut(bigKey, Buffer.alloc(bytes - bigPutOverhead, 'x')) };
  }
}

/** Leases that never run out during a suite. */
function drawLeaseCall(draw: Draw): Call {
  const ID = draw.pick([...drawnLeases, ...drawnLeases, 0n, 77n]);
  return draw.weighted<Call>(
    // Id 0 lets a member choose, and every one chooses another.
    [10, () => ({ kind: 'leaseGrant', request: { ID: ID === 0n ? 77n : ID, TTL: draw.pick(ttls) } })],
    [6, () => ({ kind: 'leaseRevoke', request: { ID } })],
    [6, () => ({ kind: 'leaseTimeToLive', request: { ID, keys: draw.chance(700) } })],
  );
}

const ttls = [100_000n, 1_000_000n, 9_000_000_000n, 9_000_000_001n] as const;

function drawCompaction(draw: Draw, history: History): { revision: bigint; physical: boolean } {
  const revision = draw.weighted<bigint>(
    [5, () => BigInt(draw.between(Math.max(history.compacted + 1, 0), history.revision))],
    // Compactions are few: what no revision has reached yet is drawn on purpose, or a run now and then meets none.
    [2, () => BigInt(history.revision + draw.between(1, 3))],
    [3, () => drawRevision(draw, history)],
  );
  return { revision, physical: draw.chance(100) };
}

/** Reads everything, now and at each of up to `revisionsMax` revisions spread over what is not compacted. */
export function sweep(history: History, revisionsMax: number): readonly Call[] {
  const oldest = Math.max(history.compacted, 1);
  const step = Math.max(1, Math.ceil((history.revision - oldest) / revisionsMax));
  const calls: Call[] = [{ kind: 'range', request: plainRange(openEnd, openEnd) }];
  for (let revision = oldest; revision <= history.revision; revision += step) {
    calls.push({ kind: 'range', request: { ...plainRange(openEnd, openEnd), revision: BigInt(revision) } });
  }
  return calls;
}
