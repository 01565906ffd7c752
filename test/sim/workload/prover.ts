/**
 * Shows that one member of a healed cluster serves: a fresh value goes in through it and is read through every other.
 * What is refused or not answered is tried again for as long as it takes.
 */
import type { Call } from '../../checkers/operation.js';
import type { Target } from '../workload-ports.js';
import { persist, type PersistParts } from './persist.js';
import type { Values } from './values.js';

export interface ProverParts extends PersistParts {
  readonly values: Values;
}

export async function proveMember(target: Target, others: readonly Target[], parts: ProverParts): Promise<void> {
  const { client, values } = parts;
  const key = `p${target.id}`;
  await persist(target, parts, (): Call => ({ kind: 'put', key, value: values.token(client) }));
  const read: Call = { kind: 'range', key, revision: 0, limit: 0, read: 'linearizable' };
  for (const other of others) await persist(other, parts, () => read);
}
