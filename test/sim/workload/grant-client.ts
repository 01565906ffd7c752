/**
 * A client with grants: plays one play after the other on a lease that it looks after besides. Whatever it asks for and is
 * not answered it asks for again, under the same attempt id, wherever; and sometimes it asks twice at once.
 */
import type { Random } from '../../../server/lib/random.js';
import type { GrantWish } from '../../../server/state/grant/grant-entry.js';
import type { GrantAnswer, GrantCall, GrantOperation } from '../../checkers/grant-operation.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import { between, chance, pick, pickWeighted } from './draw.js';
import type { GrantBoard } from './grant-board.js';
import type { GrantCaller } from './grant-caller.js';
import type { GrantMix } from './grant-mix.js';
import { grantPlays } from './grant-plays.js';
import type { GrantTurn, Want } from './grant-turn.js';
import type { HeldLease, HeldLeases } from './held-leases.js';
import type { LeaseTurn } from './lease-turn.js';
import { grantLease } from './lease-upkeep.js';
import type { Values } from './values.js';

const NOBODY_THERE_PAUSE_MS = 200;
const TRIES_MAX = 6;
const OBSERVER_PATIENCE_MS = 5000;

export interface GrantClientParts {
  readonly client: number;
  readonly random: Random;
  readonly ports: WorkloadPorts;
  readonly caller: GrantCaller;
  readonly board: GrantBoard;
  readonly mix: GrantMix;
  readonly values: Values;
  /** Of this client alone: its leases. */
  readonly turn: LeaseTurn;
  readonly leases: HeldLeases;
}

export class GrantClient implements GrantTurn {
  readonly client: number;
  readonly random: Random;
  readonly mix: GrantMix;
  readonly board: GrantBoard;
  readonly values: Values;
  readonly #parts: GrantClientParts;
  #lease: HeldLease | undefined;
  #attempts = 0;
  #hasEnded = false;

  constructor(parts: GrantClientParts) {
    this.client = parts.client;
    this.random = parts.random;
    this.mix = parts.mix;
    this.board = parts.board;
    this.values = parts.values;
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
      await grantPlays[pickWeighted(random, mix.plays).name](this);
    }
  }

  /** Follows one name from member to member for as long as the run lasts. */
  async observe(name: string): Promise<void> {
    let change = 0;
    while (!this.#hasEnded) {
      const told = await this.ask({ kind: 'next', name, change });
      if (told?.outcome.kind === 'ok' && told.outcome.answer.kind === 'next') change = told.outcome.answer.queue.change;
      await this.pause(this.random.below(200));
    }
  }

  async wish(want: Want): Promise<GrantWish | undefined> {
    const { turn, leases } = this.#parts;
    const { random, mix, client } = this;
    if (this.#lease === undefined || !leases.has(this.#lease)) this.#lease = await grantLease(turn, '0');
    if (this.#lease === undefined) return undefined;
    this.#attempts += 1;
    return {
      ...want,
      attempt: `${client}.${this.#attempts}`,
      owner: chance(random, mix.ownerPercent) ? `o${client}` : '',
      // Now and then one that is gone, or was never there.
      lease: BigInt(chance(random, 3) ? leases.any(random) : this.#lease.id),
      priority: pick(random, mix.priorities),
      lockDelayMs: pick(random, mix.lockDelaysMs),
      metadata: '',
      value: `v${random.below(100)}`,
    };
  }

  async insist(call: GrantCall): Promise<GrantAnswer | undefined> {
    for (let tries = 0; tries < TRIES_MAX && !this.#hasEnded; tries += 1) {
      const isTwice = chance(this.random, this.mix.twicePercent);
      const [first, second] = await Promise.all([this.ask(call), isTwice ? this.ask(call) : undefined]);
      for (const operation of [first, second]) {
        if (operation?.outcome.kind === 'ok') return operation.outcome.answer;
        if (operation?.outcome.kind === 'failed' && IS_FINAL.has(operation.outcome.code)) return undefined;
      }
      await this.pause(this.random.below(300));
    }
    return undefined;
  }

  async ask(call: GrantCall): Promise<GrantOperation | undefined> {
    const target = await this.#target();
    if (target === undefined) return undefined;
    const { client, random, mix } = this;
    return this.#parts.caller.ask({
      client,
      target,
      call,
      patienceMs: call.kind === 'next' ? OBSERVER_PATIENCE_MS : pick(random, mix.patienceMs),
    });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.ports.clock.setTimer(resolve, ms));
  }

  hold(): Promise<void> {
    return this.pause(between(this.random, 0, 2 * this.mix.holdMs));
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

/** The store has said so: asking again gets the same. */
const IS_FINAL: ReadonlySet<string> = new Set([
  'LEASE_NOT_FOUND',
  'INVALID_GRANT',
  'GRANT_OWNED',
  'GRANT_NOT_FOUND',
  'FENCED',
]);
