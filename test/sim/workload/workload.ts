/**
 * The load on a simulated cluster, and the judgement of what it was answered: clients drawn from the seed call members
 * while the world does its worst, everything is recorded, and at the end the checkers look at all of it.
 */
import { seededRandom } from '../../../server/lib/random.js';
import { checkHistory } from '../../checkers/check-history.js';
import type { FinalHistory } from '../../checkers/final-history.js';
import { endsFrom } from '../../checkers/lease-ends.js';
import type { Operation } from '../../checkers/operation.js';
import type { Plan } from '../plan-types.js';
import type { Finding, MakeWorkload, Target, Workload, WorkloadPorts } from '../workload-ports.js';
import { checkSum } from './bank.js';
import { Caller } from './caller.js';
import { Client } from './client.js';
import { readFinalHistory } from './final-reads.js';
import { Findings } from './findings.js';
import { GrantClients } from './grant-clients.js';
import { Keys } from './keys.js';
import { LeaseClients } from './lease-clients.js';
import { drawMix } from './mix.js';
import type { PersistParts } from './persist.js';
import { proveMember } from './prover.js';
import { RevisionGaps } from './revision-gaps.js';
import { SdkClients } from './sdk-clients.js';
import { SdkGrantClients } from './sdk-grant-clients.js';
import { Sightings } from './sightings.js';
import { Tally } from './tally.js';
import type { Board } from './turn.js';
import { Values } from './values.js';
import { WatchClients } from './watch-clients.js';

/** True ms that the last reads of all may take. */
const FINAL_READS_MS = 60_000;

export const makeWorkload: MakeWorkload = (plan, ports) => new ClusterWorkload(plan, ports);

class ClusterWorkload implements Workload {
  readonly #plan: Plan;
  readonly #ports: WorkloadPorts;
  readonly #findings = new Findings();
  readonly #tally = new Tally();
  readonly #board: Board;
  readonly #caller: Caller;
  readonly #leaseClients: LeaseClients;
  readonly #grantClients: GrantClients;
  readonly #sdkClients: SdkClients;
  readonly #sdkGrantClients: SdkGrantClients;
  #clients: readonly Client[] = [];
  readonly #watchClients: WatchClients;
  /** Calls of one client do not overlap: whoever calls beside the clients of the plan has a number of its own. */
  #nextClient: number;
  #isProving = true;

  constructor(plan: Plan, ports: WorkloadPorts) {
    const mix = drawMix(plan, ports.random);
    const sightings = new Sightings();
    const isKnown = (revision: number): boolean =>
      ports.leaseRecords?.isEnd(revision) === true ||
      ports.sessionRecords.isPut(revision) ||
      ports.grantRecords.isWrite(revision) ||
      ports.held.isGuardedWrite(revision);
    const gaps = new RevisionGaps(isKnown);
    this.#plan = plan;
    this.#ports = ports;
    this.#nextClient = plan.clients + plan.leaseClients + plan.grantClients;
    this.#board = {
      mix,
      keys: new Keys(mix, plan.clients),
      values: new Values(mix.sizes),
      sightings,
      gaps,
      tally: this.#tally,
      appends: [],
      watchPositions: () => this.#watchClients.positions,
    };
    const onAnswer = (operation: Operation): void => {
      gaps.learn(operation);
      checkSum(operation, mix.accounts, this.#findings);
    };
    this.#caller = new Caller({ ports, findings: this.#findings, tally: this.#tally, sightings, onAnswer });
    this.#watchClients = new WatchClients({ plan, ports, board: this.#board, findings: this.#findings });
    this.#leaseClients = new LeaseClients({
      plan,
      ports,
      board: this.#board,
      caller: this.#caller,
      findings: this.#findings,
      tally: this.#tally,
    });
    this.#grantClients = new GrantClients({
      plan,
      ports,
      board: this.#board,
      caller: this.#caller,
      leaseCaller: this.#leaseClients.leaseCaller,
      findings: this.#findings,
      tally: this.#tally,
    });
    this.#sdkClients = new SdkClients({
      plan,
      ports,
      board: this.#board,
      findings: this.#findings,
      tally: this.#tally,
      onAnswer,
    });
    this.#sdkGrantClients = new SdkGrantClients({
      plan,
      ports,
      board: this.#board,
      findings: this.#findings,
      tally: this.#tally,
    });
  }

  get counts(): Readonly<Record<string, number>> {
    return this.#tally.counts;
  }

  start(): void {
    const { random } = this.#ports;
    this.#clients = Array.from(
      { length: this.#plan.clients },
      (_, client) =>
        // A stream for each: what happens to one does not change what the others draw.
        new Client({
          client,
          ports: this.#ports,
          caller: this.#caller,
          board: this.#board,
          random: seededRandom(random.below(0x1_0000_0000)),
        }),
    );
    for (const client of this.#clients) {
      client.run().catch((error: unknown) => this.#findings.add('workload', String(error)));
    }
    this.#watchClients.start();
    this.#leaseClients.start();
    this.#grantClients.start();
    this.#sdkClients.start();
    this.#sdkGrantClients.start();
  }

  quiet(): void {
    for (const client of this.#clients) client.end();
    this.#watchClients.quiet();
    this.#leaseClients.quiet();
    this.#grantClients.quiet();
    this.#sdkClients.quiet();
    this.#sdkGrantClients.quiet();
  }

  async proveLive(targets: readonly Target[]): Promise<void> {
    this.#watchClients.settle(targets);
    const proofs = targets.map((target) => {
      const others = targets.filter((other) => other !== target);
      const isOver = (): boolean => !this.#isProving;
      return proveMember(target, others, { ...this.#parts(isOver), values: this.#board.values });
    });
    await Promise.all([...proofs, this.#sdkClients.prove(targets), this.#sdkGrantClients.prove(targets)]);
  }

  async judge(target: Target): Promise<readonly Finding[]> {
    this.quiet();
    this.#isProving = false;
    await this.#caller.untilIdle();
    await this.#leaseClients.untilIdle();
    await this.#grantClients.untilIdle();
    await this.#sdkClients.untilIdle();
    const finalHistory = await this.#readFinalHistory(target);
    await this.#watchClients.judge();
    if (this.#caller.openCalls > 0) this.#findings.add('client', `${this.#caller.openCalls} calls without an outcome`);
    this.#sdkClients.judge(finalHistory);
    this.#sdkGrantClients.judge();
    const history = [
      ...this.#caller.history,
      ...this.#grantClients.writes(),
      ...this.#sdkClients.history(),
      ...this.#sdkGrantClients.writes(),
    ];
    this.#tally.add('operations', history.length);
    const { appends } = this.#board;
    const all = [...history, ...endsFrom(this.#ports.leaseRecords?.lives ?? [])];
    const violations = checkHistory(all, finalHistory === undefined ? { appends } : { appends, finalHistory });
    return [...this.#findings.all, ...violations, ...this.#leaseClients.judge(history), ...this.#grantClients.judge()];
  }

  async #readFinalHistory(target: Target): Promise<FinalHistory | undefined> {
    const { clock } = this.#ports;
    const endMs = clock.now() + FINAL_READS_MS;
    const isOver = (): boolean => clock.now() >= endMs;
    const finalHistory = await readFinalHistory(target, { ...this.#parts(isOver), gaps: this.#board.gaps });
    if (finalHistory === undefined) this.#findings.add('client', `member ${target.id} does not tell how all ended`);
    return finalHistory;
  }

  #parts(isOver: () => boolean): PersistParts {
    this.#nextClient += 1;
    return { client: this.#nextClient - 1, ports: this.#ports, caller: this.#caller, isOver };
  }
}
