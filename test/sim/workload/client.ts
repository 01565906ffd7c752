/** One client: plays one play after the other, and thinks in between, until it is told to end. */
import type { Random } from '../../../server/lib/random.js';
import type { Call, Operation } from '../../checkers/operation.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Caller } from './caller.js';
import { between, chance, pick, pickWeighted } from './draw.js';
import { ENDLESS_MS } from './mix.js';
import { isWorthAnotherTry } from './outcome-codes.js';
import { plays } from './plays.js';
import type { Board, Turn } from './turn.js';

const TRIES_MAX = 4;
const RETRY_PAUSE_MS = 300;
const NOBODY_THERE_PAUSE_MS = 200;
const TAKEN_BACK_AFTER_MS = 400;

export interface ClientParts {
  readonly client: number;
  readonly ports: WorkloadPorts;
  readonly caller: Caller;
  readonly board: Board;
  readonly random: Random;
}

export class Client {
  readonly #parts: ClientParts;
  readonly #turn: Turn;
  readonly #isRoaming: boolean;
  /** Where one that does not roam asks when it can: drawn as soon as members run. */
  #home: bigint | undefined;
  #hasEnded = false;
  /** The member that refused, or did not answer, last. */
  #avoided: bigint | undefined;

  constructor(parts: ClientParts) {
    const { client, board, random } = parts;
    this.#parts = parts;
    this.#isRoaming = chance(random, board.mix.roamingPercent);
    this.#turn = {
      ...board,
      client,
      random,
      ask: (call, options) => this.#ask(call, options),
      insist: (make) => this.#insist(make),
    };
  }

  /** Finishes the call that is open, and makes no other. */
  end(): void {
    this.#hasEnded = true;
  }

  async run(): Promise<void> {
    const { random, board } = this.#parts;
    await this.#pause(random.below(board.mix.thinkMs + 1));
    while (!this.#hasEnded) {
      await plays[pickWeighted(random, board.mix.plays).name](this.#turn);
      await this.#think();
    }
  }

  async #ask(call: Call, { isPhysical = false }: { isPhysical?: boolean } = {}): Promise<Operation | undefined> {
    const { client, caller, random, board } = this.#parts;
    if (this.#hasEnded) return undefined;
    const target = this.#target();
    if (target === undefined) {
      await this.#pause(NOBODY_THERE_PAUSE_MS);
      return undefined;
    }
    const { endlessPercent, deadlinePercent, takenBackPercent } = board.mix;
    const patienceMs = chance(random, endlessPercent) ? ENDLESS_MS : pick(random, board.mix.patienceMs);
    board.keys.called(call);
    const operation = await caller.ask({
      client,
      target,
      call,
      isPhysical,
      patienceMs,
      // The answer needs time to come back.
      deadlineMs: chance(random, deadlinePercent) ? random.below(patienceMs) : undefined,
      takenBackAfterMs: chance(random, takenBackPercent) ? random.below(TAKEN_BACK_AFTER_MS) : undefined,
      saysWhenGivingUp: chance(random, 30),
    });
    const { kind } = operation.outcome;
    this.#avoided = kind === 'failed' || (kind === 'unknown' && chance(random, 50)) ? target.id : undefined;
    return operation;
  }

  async #insist(make: () => Call): Promise<Operation | undefined> {
    const { random, board } = this.#parts;
    for (let tries = 1; ; tries += 1) {
      const operation = await this.#ask(make());
      if (operation === undefined || !isWorthAnotherTry(operation.outcome)) return operation;
      if (tries === TRIES_MAX || chance(random, 30)) return operation;
      board.tally.add('retries');
      await this.#pause(random.below(RETRY_PAUSE_MS));
    }
  }

  /** At home, unless that member is down or was of no use just now. */
  #target(): Target | undefined {
    const { ports, random } = this.#parts;
    const targets = ports.targets();
    const others = targets.filter(({ id }) => id !== this.#avoided);
    const candidates = others.length > 0 ? others : targets;
    if (candidates.length === 0) return undefined;
    if (!this.#isRoaming) this.#home ??= pick(random, candidates).id;
    return candidates.find(({ id }) => id === this.#home) ?? pick(random, candidates);
  }

  #think(): Promise<void> {
    const { random, board } = this.#parts;
    const { thinkMs, burstPercent } = board.mix;
    if (chance(random, burstPercent)) return this.#pause(random.below(4));
    return this.#pause(between(random, 0, Math.round((200 * thinkMs) / (100 - burstPercent))));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.ports.clock.setTimer(resolve, ms));
  }
}
