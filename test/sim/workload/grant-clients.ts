/** The clients with grants of a run, and the judgement of what they were told. */
import { seededRandom } from '../../../server/lib/random.js';
import { checkGrants } from '../../checkers/grant-checker.js';
import type { GrantOperation } from '../../checkers/grant-operation.js';
import type { Operation } from '../../checkers/operation.js';
import { streamOf } from '../draws.js';
import type { Plan } from '../plan-types.js';
import type { Finding, GuardedWrite, WorkloadPorts } from '../workload-ports.js';
import type { Caller } from './caller.js';
import { chance, pick } from './draw.js';
import type { Findings } from './findings.js';
import { GrantBoard } from './grant-board.js';
import { GrantCaller } from './grant-caller.js';
import { GrantClient } from './grant-client.js';
import { drawGrantMix } from './grant-mix.js';
import { lockNames } from './grant-plays.js';
import { HeldLeases } from './held-leases.js';
import type { LeaseCaller } from './lease-caller.js';
import { LeaseClient } from './lease-client.js';
import { drawLeaseMix } from './lease-mix.js';
import type { Tally } from './tally.js';
import type { Board } from './turn.js';

export interface GrantClientsParts {
  readonly plan: Plan;
  readonly ports: WorkloadPorts;
  readonly board: Board;
  readonly caller: Caller;
  readonly leaseCaller: LeaseCaller;
  readonly findings: Findings;
  readonly tally: Tally;
}

/** Of writes that the log tells of and nobody was told of. */
const FOUND_CLIENT = 2_000_000;

export class GrantClients {
  readonly #parts: GrantClientsParts;
  readonly #caller: GrantCaller;
  #clients: readonly { readonly client: GrantClient; readonly leases: LeaseClient }[] = [];

  constructor(parts: GrantClientsParts) {
    this.#parts = parts;
    this.#caller = new GrantCaller(parts);
  }

  start(): void {
    const { plan, ports, board, caller, leaseCaller, findings } = this.#parts;
    // Of streams of its own: what the other clients do does not depend on it.
    const random = streamOf(plan.seed, 'grant workload');
    const mix = drawGrantMix(random);
    const grantBoard = new GrantBoard();
    const broke = (error: unknown): void => findings.add('workload', String(error));
    this.#clients = Array.from({ length: plan.grantClients }, (_, place) => {
      const client = plan.clients + plan.leaseClients + place;
      const own = seededRandom(random.below(0x1_0000_0000));
      const held = new HeldLeases();
      const leaseMix = drawLeaseMix(own);
      const turn = new LeaseClient({
        client,
        ports,
        caller,
        leaseCaller,
        board,
        leases: held,
        mix: leaseMix,
        random: own,
        broke,
      });
      const shared = { ports, caller: this.#caller, board: grantBoard, mix, values: board.values };
      return { client: new GrantClient({ ...shared, client, random: own, turn, leases: held }), leases: turn };
    });
    for (const { client, leases } of this.#clients) {
      leases.begin(client.run());
      if (chance(random, mix.observePercent)) leases.begin(client.observe(pick(random, lockNames(mix.locks))));
    }
  }

  quiet(): void {
    for (const { client, leases } of this.#clients) {
      client.end();
      leases.end();
    }
  }

  /** Resolves as soon as no call about grants is open. */
  untilIdle(): Promise<void> {
    return this.#caller.untilIdle();
  }

  /** As calls on keys, when no call is open: what has become of those that were not answered is taken from the log. */
  writes(): readonly Operation[] {
    const { ports } = this.#parts;
    return this.#caller.history.flatMap((operation) => {
      const { call } = operation;
      if (call.kind !== 'guarded' && call.kind !== 'fenced') return [];
      const write = ports.grantRecords.writeOf(call.value);
      return write === undefined ? [] : [asWrite(operation, write, ports.clock.now())];
    });
  }

  /** At the end of a run, when no call is open. */
  judge(): readonly Finding[] {
    const { plan, ports, tally } = this.#parts;
    const { grantRecords } = ports;
    if (plan.grantClients === 0) return [];
    for (const [name, count] of Object.entries(grantRecords.counts)) tally.add(name, count);
    return checkGrants({
      operations: this.#caller.history,
      lives: grantRecords.lives,
      stateAt: (name, change) => grantRecords.stateAt(name, change),
      revisionOf: (value) => grantRecords.writeOf(value)?.revision,
    });
  }
}

function asWrite(
  { client, member, outcome, startMs, endMs }: GrantOperation,
  { revision, puts }: GuardedWrite,
  nowMs: number,
): Operation {
  const isTold = outcome.kind === 'ok';
  const results = puts.map(() => ({ kind: 'put' }) as const);
  return {
    // It may have happened after its client had given up, and may overlap with what that one did next.
    client: isTold ? client : FOUND_CLIENT + revision,
    member,
    call: {
      kind: 'txn',
      compares: [],
      success: puts.map(({ key, value }) => ({ kind: 'put', key, value })),
      failure: [],
    },
    outcome: { kind: 'ok', revision, answer: { kind: 'txn', succeeded: true, results } },
    startMs,
    endMs: isTold ? endMs : nowMs,
  };
}
