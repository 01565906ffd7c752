/**
 * Takes reads from an open cursor to the answer: at once when everything is in memory and small, else slice by slice
 * with the loop free in between, and values of older revisions fetched from the store.
 */
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import { RANGE_SLICE_KEYS, type RangeCursor } from '../state/mvcc/range-cursor.js';
import type { RangeResult } from '../state/result.js';
import type { StateMachine } from '../state/state-machine.js';
import type { MemberStore } from '../storage/member-store.js';
import { LIMITS } from './limits.js';
import type { RaftNode } from './raft-node.js';

export class RangeReader {
  readonly #node: RaftNode;
  readonly #store: MemberStore;
  readonly #clock: Clock;

  constructor(node: RaftNode, store: MemberStore, clock: Clock) {
    this.#node = node;
    this.#store = store;
    this.#clock = clock;
  }

  /** Small reads are answered in the same turn. Rejects or throws RESPONSE_TOO_LARGE. */
  read(cursor: RangeCursor): RangeResult | Promise<RangeResult> {
    return cursor.progress === 'done' ? checkSize(cursor.result()) : this.#finish(cursor, this.#node.machine);
  }

  async #finish(cursor: RangeCursor, machine: StateMachine): Promise<RangeResult> {
    try {
      while (cursor.progress !== 'done') {
        if (cursor.progress === 'missing') await this.#supply(cursor, machine);
        else await new Promise<void>((resolve) => this.#clock.defer(resolve));
        if (cursor.progress === 'more') cursor.step(RANGE_SLICE_KEYS);
      }
      return checkSize(cursor.result());
    } finally {
      cursor.close();
    }
  }

  async #supply(cursor: RangeCursor, machine: StateMachine): Promise<void> {
    await this.#node.written();
    const records = await this.#store.readRevisions(cursor.missing());
    if (this.#node.machine !== machine || !this.#node.isServing) {
      throw new QuorateError('LEADER_CHANGED', 'a snapshot replaced the state under this read');
    }
    cursor.supply(records);
  }
}

function checkSize(result: RangeResult): RangeResult {
  let bytes = 0;
  for (const { key, value } of result.kvs) bytes += key.length + value.length;
  if (bytes <= LIMITS.responseBytesMax) return result;
  throw new QuorateError('RESPONSE_TOO_LARGE', `${bytes} bytes, the limit is ${LIMITS.responseBytesMax}`);
}
