import { describe, expect, test } from 'vitest';
import { ReadRounds } from '../../server/raft/read-index.js';

const VOTERS = [1n, 2n, 3n, 4n, 5n];
const SELF = 1n;

function confirmed(rounds: ReadRounds, voters: readonly bigint[] = VOTERS): readonly string[] {
  return rounds.takeConfirmed(voters, SELF).map(({ from, token, index }) => `${from}/${token}@${index}`);
}

describe('rounds', () => {
  test('a round is confirmed by a quorum with the leader itself, once', () => {
    const rounds = new ReadRounds();
    rounds.start({ from: SELF, token: 7 }, 10);
    expect(confirmed(rounds)).toEqual([]);
    rounds.answered(2n, rounds.newest);
    expect(confirmed(rounds)).toEqual([]);
    rounds.answered(3n, rounds.newest);
    expect(confirmed(rounds)).toEqual(['1/7@10']);
    expect(confirmed(rounds)).toEqual([]);
    expect(rounds.newest).toBe(0);
  });

  test('one member that answers often is one member', () => {
    const rounds = new ReadRounds();
    rounds.start({ from: SELF, token: 7 }, 10);
    for (let time = 0; time < 5; time += 1) rounds.answered(2n, 1);
    expect(confirmed(rounds)).toEqual([]);
  });

  test('an answer to a later round confirms the earlier ones too, each at its own index', () => {
    const rounds = new ReadRounds();
    rounds.start({ from: SELF, token: 1 }, 10);
    rounds.start({ from: 2n, token: 1 }, 12);
    rounds.start({ from: SELF, token: 3 }, 12);
    rounds.answered(2n, 2);
    rounds.answered(3n, 3);
    expect(confirmed(rounds)).toEqual(['1/1@10', '2/1@12']);
    expect(rounds.waiting).toBe(1);
  });

  test('an answer to an earlier round confirms no later one, and does not undo a later answer', () => {
    const rounds = new ReadRounds();
    rounds.start({ from: SELF, token: 1 }, 10);
    const first = rounds.newest;
    for (const id of [2n, 3n]) rounds.answered(id, first);
    expect(confirmed(rounds)).toEqual(['1/1@10']);
    rounds.start({ from: SELF, token: 2 }, 11);
    for (const id of VOTERS) rounds.answered(id, first);
    expect(confirmed(rounds)).toEqual([]);
    for (const id of [2n, 3n]) rounds.answered(id, rounds.newest);
    for (const id of [2n, 3n]) rounds.answered(id, first);
    expect(confirmed(rounds)).toEqual(['1/2@11']);
  });

  test('only voters of the configuration that is in force now count', () => {
    const rounds = new ReadRounds();
    rounds.start({ from: SELF, token: 1 }, 10);
    for (const id of [4n, 5n, 6n, 7n]) rounds.answered(id, 1);
    expect(confirmed(rounds, [1n, 2n, 3n])).toEqual([]);
    rounds.answered(3n, 1);
    expect(confirmed(rounds, [1n, 2n, 3n])).toEqual(['1/1@10']);
  });

  test('a leader that is no voter does not count itself', () => {
    const rounds = new ReadRounds();
    rounds.start({ from: SELF, token: 1 }, 10);
    rounds.answered(2n, 1);
    expect(confirmed(rounds, [2n, 3n])).toEqual([]);
    rounds.answered(3n, 1);
    expect(confirmed(rounds, [2n, 3n])).toEqual(['1/1@10']);
  });
});

describe('reads held back', () => {
  test('wait without a round, then share one', () => {
    const rounds = new ReadRounds();
    rounds.hold({ from: SELF, token: 1 });
    rounds.hold({ from: 2n, token: 1 });
    rounds.hold({ from: 2n, token: 1 });
    expect([rounds.waiting, rounds.newest]).toEqual([2, 0]);
    expect(rounds.startHeld(10)).toBe(true);
    expect(rounds.startHeld(11)).toBe(false);
    for (const id of [2n, 3n]) rounds.answered(id, rounds.newest);
    expect(confirmed(rounds)).toEqual(['1/1@10', '2/1@10']);
  });
});

describe('drop', () => {
  test('returns the tokens of this member, held or in a round, and forgets all', () => {
    const rounds = new ReadRounds();
    rounds.hold({ from: SELF, token: 1 });
    rounds.start({ from: SELF, token: 2 }, 10);
    rounds.start({ from: 2n, token: 3 }, 10);
    expect(rounds.drop(SELF)).toEqual([1, 2]);
    expect([rounds.waiting, rounds.newest]).toEqual([0, 0]);
    expect(rounds.drop(SELF)).toEqual([]);
  });

  test('round numbers go on rising: answers from before never count again', () => {
    const rounds = new ReadRounds();
    rounds.start({ from: SELF, token: 1 }, 10);
    const before = rounds.newest;
    rounds.drop(SELF);
    rounds.start({ from: SELF, token: 2 }, 20);
    expect(rounds.newest).toBeGreaterThan(before);
    for (const id of VOTERS) rounds.answered(id, before);
    expect(confirmed(rounds)).toEqual([]);
  });
});
