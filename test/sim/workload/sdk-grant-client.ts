/**
 * A process that takes grants through the SDK, and the next one after its end, until it is told to end: in each some lanes,
 * candidates and observers at a time.
 */
import type { Client } from '../../../client/api/client.js';
import { connect } from '../../../client/connect.js';
import { isQuorateError } from '../../../client/core/quorate-error.js';
import { seededRandom, type Random } from '../../../server/lib/random.js';
import type { SdkProcess } from '../workload-ports.js';
import { chance, pickWeighted } from './draw.js';
import { campaign, observe } from './sdk-grant-election.js';
import { SdkGrantLane } from './sdk-grant-lane.js';
import { type SdkGrantParts, SdkGrantLife } from './sdk-grant-life.js';
import { everything, sdkGrantPlays } from './sdk-grant-plays.js';

const CONNECT_MS = 10_000;
const PAUSE_MS = 200;
const PROOF_MS = 20_000;

export class SdkGrantClient {
  readonly #parts: SdkGrantParts;
  readonly #random: Random;
  #running: Promise<void> | undefined;
  #quieted: (() => void) | undefined;
  #hasEnded = false;
  #life: SdkGrantLife | undefined;

  constructor(parts: SdkGrantParts, random: Random) {
    this.#parts = parts;
    this.#random = random;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Finishes what is open, and begins nothing else. */
  quiet(): void {
    this.#hasEnded = true;
    this.#life?.quiet();
    this.#quieted?.();
  }

  /** All is well now, so it must get whatever there is, whatever it has been through. `addresses`: where somebody serves. */
  async prove(addresses: readonly string[]): Promise<void> {
    await this.#running;
    let life = this.#life;
    if (life === undefined || !life.process.addresses.some((address) => addresses.includes(address))) {
      // Whoever knows none of the members that are left is told of them, and begins anew.
      life?.end();
      life = await this.#begin();
    }
    const lane = new SdkGrantLane(life, this.#random);
    for (const wanted of everything(lane)) {
      while (!(await lane.proves(wanted, PROOF_MS))) await this.#pause(PAUSE_MS);
    }
    life.isOver = true;
    await life.client.close();
    life.end();
  }

  async #run(): Promise<void> {
    const { mix } = this.#parts;
    while (!this.#hasEnded) {
      const life = await this.#begin();
      this.#life = life;
      if (this.#hasEnded) life.quiet();
      const lanes = this.#lanes(life);
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#quieted = resolve;
          if (this.#hasEnded) resolve();
        }),
        ...(mix.lifeMs === Infinity ? [] : [this.#pause(this.#random.below(2 * mix.lifeMs))]),
      ]);
      if (this.#hasEnded) {
        await Promise.all(lanes);
        return;
      }
      this.#life = undefined;
      await this.#endOf(life);
    }
  }

  /** Closed, or without a word. */
  async #endOf(life: SdkGrantLife): Promise<void> {
    const { mix, tally } = this.#parts;
    if (chance(this.#random, mix.deathPercent)) tally.add('sdk grant processes died');
    else {
      tally.add('sdk grant processes closed');
      life.isOver = true;
      await life.client.close();
    }
    life.end();
  }

  #lanes(life: SdkGrantLife): readonly Promise<void>[] {
    const { mix } = this.#parts;
    const each = (count: number, work: (lane: SdkGrantLane) => Promise<void>): readonly Promise<void>[] =>
      Array.from({ length: count }, () =>
        work(new SdkGrantLane(life, seededRandom(this.#random.below(0x1_0000_0000)))),
      );
    return [...each(mix.lanes, play), ...each(mix.candidates, campaign), ...each(mix.observers, observe)];
  }

  /** Who finds nobody is begun anew with the members of that moment: those it knows may all be gone for good. */
  async #begin(): Promise<SdkGrantLife> {
    const { ports, findings } = this.#parts;
    for (;;) {
      const process = ports.sdk.begin({ isDriftBounded: true });
      const client = await this.#connect(process).catch((error: unknown) => {
        if (!isQuorateError(error, 'UNAVAILABLE'))
          findings.add('sdk', `${process.name} cannot connect: ${String(error)}`);
      });
      if (client !== undefined) return new SdkGrantLife(this.#parts, client, process);
      process.end();
      await this.#pause(PAUSE_MS);
    }
  }

  #connect({ name, addresses, transport, clock, random }: SdkProcess): Promise<Client> {
    return connect(addresses, { name, transport, clock, random, connectTimeout: CONNECT_MS });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.ports.clock.setTimer(resolve, ms));
  }
}

async function play(lane: SdkGrantLane): Promise<void> {
  const { mix } = lane.life.parts;
  for (;;) {
    await lane.life.pause(lane.random.below(2 * mix.thinkMs));
    if (lane.isOver) return;
    await sdkGrantPlays[pickWeighted(lane.random, mix.plays).name](lane);
  }
}
