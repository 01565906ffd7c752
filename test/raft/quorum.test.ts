import { describe, expect, test } from 'vitest';
import { isQuorum, quorumIndex, quorumSize, voteResult } from '../../server/raft/quorum.js';
import type { NodeId } from '../../server/raft/types.js';

const MEMBERS_MAX = 7;
const MATCH_MAX = 5;

function ids(count: number): readonly NodeId[] {
  return Array.from({ length: count }, (_, place) => BigInt(place + 1));
}

/** Every way to give each of `count` members one of `values`. */
function* assignments<T>(count: number, values: readonly T[]): Generator<readonly T[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (const rest of assignments(count - 1, values)) for (const value of values) yield [...rest, value];
}

/** The definition, word for word: an index is reached when more than half of the members have it. */
function naiveQuorumIndex(matches: readonly number[]): number {
  for (let index = MATCH_MAX; index > 0; index -= 1) {
    const count = matches.filter((match) => match >= index).length;
    if (count > matches.length / 2) return index;
  }
  return 0;
}

function naiveVoteResult(answers: readonly (boolean | undefined)[]): string {
  const yes = answers.filter((answer) => answer === true).length;
  const open = answers.filter((answer) => answer === undefined).length;
  if (yes > answers.length / 2) return 'won';
  return yes + open > answers.length / 2 ? 'pending' : 'lost';
}

describe('quorumSize', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])('of %i members %i are a quorum', (members, quorum) => {
    expect(quorumSize(members)).toBe(quorum);
  });
});

describe.each(ids(MEMBERS_MAX).map(Number))('of %i members', (count) => {
  const voters = ids(count);

  test('quorumIndex is what the definition says, for every match vector with values 0 to 5', () => {
    const values = [0, 1, 2, 3, 4, 5];
    let wrong: unknown;
    for (const matches of assignments(count, values)) {
      const index = quorumIndex(voters, (id) => matches[Number(id) - 1] ?? 0);
      if (index !== naiveQuorumIndex(matches)) wrong ??= { matches, index };
    }
    expect(wrong).toBeUndefined();
  });

  test('voteResult is what the definition says, for every set of answers', () => {
    for (const answers of assignments(count, [true, false, undefined])) {
      const votes = new Map<NodeId, boolean>();
      for (const [place, answer] of answers.entries()) if (answer !== undefined) votes.set(BigInt(place + 1), answer);
      expect(voteResult(voters, votes), String(answers)).toBe(naiveVoteResult(answers));
    }
  });

  test('any two quorums share a member', () => {
    const sets = [...assignments(count, [true, false])].filter((set) =>
      isQuorum(voters, (id) => set[Number(id) - 1] ?? false),
    );
    expect(sets.length).toBeGreaterThan(0);
    for (const one of sets) {
      for (const other of sets) expect(one.some((isIn, place) => isIn && other[place])).toBe(true);
    }
  });
});

describe('who counts', () => {
  test('votes of members that are no voters do not count', () => {
    const votes = new Map([
      [1n, true],
      [8n, true],
      [9n, true],
    ]);
    expect(voteResult([1n, 2n, 3n], votes)).toBe('pending');
  });

  test('a voter that nothing is known of counts as having nothing', () => {
    const matches = new Map([[1n, 9]]);
    expect(quorumIndex([1n, 2n, 3n], (id) => matches.get(id) ?? 0)).toBe(0);
  });

  test('without voters nothing is committed, won or confirmed', () => {
    expect(quorumIndex([], () => 9)).toBe(0);
    expect(voteResult([], new Map([[1n, true]]))).toBe('lost');
    expect(isQuorum([], () => true)).toBe(false);
  });

  test('the order of the voters changes nothing, nor does an index of many digits', () => {
    const matches = new Map([
      [1n, 9],
      [2n, 100],
      [3n, 2 ** 40],
    ]);
    for (const voters of [
      [1n, 2n, 3n],
      [3n, 2n, 1n],
      [2n, 3n, 1n],
    ]) {
      expect(quorumIndex(voters, (id) => matches.get(id) ?? 0)).toBe(100);
    }
  });
});
