import { describe, expect, it } from 'vitest';
import type { Answer, Operation } from '../../checkers/operation.js';
import { RevisionGaps } from './revision-gaps.js';

function answered(revision: number, answer: Answer): Operation {
  const call = { kind: 'compact', revision: 1 } as const;
  return { client: 0, member: 'm1', call, outcome: { kind: 'ok', revision, answer }, startMs: 0, endMs: 0 };
}

function shown(revision: number, ...modRevisions: readonly number[]): Operation {
  const kvs = modRevisions.map((modRevision) => ({
    key: `k${modRevision}`,
    value: 'v',
    createRevision: modRevision,
    modRevision,
    version: 1,
  }));
  return answered(revision, { kind: 'range', kvs, more: false, count: kvs.length });
}

describe('revisions that nobody knows the making of', () => {
  it('are those between the ones that somebody made or saw, up to the highest that anybody heard of', () => {
    const gaps = new RevisionGaps();
    gaps.learn(answered(2, { kind: 'put' }));
    gaps.learn(shown(6, 4));
    gaps.learn(answered(5, { kind: 'txn', succeeded: false, results: [{ kind: 'deleteRange', deleted: 1 }] }));
    expect(gaps.next()).toEqual({ gap: 3, looks: [2, 3] });
    gaps.close(3);
    expect(gaps.next(5)).toBeUndefined();
    expect(gaps.next()).toEqual({ gap: 6, looks: [5, 6] });
    gaps.learn(shown(6, 6));
    expect(gaps.next()).toBeUndefined();
  });

  it('are not made by calls that wrote nothing', () => {
    const gaps = new RevisionGaps();
    gaps.learn(answered(2, { kind: 'deleteRange', deleted: 0 }));
    gaps.learn(answered(2, { kind: 'compact' }));
    expect(gaps.next()).toEqual({ gap: 2, looks: [1, 2] });
  });

  it('are not those that the end of a lease has made', () => {
    const gaps = new RevisionGaps((revision) => revision === 3);
    gaps.learn(answered(5, { kind: 'put' }));
    gaps.learn(shown(5, 2));
    expect(gaps.next()).toEqual({ gap: 4, looks: [3, 4] });
  });
});
