/** All clients of a run that watch, and the judgement of what they were told. */
import { seededRandom } from '../../../server/lib/random.js';
import type { Event } from '../../../server/state/result.js';
import { checkWatches } from '../../checkers/watch-checker.js';
import { streamOf } from '../draws.js';
import type { Plan } from '../plan-types.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Findings } from './findings.js';
import { placeName, withPlaces } from './long-watch.js';
import type { Board } from './turn.js';
import { WatchClient } from './watch-client.js';
import { drawWatchMix } from './watch-mix.js';

/** When all is well every watcher has everything within this. */
const CATCH_UP_MS_MAX = 15_000;
/** And nothing of a stream that was closed is left on its member within this. */
const CLOSE_MS_MAX = 1000;
const LOOK_EVERY_MS = 20;

export interface WatchClientsParts {
  readonly plan: Plan;
  readonly ports: WorkloadPorts;
  readonly findings: Findings;
  readonly board: Board;
}

export class WatchClients {
  readonly #ports: WorkloadPorts;
  readonly #findings: Findings;
  readonly #clients: readonly WatchClient[];
  #targets: readonly Target[] = [];

  constructor({ plan, ports, findings, board }: WatchClientsParts) {
    this.#ports = ports;
    this.#findings = findings;
    // A stream of its own: what the other clients do does not depend on it.
    const random = streamOf(plan.seed, 'watch workload');
    const mix = drawWatchMix(random);
    const { clients, watchClients } = plan;
    const { keys, sightings, tally } = board;
    const { historyDepth } = board.mix;
    this.#clients = Array.from({ length: watchClients }, (_, place) => {
      const own = seededRandom(random.below(0x1_0000_0000));
      const shared = { ports, mix, clients, historyDepth, keys, sightings, tally, findings };
      return new WatchClient({ ...shared, name: `w${place}`, random: own });
    });
  }

  /** Of watchers that have begun, the next revision that each of them needs. */
  get positions(): readonly number[] {
    return this.#clients.flatMap((client) => client.positions);
  }

  start(): void {
    for (const client of this.#clients) {
      client.run().catch((error: unknown) => this.#findings.add('workload', String(error)));
    }
  }

  quiet(): void {
    for (const client of this.#clients) client.quiet();
  }

  settle(targets: readonly Target[]): void {
    this.#targets = targets;
    for (const client of this.#clients) client.settle(targets);
  }

  /** When nothing is written any more: waits until everybody has everything, and looks at all that was told. */
  async judge(): Promise<void> {
    await this.#until(() => this.#lacks === undefined, CATCH_UP_MS_MAX);
    const lacks = this.#lacks;
    const history = this.#ports.history();
    const { events } = history;
    const places = new Map(events.map((event: Event) => [placeName(event), event]));
    const watches = this.#clients.flatMap((client) => client.watches);
    const records = watches.flatMap((watch) => watch.records(lacks === undefined ? this.#revision : 0));
    for (const { property, watcher, detail } of checkWatches(
      history,
      records.map((each) => withPlaces(each, places)),
    )) {
      this.#findings.add(`watch ${property}`, `${watcher}: ${detail}`);
    }
    if (lacks !== undefined) this.#findings.add('watch-liveness', lacks);
    await this.#close();
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.close();
    const left = (): Target | undefined => this.#targets.find(({ watches }) => watches.watchers > 0);
    await this.#until(() => left() === undefined, CLOSE_MS_MAX);
    const target = left();
    if (target === undefined) return;
    this.#findings.add('watch-left', `m${target.id} still has ${target.watches.watchers} watchers, and all are gone`);
  }

  get #lacks(): string | undefined {
    for (const client of this.#clients) {
      const lacks = client.lacks(this.#revision);
      if (lacks !== undefined) return lacks;
    }
    return undefined;
  }

  get #revision(): number {
    return this.#ports.history().events.at(-1)?.revision.main ?? 1;
  }

  async #until(holds: () => boolean, maxMs: number): Promise<void> {
    const { clock } = this.#ports;
    const endMs = clock.now() + maxMs;
    while (!holds() && clock.now() < endMs) {
      await new Promise<void>((resolve) => clock.setTimer(resolve, LOOK_EVERY_MS));
    }
  }
}
