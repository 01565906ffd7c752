/**
 * Makes calls about leases and records each with its outcome, as caller.ts does for those on keys: a call that has no
 * answer when its client's patience ends is of unknown outcome. Calls of one client may overlap: a lease is kept alive
 * while its owner does other things.
 */
import { QuorateError } from '../../../server/lib/quorate-error.js';
import type { Header, RequestOptions } from '../../../server/node/member.js';
import {
  describeLeaseCall,
  describeLeaseOutcome,
  type LeaseAnswer,
  type LeaseCall,
  type LeaseOperation,
  type LeaseOutcome,
} from '../../checkers/lease-operation.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Findings } from './findings.js';
import { MemberLives } from './member-lives.js';
import { isLeaseRefusal } from './outcome-codes.js';
import type { Tally } from './tally.js';

export interface LeaseAsking {
  readonly client: number;
  readonly target: Target;
  readonly call: LeaseCall;
  readonly patienceMs: number;
  /** What the member is told of how long it may take. */
  readonly deadlineMs: number | undefined;
}

export interface LeaseCallerParts {
  readonly ports: WorkloadPorts;
  readonly findings: Findings;
  readonly tally: Tally;
}

interface Received {
  readonly header: Header;
  readonly answer: LeaseAnswer;
}

export class LeaseCaller {
  /** In the order in which the calls ended. */
  readonly history: LeaseOperation[] = [];
  readonly #parts: LeaseCallerParts;
  readonly #lives = new MemberLives();
  readonly #open = new Set<Promise<LeaseOperation>>();

  constructor(parts: LeaseCallerParts) {
    this.#parts = parts;
  }

  /** Resolves as soon as no call is open. */
  async untilIdle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  /** Resolves, at the latest when patience ends, with what was recorded. */
  ask(asking: LeaseAsking): Promise<LeaseOperation> {
    const asked = this.#ask(asking);
    this.#open.add(asked);
    void asked.then(() => this.#open.delete(asked));
    return asked;
  }

  #ask(asking: LeaseAsking): Promise<LeaseOperation> {
    const { ports } = this.#parts;
    const { client, target, call, patienceMs, deadlineMs } = asking;
    const known = this.#lives.known(target);
    const startMs = ports.clock.now();
    ports.trace(`c${client} ${describeLeaseCall(call)} at m${target.id}`);
    return new Promise((resolve) => {
      let isOver = false;
      const settle = (outcome: LeaseOutcome): void => {
        if (isOver) return;
        isOver = true;
        patience.cancel();
        resolve(this.#record(asking, startMs, outcome));
      };
      const patience = ports.clock.setTimer(() => settle({ kind: 'unknown', code: 'TIMED_OUT_HERE' }), patienceMs);
      send(target, call, deadlineMs === undefined ? {} : { deadline: startMs + deadlineMs }).then(
        ({ header, answer }) => {
          for (const complaint of this.#lives.check(target, known, header)) this.#complain(asking, complaint);
          settle({ kind: 'ok', revision: header.revision, answer });
        },
        (error: unknown) => settle(this.#rejected(asking, error)),
      );
    });
  }

  #rejected(asking: LeaseAsking, error: unknown): LeaseOutcome {
    if (error instanceof QuorateError) {
      if (isLeaseRefusal(asking.call, error.code)) return { kind: 'failed', code: error.code };
      const isWrite = asking.call.kind === 'grant' || asking.call.kind === 'revoke';
      if (isWrite && error.code === 'OUTCOME_UNKNOWN') return { kind: 'unknown', code: error.code };
    }
    this.#complain(asking, `rejected with ${String(error)}`);
    return { kind: 'unknown', code: error instanceof QuorateError ? error.code : 'NO_QUORATE_ERROR' };
  }

  #record({ client, target, call }: LeaseAsking, startMs: number, outcome: LeaseOutcome): LeaseOperation {
    const { ports, tally } = this.#parts;
    const operation = { client, member: `m${target.id}`, call, outcome, startMs, endMs: ports.clock.now() };
    ports.trace(`c${client} ${describeLeaseCall(call)}: ${describeLeaseOutcome(outcome)}`);
    this.history.push(operation);
    tally.add(`lease ${call.kind} ${outcome.kind}`);
    if (outcome.kind !== 'ok') tally.add(`code ${outcome.code}`);
    return operation;
  }

  #complain({ client, target, call }: LeaseAsking, complaint: string): void {
    const message = `c${client} ${describeLeaseCall(call)} at m${target.id}: ${complaint}`;
    this.#parts.findings.add('client', message);
    this.#parts.ports.trace(`violation: ${message}`);
  }
}

async function send({ leases }: Target, call: LeaseCall, options: RequestOptions): Promise<Received> {
  switch (call.kind) {
    case 'grant': {
      const { header, id, ttl } = await leases.grant({ id: BigInt(call.id), ttl: BigInt(call.ttl) }, options);
      return { header, answer: { kind: 'grant', id: String(id), ttl: Number(ttl) } };
    }
    case 'revoke': {
      const { header } = await leases.revoke(BigInt(call.id), options);
      return { header, answer: { kind: 'revoke' } };
    }
    case 'keepAlive': {
      const { header, ttl } = await leases.keepAlive(BigInt(call.id), options);
      return { header, answer: { kind: 'keepAlive', ttl: Number(ttl) } };
    }
    case 'timeToLive': {
      const asked = { id: BigInt(call.id), keys: call.keys };
      const { header, ttl, grantedTtl, keys } = await leases.timeToLive(asked, options);
      return { header, answer: { kind: 'timeToLive', ttl: Number(ttl), grantedTtl: Number(grantedTtl), keys } };
    }
    case 'leases': {
      const { header, ids } = await leases.leases(options);
      return { header, answer: { kind: 'leases', ids: ids.map(String) } };
    }
  }
}
