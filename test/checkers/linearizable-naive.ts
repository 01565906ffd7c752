/** Linearizability by its definition: tries every order of the calls, one after the other. For a handful of calls. */
import { KvSpec } from './kv-spec.js';
import type { Answer, Operation } from './operation.js';

/** Of one key, of puts, deletes, transactions, and linearizable reads; no guard may tell one revision from another. */
export function hasOrder(history: readonly Operation[], spec = new KvSpec()): boolean {
  if (!history.some(isAnswered)) return true;
  return history.some((next) => {
    if (history.some((other) => isBefore(other, next))) return false;
    const { revision } = spec;
    const found =
      happens(next, spec) &&
      hasOrder(
        history.filter((other) => other !== next),
        spec,
      );
    spec.moveTo(revision);
    return found;
  });
}

/** Calls of one client follow each other even when the clock did not move in between. */
function isBefore(a: Operation, b: Operation): boolean {
  if (!isAnswered(a) || a === b) return false;
  return a.endMs < b.startMs || (a.client === b.client && a.endMs === b.startMs && a.startMs < b.startMs);
}

function isAnswered({ outcome }: Operation): boolean {
  return outcome.kind === 'ok';
}

function happens({ call, outcome }: Operation, spec: KvSpec): boolean {
  if (call.kind === 'compact') return false;
  const answer = call.kind === 'range' ? spec.range(call) : spec.apply(call);
  return outcome.kind !== 'ok' || (typeof answer !== 'string' && valuesIn(answer) === valuesIn(outcome.answer));
}

/** The answer without its revisions. */
function valuesIn(answer: Answer): string {
  switch (answer.kind) {
    case 'range':
      return `shows ${answer.kvs.map(({ value }) => value).join()}`;
    case 'deleteRange':
      return `deleted ${answer.deleted}`;
    case 'txn':
      return [answer.succeeded, ...answer.results.map(valuesIn)].join('; ');
    case 'leaseEnd':
      return `ended ${answer.keys.join()}`;
    case 'put':
    case 'compact':
      return answer.kind;
  }
}
