/** Asks one member again and again until it answers: for after the faults, when every member should. */
import type { Call, Operation } from '../../checkers/operation.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Caller } from './caller.js';

const PATIENCE_MS = 2000;
const RETRY_PAUSE_MS = 50;

export interface PersistParts {
  readonly client: number;
  readonly ports: WorkloadPorts;
  readonly caller: Caller;
  /** No further try is worth making. */
  readonly isOver: () => boolean;
}

/** COMPACTED is an answer, too. Undefined when it is over before there is one. */
export async function persist(
  target: Target,
  { client, ports, caller, isOver }: PersistParts,
  make: () => Call,
): Promise<Operation | undefined> {
  while (!isOver()) {
    // A member that ended just before has another life by now.
    const now = ports.targets().find(({ id }) => id === target.id) ?? target;
    const operation = await caller.ask({ client, target: now, call: make(), patienceMs: PATIENCE_MS });
    const { outcome } = operation;
    if (outcome.kind === 'ok' || outcome.code === 'COMPACTED') return operation;
    await new Promise<void>((resolve) => ports.clock.setTimer(resolve, RETRY_PAUSE_MS));
  }
  return undefined;
}
