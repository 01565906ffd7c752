/**
 * A client of the SDK: connects, does several things at a time in lanes of their own, and ends: closed, or without a word.
 * Then it begins anew in another process, with another session, until it is told to end.
 */
import type { Client } from '../../../client/api/client.js';
import { connect } from '../../../client/connect.js';
import { isQuorateError } from '../../../client/core/quorate-error.js';
import type { Random } from '../../../server/lib/random.js';
import type { Call, Operation } from '../../checkers/operation.js';
import type { SdkProcess, WorkloadPorts } from '../workload-ports.js';
import { chance, pick, pickWeighted } from './draw.js';
import type { Findings } from './findings.js';
import { isWorthAnotherTry } from './outcome-codes.js';
import type { SdkCaller, SdkConsistency, SdkLife } from './sdk-caller.js';
import type { SdkMix } from './sdk-mix.js';
import { hotKey, sdkPlays, type SdkTurn } from './sdk-plays.js';
import type { Board } from './turn.js';

const CONNECT_MS = 10_000;
const PAUSE_MS = 200;
/** Beyond what a session keeps replies of. */
const FLOOD = 1200;
const CANCELED_AFTER_MS = 300;
const PROOF_MS = 30_000;
const TRIES_MAX = 3;

export interface SdkClientParts {
  readonly ports: WorkloadPorts;
  readonly board: Board;
  readonly caller: SdkCaller;
  readonly findings: Findings;
  readonly mix: SdkMix;
  readonly floods: boolean;
  readonly random: Random;
  /** Calls of one number do not overlap. */
  readonly nextClient: () => number;
}

export class SdkClient {
  readonly #parts: SdkClientParts;
  #running: Promise<void> | undefined;
  #hasEnded = false;
  #floods: boolean;
  /** The client that was there at the end. */
  #last: (SdkLife & { readonly process: SdkProcess }) | undefined;

  constructor(parts: SdkClientParts) {
    this.#parts = parts;
    this.#floods = parts.floods;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Finishes what is open, and begins nothing else. */
  quiet(): void {
    this.#hasEnded = true;
  }

  /** All is well now, so it must get through, whatever it has been through. Closes it. `addresses`: where somebody serves. */
  async prove(addresses: readonly string[]): Promise<void> {
    await this.#running;
    const isLost = this.#last?.process.addresses.some((address) => addresses.includes(address)) === false;
    // Whoever knows none of the members that are left is told of them, and begins anew.
    if (isLost) this.#last?.process.end();
    const life = isLost || this.#last === undefined ? await this.#begin() : this.#last;
    const { board, nextClient } = this.#parts;
    const client = nextClient();
    for (let isProven = false; !isProven; await this.#pause(PAUSE_MS)) {
      const call = { kind: 'put', key: hotKey(0), value: board.values.token(client) } as const;
      const { outcome } = await this.#ask(life, client, call, 'linearizable', PROOF_MS);
      isProven = outcome.kind === 'ok';
    }
    await life.client.close();
    life.process.end();
  }

  async #run(): Promise<void> {
    const { random, mix, caller } = this.#parts;
    while (!this.#hasEnded) {
      const life = await this.#begin();
      const lanes = [this.#pourOut(life), ...Array.from({ length: mix.lanes }, () => this.#lane(life))];
      if (mix.lifeMs === Infinity) {
        await Promise.all(lanes);
        this.#last = life;
        return;
      }
      await this.#pause(random.below(2 * mix.lifeMs));
      if (this.#hasEnded) {
        await Promise.all(lanes);
        this.#last = life;
        return;
      }
      life.isOver = true;
      if (chance(random, mix.deathPercent)) caller.died(life);
      else await life.client.close();
      life.process.end();
      await Promise.all(lanes);
    }
  }

  /** Who finds nobody is begun anew with the members of that moment: those it knows may all be gone for good. */
  async #begin(): Promise<SdkLife & { readonly process: SdkProcess }> {
    const { ports, findings } = this.#parts;
    for (;;) {
      const process = ports.sdk.begin({ isDriftBounded: false });
      const client = await this.#connect(process).catch((error: unknown) => {
        if (!isQuorateError(error, 'UNAVAILABLE'))
          findings.add('sdk', `${process.name} cannot connect: ${String(error)}`);
      });
      if (client !== undefined) return { name: process.name, client, process, seenRevision: 0, isOver: false };
      process.end();
      await this.#pause(PAUSE_MS);
    }
  }

  #connect({ name, addresses, transport, clock, random }: SdkProcess): Promise<Client> {
    return connect(addresses, { name, transport, clock, random, connectTimeout: CONNECT_MS });
  }

  async #lane(life: SdkLife): Promise<void> {
    const { board, random, mix, nextClient } = this.#parts;
    const client = nextClient();
    const isOver = (): boolean => this.#hasEnded || life.isOver;
    const readAs = async (call: Call, consistency: SdkConsistency): Promise<Operation | undefined> =>
      isOver() ? undefined : this.#ask(life, client, call, consistency, pick(random, mix.timeoutMs));
    const ask = (call: Call): Promise<Operation | undefined> => readAs(call, 'linearizable');
    const turn: SdkTurn = {
      ...board,
      client,
      random,
      hotKeys: mix.hotKeys,
      ask,
      readAs,
      async insist(make) {
        let last: Operation | undefined;
        for (let tries = 0; tries < TRIES_MAX; tries += 1) {
          last = await ask(make());
          if (last === undefined || !isWorthAnotherTry(last.outcome)) break;
        }
        return last;
      },
    };
    for (;;) {
      await this.#pause(random.below(2 * mix.thinkMs));
      if (isOver()) return;
      await sdkPlays[pickWeighted(random, mix.plays).name](turn);
    }
  }

  /** More at once than the session keeps replies of. */
  async #pourOut(life: SdkLife): Promise<void> {
    const { board, random, nextClient } = this.#parts;
    if (!this.#floods) return;
    this.#floods = false;
    await this.#pause(random.below(10_000));
    if (this.#hasEnded || life.isOver) return;
    const puts = Array.from({ length: FLOOD }, () => {
      const client = nextClient();
      const call = { kind: 'put', key: hotKey(0), value: board.values.token(client) } as const;
      return this.#ask(life, client, call, 'linearizable', PROOF_MS);
    });
    await Promise.all(puts);
  }

  #ask(life: SdkLife, client: number, call: Call, consistency: SdkConsistency, timeoutMs: number): Promise<Operation> {
    const { board, caller, random, mix } = this.#parts;
    board.keys.called(call);
    const canceledAfterMs = chance(random, mix.canceledPercent) ? random.below(CANCELED_AFTER_MS) : undefined;
    return caller.ask({ life, client, call, consistency, timeoutMs, canceledAfterMs });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.ports.clock.setTimer(resolve, ms));
  }
}
