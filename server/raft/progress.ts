/**
 * The leader's view of one peer.
 *
 * probe      one append at a time, until it is known where the logs agree
 * replicate  appends are pipelined, bounded in messages and bytes
 * snapshot   the peer needs a snapshot; nothing is sent until it has one or it failed
 *
 * Invariant: match < next. Invariant: match only rises, and everything up to it is durable on the peer.
 */
import { assert } from '../lib/assert.js';
import type { LogIndex } from './types.js';

export type ProgressMode = 'probe' | 'replicate' | 'snapshot';

export interface InflightLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

interface Inflight {
  readonly lastIndex: LogIndex;
  readonly bytes: number;
}

export class Progress {
  #mode: ProgressMode = 'probe';
  #match: LogIndex = 0;
  #next: LogIndex;
  #inflights: Inflight[] = [];
  #inflightBytes = 0;
  readonly #limits: InflightLimits;
  /** In probe: an append is out and unanswered. Nothing follows it, except an empty one after each heartbeat answer. */
  probeSent = false;
  /** Heard of since the last quorum check. */
  recentActive = false;
  /** The commit index last told to this peer. */
  sentCommit: LogIndex = 0;

  constructor(next: LogIndex, limits: InflightLimits) {
    this.#next = next;
    this.#limits = limits;
  }

  get mode(): ProgressMode {
    return this.#mode;
  }
  get match(): LogIndex {
    return this.#match;
  }
  get next(): LogIndex {
    return this.#next;
  }
  get inflightCount(): number {
    return this.#inflights.length;
  }
  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  get isPaused(): boolean {
    switch (this.#mode) {
      case 'probe':
        return this.probeSent;
      case 'replicate':
        return this.#inflights.length >= this.#limits.messagesMax || this.#inflightBytes >= this.#limits.bytesMax;
      case 'snapshot':
        return true;
    }
  }

  becomeProbe(): void {
    this.#setMode('probe');
    this.#next = this.#match + 1;
  }

  becomeReplicate(): void {
    this.#setMode('replicate');
    this.#next = this.#match + 1;
  }

  becomeSnapshot(): void {
    this.#setMode('snapshot');
  }

  /** The transfer ended. With `index` the peer has installed that snapshot; without, it failed and waits a heartbeat. */
  snapshotEnded(index: LogIndex | undefined): void {
    if (this.#mode !== 'snapshot') return;
    this.becomeProbe();
    if (index === undefined) this.probeSent = true;
    else this.#next = Math.max(this.#next, index + 1);
  }

  /** An append with entries up to `lastIndex` went out. */
  sent(lastIndex: LogIndex, bytes: number): void {
    if (this.#mode === 'probe') {
      this.probeSent = true;
      return;
    }
    if (lastIndex < this.#next) return;
    assert(!this.isPaused, 'sending to a paused peer', { next: this.#next });
    this.#next = lastIndex + 1;
    this.#inflights.push({ lastIndex, bytes });
    this.#inflightBytes += bytes;
  }

  /** The peer has everything up to `index`. True when that was news. */
  acknowledged(index: LogIndex): boolean {
    this.#freeTo(index);
    if (index <= this.#match) return false;
    this.#match = index;
    this.#next = Math.max(this.#next, index + 1);
    return true;
  }

  /**
   * The peer refused an append whose previous index was `rejected`; `hint` is the last index that could match. False
   * when the refusal is stale: late, duplicated or of an append sent before the last step back.
   */
  rejected(rejected: LogIndex, hint: LogIndex): boolean {
    // Also while probing: otherwise a peer that lost its disk would be asked again and again, as fast as it answers.
    if (rejected <= this.#match) return false;
    if (this.#mode === 'replicate') {
      this.becomeProbe();
      return true;
    }
    if (this.#mode !== 'probe' || this.#next - 1 !== rejected) return false;
    this.#next = Math.max(Math.min(rejected, hint + 1), this.#match + 1);
    this.probeSent = false;
    return true;
  }

  #setMode(mode: ProgressMode): void {
    this.#mode = mode;
    this.probeSent = false;
    this.#inflights = [];
    this.#inflightBytes = 0;
  }

  #freeTo(index: LogIndex): void {
    let done = 0;
    for (const inflight of this.#inflights) {
      if (inflight.lastIndex > index) break;
      done += 1;
      this.#inflightBytes -= inflight.bytes;
    }
    if (done > 0) this.#inflights.splice(0, done);
  }
}
