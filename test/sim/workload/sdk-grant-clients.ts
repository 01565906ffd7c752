/** The processes of a run that take grants through the SDK, and the judgement of what they were told. */
import { seededRandom } from '../../../server/lib/random.js';
import type { Operation } from '../../checkers/operation.js';
import { streamOf } from '../draws.js';
import type { Plan } from '../plan-types.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Findings } from './findings.js';
import { SdkGrantClient } from './sdk-grant-client.js';
import { drawSdkGrantMix } from './sdk-grant-mix.js';
import { SdkGrantTold } from './sdk-grant-told.js';
import type { Tally } from './tally.js';
import type { Board } from './turn.js';

/** Above those of all others. */
const FIRST_CLIENT = 20_000;

export interface SdkGrantClientsParts {
  readonly plan: Plan;
  readonly ports: WorkloadPorts;
  readonly board: Board;
  readonly findings: Findings;
  readonly tally: Tally;
}

export class SdkGrantClients {
  readonly #parts: SdkGrantClientsParts;
  readonly #told = new SdkGrantTold();
  readonly #clients: readonly SdkGrantClient[];

  constructor(parts: SdkGrantClientsParts) {
    const { plan, ports, board, findings, tally } = parts;
    this.#parts = parts;
    // Of a stream of its own: what the other clients do does not depend on it.
    const random = streamOf(plan.seed, 'SDK grant workload');
    const mix = drawSdkGrantMix(random);
    let next = FIRST_CLIENT;
    const nextClient = (): number => (next += 1);
    const { values } = board;
    const shared = { ports, findings, tally, told: this.#told, values, mix, nextClient, known: [] };
    this.#clients = Array.from(
      { length: plan.sdkGrantClients },
      () => new SdkGrantClient(shared, seededRandom(random.below(0x1_0000_0000))),
    );
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

  /** When no call is open. */
  writes(): readonly Operation[] {
    const { ports } = this.#parts;
    return this.#told.writes(ports.held, ports.clock.now());
  }

  /** At the end of a run, when no call is open. */
  judge(): void {
    const { plan, ports, findings, tally } = this.#parts;
    if (plan.sdkGrantClients === 0) return;
    const { held, sdk, sessionRecords } = ports;
    // Whoever else uses them has told them already.
    const shared = plan.sessionClients === 0 ? { ...sessionRecords.counts, ...sdk.counts } : {};
    for (const [name, count] of Object.entries({ ...shared, ...held.counts })) tally.add(name, count);
    this.#told.judge(held, findings);
    if (held.left.length > 0) findings.add('sdk-left', `somebody is still in the queue of ${held.left.join()}`);
  }
}
