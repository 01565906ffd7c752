/**
 * A client with leases: plays one play after the other, and thinks in between. Each lease that it is granted is looked
 * after besides (lease-upkeep.ts), so calls about leases overlap; those on keys do not.
 */
import type { Random } from '../../../server/lib/random.js';
import type { LeaseCall, LeaseOperation } from '../../checkers/lease-operation.js';
import type { Call, Operation } from '../../checkers/operation.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Caller } from './caller.js';
import { between, chance, pick, pickWeighted } from './draw.js';
import type { HeldLeases } from './held-leases.js';
import type { LeaseCaller } from './lease-caller.js';
import type { LeaseMix } from './lease-mix.js';
import { leasePlays } from './lease-plays.js';
import type { LeaseBoard, LeaseTurn } from './lease-turn.js';
import type { Board } from './turn.js';

const NOBODY_THERE_PAUSE_MS = 200;

export interface LeaseClientParts extends LeaseBoard {
  readonly client: number;
  readonly ports: WorkloadPorts;
  readonly caller: Caller;
  readonly leaseCaller: LeaseCaller;
  readonly random: Random;
  /** What goes wrong in a task of its own. */
  readonly broke: (error: unknown) => void;
}

export class LeaseClient implements LeaseTurn {
  readonly client: number;
  readonly random: Random;
  readonly board: Board;
  readonly leases: HeldLeases;
  readonly mix: LeaseMix;
  readonly #parts: LeaseClientParts;
  #hasEnded = false;

  constructor(parts: LeaseClientParts) {
    this.client = parts.client;
    this.random = parts.random;
    this.board = parts.board;
    this.leases = parts.leases;
    this.mix = parts.mix;
    this.#parts = parts;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Finishes the calls that are open, and makes no other. */
  end(): void {
    this.#hasEnded = true;
  }

  async run(): Promise<void> {
    const { random, mix } = this;
    while (!this.#hasEnded) {
      await this.pause(random.below(2 * mix.thinkMs));
      await leasePlays[pickWeighted(random, mix.plays).name](this);
    }
  }

  now(): number {
    return this.#parts.ports.clock.now();
  }

  async ask(call: Call): Promise<Operation | undefined> {
    const target = await this.#target();
    if (target === undefined) return undefined;
    const { client, board, random, mix } = this;
    board.keys.called(call);
    return this.#parts.caller.ask({ client, target, call, patienceMs: pick(random, mix.patienceMs) });
  }

  async askLease(call: LeaseCall): Promise<LeaseOperation | undefined> {
    const target = await this.#target();
    if (target === undefined) return undefined;
    const { client, random, mix } = this;
    const patienceMs = pick(random, mix.patienceMs);
    const deadlineMs = chance(random, mix.deadlinePercent) ? between(random, 1, patienceMs) : undefined;
    return this.#parts.leaseCaller.ask({ client, target, call, patienceMs, deadlineMs });
  }

  begin(task: Promise<void>): void {
    task.catch(this.#parts.broke);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.ports.clock.setTimer(resolve, ms));
  }

  /** Any member will do, and mostly it is not the leader. */
  async #target(): Promise<Target | undefined> {
    if (this.#hasEnded) return undefined;
    const targets = this.#parts.ports.targets();
    if (targets.length > 0) return pick(this.random, targets);
    await this.pause(NOBODY_THERE_PAUSE_MS);
    return undefined;
  }
}
