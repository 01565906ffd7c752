/** The clients of the SDK of a run, and the judgement of what they were told. */
import { seededRandom } from '../../../server/lib/random.js';
import type { FinalHistory } from '../../checkers/final-history.js';
import type { Operation } from '../../checkers/operation.js';
import { streamOf } from '../draws.js';
import type { Plan } from '../plan-types.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Findings } from './findings.js';
import { SdkCaller } from './sdk-caller.js';
import { SdkClient } from './sdk-client.js';
import { drawSdkMix } from './sdk-mix.js';
import { hotKey } from './sdk-plays.js';
import type { Tally } from './tally.js';
import type { Board } from './turn.js';

/** Above those of all others. */
const FIRST_CLIENT = 10_000;
const FOUND_CLIENT = 1_000_000;

export interface SdkClientsParts {
  readonly plan: Plan;
  readonly ports: WorkloadPorts;
  readonly board: Board;
  readonly findings: Findings;
  readonly tally: Tally;
  readonly onAnswer: (operation: Operation) => void;
}

export class SdkClients {
  readonly #parts: SdkClientsParts;
  readonly #caller: SdkCaller;
  readonly #clients: readonly SdkClient[];
  readonly #hotKeys: readonly string[];

  constructor(parts: SdkClientsParts) {
    const { plan, ports, board, findings } = parts;
    this.#parts = parts;
    this.#caller = new SdkCaller({ ...parts, sightings: board.sightings });
    // Of a stream of its own: what the other clients do does not depend on it.
    const random = streamOf(plan.seed, 'sdk workload');
    const mix = drawSdkMix(random, plan.voters);
    this.#hotKeys = Array.from({ length: mix.hotKeys }, (_, place) => hotKey(place));
    let next = FIRST_CLIENT;
    const nextClient = (): number => (next += 1);
    this.#clients = Array.from({ length: plan.sessionClients }, (_, place) => {
      const own = seededRandom(random.below(0x1_0000_0000));
      const floods = place === 0 && mix.hasFlood;
      return new SdkClient({ ports, board, caller: this.#caller, findings, mix, floods, random: own, nextClient });
    });
  }

  /**
   * When no call is open. What became of puts whose clients were not told is taken from the log: there may be many at a
   * time, too many for a judge who would have to guess.
   */
  history(): readonly Operation[] {
    const { ports } = this.#parts;
    let client = FOUND_CLIENT;
    return this.#caller.history.map((operation) => {
      const { call, outcome } = operation;
      if (call.kind !== 'put' || outcome.kind !== 'unknown') return operation;
      const revision = ports.sessionRecords.revisionOfPut(call.value);
      if (revision === undefined) return { ...operation, outcome: { kind: 'failed', code: outcome.code } };
      client += 1;
      const found = { kind: 'ok', revision, answer: { kind: 'put' } } as const;
      // It may have happened after its client had gone, and may overlap with what that one did next.
      return { ...operation, client, outcome: found, endMs: ports.clock.now() };
    });
  }

  start(): void {
    for (const client of this.#clients) client.start();
  }

  quiet(): void {
    for (const client of this.#clients) client.quiet();
  }

  async prove(targets: readonly Target[]): Promise<void> {
    const addresses = targets.map(({ id }) => this.#parts.ports.sdk.addressOf(id));
    await Promise.all(this.#clients.map((client) => client.prove(addresses)));
  }

  untilIdle(): Promise<void> {
    return this.#caller.untilIdle();
  }

  /** At the end of a run, when no call is open. */
  judge(finalHistory: FinalHistory | undefined): void {
    const { plan, ports, findings, tally } = this.#parts;
    if (plan.sessionClients === 0) return;
    const { sessionRecords, sdk } = ports;
    for (const [name, count] of Object.entries({ ...sessionRecords.counts, ...sdk.counts })) tally.add(name, count);
    const current = new Map(finalHistory?.current.map(({ key, version }) => [key, version]));
    const versions =
      finalHistory === undefined ? [] : this.#hotKeys.map((key) => [key, current.get(key) ?? 0] as const);
    this.#caller.told.judge(sessionRecords, new Map(versions), findings, tally);
  }
}
