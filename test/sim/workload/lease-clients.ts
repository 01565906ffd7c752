/** The clients with leases of a run, and the judgement of what they were told. */
import { seededRandom } from '../../../server/lib/random.js';
import { checkLeases } from '../../checkers/lease-checker.js';
import type { Operation } from '../../checkers/operation.js';
import { streamOf } from '../draws.js';
import type { Plan } from '../plan-types.js';
import type { Finding, WorkloadPorts } from '../workload-ports.js';
import type { Caller } from './caller.js';
import type { Findings } from './findings.js';
import { HeldLeases } from './held-leases.js';
import { LeaseCaller } from './lease-caller.js';
import { LeaseClient } from './lease-client.js';
import { drawLeaseMix } from './lease-mix.js';
import type { Tally } from './tally.js';
import type { Board } from './turn.js';

/** Of the slowest clock. */
const RATE_MIN = 0.9;
/** Of an answer, from a member to its client. */
const TRAVEL_MS_MAX = 2;

export interface LeaseClientsParts {
  readonly plan: Plan;
  readonly ports: WorkloadPorts;
  readonly board: Board;
  readonly caller: Caller;
  readonly findings: Findings;
  readonly tally: Tally;
}

export class LeaseClients {
  readonly #parts: LeaseClientsParts;
  /** Also for others who have leases. */
  readonly leaseCaller: LeaseCaller;
  #clients: readonly LeaseClient[] = [];

  constructor(parts: LeaseClientsParts) {
    this.#parts = parts;
    this.leaseCaller = new LeaseCaller(parts);
  }

  start(): void {
    const { plan, ports, board, caller, findings } = this.#parts;
    // Of streams of its own: what the other clients do does not depend on it.
    const random = streamOf(plan.seed, 'lease workload');
    const mix = drawLeaseMix(random);
    const leases = new HeldLeases();
    const shared = { ports, caller, leaseCaller: this.leaseCaller, board, leases, mix };
    const broke = (error: unknown): void => findings.add('workload', String(error));
    this.#clients = Array.from({ length: plan.leaseClients }, (_, place) => {
      const own = seededRandom(random.below(0x1_0000_0000));
      return new LeaseClient({ ...shared, client: plan.clients + place, random: own, broke });
    });
    for (const client of this.#clients) client.begin(client.run());
  }

  quiet(): void {
    for (const client of this.#clients) client.end();
  }

  /** Resolves as soon as no call about leases is open. */
  untilIdle(): Promise<void> {
    return this.leaseCaller.untilIdle();
  }

  /** At the end of a run, when no call is open. */
  judge(keyOperations: readonly Operation[]): readonly Finding[] {
    const { plan, ports, tally } = this.#parts;
    const { leaseRecords } = ports;
    if (leaseRecords === undefined) return [];
    const { lives } = leaseRecords;
    tally.add('leases granted', lives.length);
    for (const { ended } of lives) if (ended !== undefined) tally.add(`leases ${ended.cause}`);
    tally.add('ends of leases with keys', lives.filter(({ ended }) => (ended?.keys.length ?? 0) > 0).length);
    return checkLeases({
      operations: this.leaseCaller.history,
      keyOperations,
      lives: lives.filter((life) => !leaseRecords.isOfSession(life)),
      firstListed: (revision, ids) => leaseRecords.firstListed(revision, ids),
      rateOf: (term) => leaseRecords.rateOf(term),
      answerAgeMs: plan.electionMs / RATE_MIN + TRAVEL_MS_MAX,
    });
  }
}
