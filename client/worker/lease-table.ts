/**
 * Memory that the main thread and the renewer share: when each lease was renewed last, and when the main loop ran last.
 * Both sides read it at once, whatever the other one is doing. A lease is written by the renewer alone, once its first
 * entry is made, and under a version that is odd meanwhile, so that nobody reads half of it.
 */
import type { Moment } from '../core/lease-deadline.js';

/** Leases of one client. */
export const LEASES_MAX = 4_096;

/** Of each lease: version, sent (monotonic microseconds), sent (wall ms), ttl (ms). */
const FIELDS = 4;
const TICK = LEASES_MAX * FIELDS;

export interface Renewal {
  /** On the clock that all threads share. */
  readonly sent: Moment;
  readonly ttlMs: number;
}

/** Down to the microsecond: a renewal counts from no later than it was sent. */
const microseconds = (ms: number): bigint => BigInt(Math.floor(ms * 1_000));
const milliseconds = (us: bigint): number => Number(us) / 1_000;

export class LeaseTable {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((TICK + 1) * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#cells = new BigInt64Array(memory);
  }

  tick(nowMs: number): void {
    Atomics.store(this.#cells, TICK, microseconds(nowMs));
  }

  /** When the main loop ran last. */
  get tickedAt(): number {
    return milliseconds(Atomics.load(this.#cells, TICK));
  }

  write(slot: number, { sent, ttlMs }: Renewal): void {
    const at = slot * FIELDS;
    Atomics.add(this.#cells, at, 1n);
    Atomics.store(this.#cells, at + 1, microseconds(sent.now));
    Atomics.store(this.#cells, at + 2, BigInt(Math.floor(sent.wall)));
    Atomics.store(this.#cells, at + 3, BigInt(Math.floor(ttlMs)));
    Atomics.add(this.#cells, at, 1n);
  }

  /** Undefined: it is being written at this moment. */
  read(slot: number): Renewal | undefined {
    const at = slot * FIELDS;
    const version = Atomics.load(this.#cells, at);
    if (version % 2n !== 0n) return undefined;
    const now = milliseconds(Atomics.load(this.#cells, at + 1));
    const wall = Number(Atomics.load(this.#cells, at + 2));
    const ttlMs = Number(Atomics.load(this.#cells, at + 3));
    return Atomics.load(this.#cells, at) === version ? { sent: { now, wall }, ttlMs } : undefined;
  }
}
