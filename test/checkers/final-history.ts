/**
 * What one member holds when all is quiet: asked for at the end of a run, of one member alone, it says how unknown calls
 * ended. A member that forgot something, or kept what nobody wrote, is found out by it.
 */
import type { KeyValue, Operation } from './operation.js';

export interface FinalHistory {
  /** The store revision of the member. */
  readonly revision: number;
  /** Every key-value that is there at `revision`, and no other, in the order of their keys. */
  readonly current: readonly KeyValue[];
  /** Earlier versions, of these keys or of deleted ones, as far as they were looked up; empty is fine. */
  readonly past: readonly KeyValue[];
}

/** The client of the reads below: it comes after all others. */
export const finalClient = -1;

/** The same as answers to reads. */
export function readsFrom({ revision, current, past }: FinalHistory): readonly Operation[] {
  const all = { key: '\0', rangeEnd: '\0', revision: 0, limit: 0 };
  return [
    { ...read(revision, current), call: { kind: 'range', ...all, read: 'linearizable' } },
    ...past.map((kv): Operation => {
      const one = { key: kv.key, revision: 0, limit: 0 };
      return { ...read(kv.modRevision, [kv]), call: { kind: 'range', ...one, read: 'serializable' } };
    }),
  ];
}

function read(revision: number, kvs: readonly KeyValue[]): Omit<Operation, 'call'> {
  const answer = { kind: 'range', kvs, more: false, count: kvs.length } as const;
  const outcome = { kind: 'ok', revision, answer } as const;
  return { client: finalClient, member: 'final', startMs: Infinity, endMs: Infinity, outcome };
}
