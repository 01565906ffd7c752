/**
 * The main thread's side of the renewer: hands leases to it, and reads from the memory they share until when each may be
 * believed in. That needs no message, so it is true even when the loop has been blocked.
 */
import { Worker } from 'node:worker_threads';
import type { LeaseId } from '../core/ids.js';
import { LeaseDeadline, type LeaseState, type Moment } from '../core/lease-deadline.js';
import { QuorateError } from '../core/quorate-error.js';
import { type HeldLease, type Keeper, type LeaseEvents, momentOf } from '../calls/lease-keeper.js';
import type { Clock, Timer } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { LEASES_MAX, LeaseTable } from './lease-table.js';
import type { FromRenewer, RenewerData, ToRenewer } from './messages.js';
import { sharedClock } from './shared-clock.js';

/** How often the main loop shows that it runs. */
const TICK_MS = 50;

export class WorkerLease implements HeldLease {
  readonly id: LeaseId;
  readonly slot: number;
  readonly events: LeaseEvents;
  readonly #table: LeaseTable;
  readonly #deadline: LeaseDeadline;
  #timer: Timer | undefined;
  #isAtRisk = false;
  #isOver = false;

  constructor(id: LeaseId, slot: number, granted: Moment, ttlMs: number, table: LeaseTable, events: LeaseEvents) {
    this.id = id;
    this.slot = slot;
    this.events = events;
    this.#table = table;
    this.#deadline = new LeaseDeadline(granted, ttlMs);
  }

  /** Looks again when it would be at risk, or lost, by what is known now. */
  look(): void {
    if (this.state === 'lost') return;
    const now = sharedClock.now();
    const riskAt = this.#deadline.renewAt + this.#deadline.ttlMs / 3;
    const isAtRisk = now >= riskAt;
    if (isAtRisk && !this.#isAtRisk) this.events.onRisk(this.remainingMs);
    this.#isAtRisk = isAtRisk;
    const nextAt = isAtRisk ? this.#deadline.lostAt : riskAt;
    this.#timer = sharedClock.setTimer(() => this.look(), Math.max(1, nextAt - now));
  }

  get state(): LeaseState {
    this.#pull();
    const state = this.#deadline.state(momentOf(sharedClock));
    if (state === 'lost') this.lose();
    return state;
  }

  get remainingMs(): number {
    this.#pull();
    return this.#deadline.remainingMs(momentOf(sharedClock));
  }

  get ttlMs(): number {
    return this.#deadline.ttlMs;
  }

  lose(): void {
    this.#deadline.end();
    if (this.#isOver) return;
    this.stop();
    this.events.onLost();
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #pull(): void {
    const renewal = this.#table.read(this.slot);
    if (renewal !== undefined && !this.#isOver) this.#deadline.renewed(renewal.sent, renewal.ttlMs);
  }
}

export class WorkerKeeper implements Keeper<WorkerLease> {
  readonly #data: Omit<RenewerData, 'memory'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #table = new LeaseTable();
  readonly #leases = new Map<number, WorkerLease>();
  /** The renewer has let go of them too: nothing of an earlier lease is written there any more. */
  readonly #freeSlots: number[] = [];
  #slots = 0;
  #worker: Worker | undefined;
  #ticking: Timer | undefined;

  /** `clock`: by which grants were timed. */
  constructor(data: Omit<RenewerData, 'memory'>, clock: Clock, logger: Logger) {
    this.#data = data;
    this.#clock = clock;
    this.#logger = logger;
    // A thread takes its time to start: it is there before the first lease is.
    this.#worker = this.#start();
    this.#worker.unref();
  }

  keep(id: LeaseId, sent: Moment, ttlMs: number, events: LeaseEvents): WorkerLease {
    const slot = this.#takeSlot();
    this.#tick();
    const granted = { sent: { now: sent.now + sharedClock.now() - this.#clock.now(), wall: sent.wall }, ttlMs };
    this.#table.write(slot, granted);
    const lease: WorkerLease = new WorkerLease(id, slot, granted.sent, ttlMs, this.#table, {
      ...events,
      onLost: () => {
        this.#forget(lease);
        events.onLost();
      },
    });
    this.#leases.set(slot, lease);
    this.#tell({ kind: 'keep', slot, id, granted });
    this.#worker?.ref();
    lease.look();
    return lease;
  }

  release(lease: WorkerLease): void {
    lease.stop();
    this.#forget(lease);
  }

  verify({ slot }: WorkerLease): void {
    this.#tell({ kind: 'verify', slot });
  }

  close(): void {
    for (const lease of this.#leases.values()) lease.stop();
    this.#leases.clear();
    this.#ticking?.cancel();
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #takeSlot(): number {
    const free = this.#freeSlots.pop();
    if (free !== undefined) return free;
    if (this.#slots >= LEASES_MAX) {
      const detail = `a renewer keeps at most ${LEASES_MAX} leases`;
      throw new QuorateError('TOO_MANY_WAITING', { detail, retryable: false });
    }
    this.#slots += 1;
    return this.#slots - 1;
  }

  #forget(lease: WorkerLease): void {
    if (!this.#leases.delete(lease.slot)) return;
    this.#tell({ kind: 'release', slot: lease.slot });
    if (this.#leases.size === 0) this.#worker?.unref();
  }

  #tell(message: ToRenewer): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const workerData: RenewerData = { ...this.#data, memory: this.#table.memory };
    // Whatever flags the process was started with are not meant for this thread, and some would keep it from starting.
    const worker = new Worker(new URL('./renewer.js', import.meta.url), { workerData, execArgv: [] });
    worker.on('message', (message: FromRenewer) => this.#onMessage(message));
    // What it kept runs out, and is told lost in time. The next lease starts another one.
    worker.on('error', (error) => this.#logger.error('the renewer of leases has failed', { error }));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }

  #onMessage(message: FromRenewer): void {
    if (message.kind === 'released') {
      this.#freeSlots.push(message.slot);
      return;
    }
    const lease = this.#leases.get(message.slot);
    if (lease === undefined) return;
    if (message.kind === 'lost') return lease.lose();
    lease.events.onRenewed(message.marginMs, momentOf(sharedClock));
  }

  #tick(): void {
    this.#table.tick(sharedClock.now());
    this.#ticking?.cancel();
    this.#ticking = sharedClock.setTimer(() => {
      if (this.#leases.size > 0) this.#tick();
    }, TICK_MS);
  }
}
