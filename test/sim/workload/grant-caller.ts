/** Makes calls about grants and records each with its outcome, as caller.ts does for those on keys. They may overlap. */
import { QuorateError } from '../../../server/lib/quorate-error.js';
import type { RequestOptions } from '../../../server/node/member.js';
import type { PutCommand, TxnCommand } from '../../../server/state/command.js';
import {
  describeGrantCall,
  describeGrantOutcome,
  type GrantAnswer,
  type GrantCall,
  type GrantOperation,
  type GrantOutcome,
} from '../../checkers/grant-operation.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Findings } from './findings.js';
import { isGrantDoubt, isGrantRefusal } from './outcome-codes.js';
import type { Tally } from './tally.js';

export interface GrantAsking {
  readonly client: number;
  readonly target: Target;
  readonly call: GrantCall;
  readonly patienceMs: number;
}

export interface GrantCallerParts {
  readonly ports: WorkloadPorts;
  readonly findings: Findings;
  readonly tally: Tally;
}

const NAMES_TOLD = 100;

export class GrantCaller {
  /** In the order in which the calls ended. */
  readonly history: GrantOperation[] = [];
  readonly #parts: GrantCallerParts;
  readonly #open = new Set<Promise<GrantOperation>>();

  constructor(parts: GrantCallerParts) {
    this.#parts = parts;
  }

  /** Resolves as soon as no call is open. */
  async untilIdle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  /** Resolves, at the latest when patience ends, with what was recorded. */
  ask(asking: GrantAsking): Promise<GrantOperation> {
    const asked = this.#ask(asking);
    this.#open.add(asked);
    void asked.then(() => this.#open.delete(asked));
    return asked;
  }

  #ask(asking: GrantAsking): Promise<GrantOperation> {
    const { ports } = this.#parts;
    const { client, target, call, patienceMs } = asking;
    const startMs = ports.clock.now();
    ports.trace(`c${client} ${describeGrantCall(call)} at m${target.id}`);
    return new Promise((resolve) => {
      let isOver = false;
      const gone = new AbortController();
      const settle = (outcome: GrantOutcome): void => {
        if (isOver) return;
        isOver = true;
        patience.cancel();
        resolve(this.#record(asking, startMs, outcome));
      };
      const patience = ports.clock.setTimer(() => {
        settle({ kind: 'unknown', code: 'TIMED_OUT_HERE' });
        gone.abort();
      }, patienceMs);
      send(target, call, { deadline: startMs + patienceMs }, gone.signal).then(
        (answer) => settle({ kind: 'ok', answer }),
        (error: unknown) => {
          if (!isOver) settle(this.#rejected(asking, error));
        },
      );
    });
  }

  #rejected(asking: GrantAsking, error: unknown): GrantOutcome {
    if (error instanceof QuorateError) {
      if (isGrantRefusal(asking.call, error.code)) return { kind: 'failed', code: error.code };
      if (isGrantDoubt(asking.call, error.code)) return { kind: 'unknown', code: error.code };
    }
    const message = `c${asking.client} ${describeGrantCall(asking.call)} at m${asking.target.id}: rejected with ${String(error)}`;
    this.#parts.findings.add('client', message);
    return { kind: 'unknown', code: error instanceof QuorateError ? error.code : 'NO_QUORATE_ERROR' };
  }

  #record({ client, target, call }: GrantAsking, startMs: number, outcome: GrantOutcome): GrantOperation {
    const { ports, tally } = this.#parts;
    const operation = { client, member: `m${target.id}`, call, outcome, startMs, endMs: ports.clock.now() };
    ports.trace(`c${client} ${describeGrantCall(call)}: ${describeGrantOutcome(outcome)}`);
    this.history.push(operation);
    const name = call.kind === 'acquire' && call.mayWait && call.waitsThere ? 'attain' : call.kind;
    tally.add(`grant ${name} ${outcome.kind}`);
    if (outcome.kind !== 'ok') tally.add(`code ${outcome.code}`);
    return operation;
  }
}

async function send(
  { grants, kv }: Target,
  call: GrantCall,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<GrantAnswer> {
  switch (call.kind) {
    case 'acquire': {
      const { wish, mayWait, waitsThere } = call;
      const command = { kind: 'grantAcquire', ...wish, mayWait } as const;
      const acquired = waitsThere ? grants.attain(command, { ...options, signal }) : grants.acquire(command, options);
      const { place, token, slots, change } = await acquired;
      return { kind: 'acquire', place, token, slots, change };
    }
    case 'granted': {
      const { attempt, name, change } = call;
      const told = await grants.granted({ attempt, name, change, untilLost: false }, { ...options, signal });
      return { kind: 'granted', token: told.token, slots: told.slots, change: told.change };
    }
    case 'release': {
      const { released } = await grants.release({ kind: 'grantRelease', attempt: call.attempt, to: call.to }, options);
      return { kind: 'release', released };
    }
    case 'force':
      await grants.force({ kind: 'grantForce', name: call.name, token: call.token }, options);
      return { kind: 'force' };
    case 'proclaim':
      await grants.proclaim(
        { kind: 'grantProclaim', attempt: call.attempt, token: call.token, value: call.value },
        options,
      );
      return { kind: 'proclaim' };
    case 'describe': {
      const { queues } = await grants.describe(undefined, NAMES_TOLD, options);
      return { kind: 'describe', queues };
    }
    case 'next':
      return { kind: 'next', queue: await grants.next(call.name, call.change, signal) };
    case 'guarded': {
      const { succeeded, header } = await kv.txn(guarded(call), options);
      return { kind: 'guarded', succeeded, revision: header.revision };
    }
    case 'fenced': {
      const { header } = await kv.txn(fenced(call), options);
      return { kind: 'fenced', revision: header.revision };
    }
  }
}

function guarded({ name, token, key, value }: Extract<GrantCall, { kind: 'guarded' }>): TxnCommand {
  const compare = { target: 'grant', key: name, rangeEnd: '', result: 'equal', operand: token } as const;
  return { kind: 'txn', compares: [compare], success: [put(key, value)], failure: [] };
}

function fenced({ mark, token, key, value }: Extract<GrantCall, { kind: 'fenced' }>): TxnCommand {
  return { kind: 'txn', compares: [], success: [{ kind: 'fence', key: mark, token }, put(key, value)], failure: [] };
}

function put(key: string, value: string): PutCommand {
  return { kind: 'put', key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}
