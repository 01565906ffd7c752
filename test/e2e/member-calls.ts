/** Sends the checkers' calls to a member, and says of each what came of it. */
import type { Answer, Call, Outcome } from '../checkers/operation.js';
import type { MemberClient } from '../harness/cluster-client.js';
import { CallError } from '../harness/cluster-outcome.js';

/** A member, or in tests of the load something that answers like one. */
export interface CallTarget {
  readonly name: string;
  readonly client: Pick<MemberClient, 'put' | 'range' | 'txn'>;
}

/** Compactions and deletes are not sent: what one member holds in the end must still show all that was written. */
export type SentCall = Exclude<Call, { kind: 'compact' | 'deleteRange' }>;

/** Rejects only when what came was no answer at all. */
export function send(target: CallTarget, call: SentCall, timeoutMs: number): Promise<Outcome> {
  return answerTo(target, call, timeoutMs).catch(outcomeFromError);
}

async function answerTo({ client }: CallTarget, call: SentCall, timeoutMs: number): Promise<Outcome> {
  switch (call.kind) {
    case 'put': {
      const { revision } = await client.put(call.key, call.value, timeoutMs);
      return ok(revision, { kind: 'put' });
    }
    case 'range': {
      const query = { ...call, serializable: call.read === 'serializable' };
      const { revision, kvs, more, count } = await client.range(query, timeoutMs);
      return ok(revision, { kind: 'range', kvs, more, count });
    }
    case 'txn': {
      const { revision, succeeded, results } = await client.txn(call, timeoutMs);
      return ok(revision, { kind: 'txn', succeeded, results });
    }
  }
}

function ok(revision: number, answer: Answer): Outcome {
  return { kind: 'ok', revision, answer };
}

/** What checkers know by these names, in etcd's words. */
const codes: Readonly<Record<string, string>> = {
  'etcdserver: mvcc: required revision has been compacted': 'COMPACTED',
  'etcdserver: mvcc: required revision is a future revision': 'FUTURE_REVISION',
};

function outcomeFromError(error: unknown): Outcome {
  if (error instanceof CallError) return { kind: error.outcome, code: codes[error.text] ?? error.message };
  throw error;
}
