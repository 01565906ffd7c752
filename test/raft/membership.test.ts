import { describe, expect, test } from 'vitest';
import {
  type ConfChange,
  Membership,
  changeConf,
  isLearner,
  isVoter,
  membersOf,
} from '../../server/raft/membership.js';
import type { ConfState, Entry } from '../../server/raft/types.js';

const conf: ConfState = { voters: [1n, 20n, 300n], learners: [4n] };

function confEntry(index: number, voters: readonly bigint[]): Entry {
  return { kind: 'conf', term: 1, index, data: new Uint8Array(0), conf: { voters, learners: [] } };
}

function normalEntry(index: number): Entry {
  return { kind: 'normal', term: 1, index, data: new Uint8Array(0) };
}

describe('changeConf', () => {
  test.each<{ name: string; change: ConfChange; result: ConfState | undefined }>([
    {
      name: 'a new voter, sorted by number and not by text',
      change: { kind: 'addVoter', id: 5n },
      result: { voters: [1n, 5n, 20n, 300n], learners: [4n] },
    },
    {
      name: 'a new learner',
      change: { kind: 'addLearner', id: 3n },
      result: { voters: [1n, 20n, 300n], learners: [3n, 4n] },
    },
    {
      name: 'a learner becomes voter',
      change: { kind: 'promote', id: 4n },
      result: { voters: [1n, 4n, 20n, 300n], learners: [] },
    },
    { name: 'a voter goes', change: { kind: 'remove', id: 20n }, result: { voters: [1n, 300n], learners: [4n] } },
    { name: 'a learner goes', change: { kind: 'remove', id: 4n }, result: { voters: [1n, 20n, 300n], learners: [] } },
    { name: 'a voter again', change: { kind: 'addVoter', id: 1n }, result: undefined },
    { name: 'a learner as voter, past its promotion', change: { kind: 'addVoter', id: 4n }, result: undefined },
    { name: 'a voter as learner', change: { kind: 'addLearner', id: 1n }, result: undefined },
    { name: 'a learner again', change: { kind: 'addLearner', id: 4n }, result: undefined },
    { name: 'promoting a voter', change: { kind: 'promote', id: 1n }, result: undefined },
    { name: 'promoting a stranger', change: { kind: 'promote', id: 9n }, result: undefined },
    { name: 'removing a stranger', change: { kind: 'remove', id: 9n }, result: undefined },
    { name: 'adding nobody', change: { kind: 'addVoter', id: 0n }, result: undefined },
    { name: 'adding a negative id', change: { kind: 'addLearner', id: -1n }, result: undefined },
  ])('$name', ({ change, result }) => {
    expect(changeConf(conf, change)).toEqual(result);
  });

  test('the last voter stays, learners or not', () => {
    expect(changeConf({ voters: [1n], learners: [] }, { kind: 'remove', id: 1n })).toBeUndefined();
    expect(changeConf({ voters: [1n], learners: [2n] }, { kind: 'remove', id: 1n })).toBeUndefined();
  });

  test('the old configuration is left as it was', () => {
    changeConf(conf, { kind: 'addVoter', id: 5n });
    changeConf(conf, { kind: 'remove', id: 4n });
    expect(conf).toEqual({ voters: [1n, 20n, 300n], learners: [4n] });
  });
});

describe('who is what', () => {
  test('voters and learners are told apart, and listed in order of their ids', () => {
    expect([isVoter(conf, 20n), isVoter(conf, 4n), isVoter(conf, 9n)]).toEqual([true, false, false]);
    expect([isLearner(conf, 20n), isLearner(conf, 4n), isLearner(conf, 9n)]).toEqual([false, true, false]);
    expect(membersOf(conf)).toEqual([1n, 4n, 20n, 300n]);
  });
});

describe('history', () => {
  /**
   *     index   5      6   7      8   9
   *     conf    1 2 3  .   1 2    .   1 2 4
   */
  function history(): Membership {
    const membership = new Membership({ index: 5, conf: { voters: [1n, 2n, 3n], learners: [] } });
    for (const entry of [normalEntry(6), confEntry(7, [1n, 2n]), normalEntry(8), confEntry(9, [1n, 2n, 4n])]) {
      membership.append(entry);
    }
    return membership;
  }

  test.each([
    [5, [1n, 2n, 3n]],
    [6, [1n, 2n, 3n]],
    [7, [1n, 2n]],
    [8, [1n, 2n]],
    [9, [1n, 2n, 4n]],
    [99, [1n, 2n, 4n]],
  ])('at %i it was %s', (index, voters) => {
    expect(history().at(index).voters).toEqual(voters);
  });

  test('the last one appended is in force', () => {
    expect(history().current.voters).toEqual([1n, 2n, 4n]);
    expect(history().currentIndex).toBe(9);
  });

  test('before the base nothing is known', () => {
    expect(() => history().at(4)).toThrow('before the base');
  });

  test.each([
    [9, [1n, 2n, 4n], 9],
    [8, [1n, 2n], 7],
    [7, [1n, 2n], 7],
    [6, [1n, 2n, 3n], 5],
    [5, [1n, 2n, 3n], 5],
  ])('truncation after %i goes back to %s', (index, voters, currentIndex) => {
    const membership = history();
    membership.truncateAfter(index);
    expect(membership.current.voters).toEqual(voters);
    expect(membership.currentIndex).toBe(currentIndex);
  });

  test.each([5, 6, 7, 8, 9, 12])('trimming to %i keeps what holds from there on', (index) => {
    const trimmed = history();
    trimmed.trimTo(index);
    for (let later = index; later <= 12; later += 1) expect(trimmed.at(later)).toEqual(history().at(later));
    if (index > 5) expect(() => trimmed.at(index - 1)).toThrow('before the base');
  });

  test('what was trimmed into the base is not truncated any more', () => {
    const membership = history();
    membership.trimTo(8);
    membership.truncateAfter(8);
    expect(membership.current.voters).toEqual([1n, 2n]);
  });

  test('a snapshot starts a new history', () => {
    const membership = history();
    membership.reset({ index: 20, conf: { voters: [7n], learners: [] } });
    expect(membership.current.voters).toEqual([7n]);
    expect(membership.currentIndex).toBe(20);
    expect(() => membership.at(19)).toThrow('before the base');
  });

  test('entries come in order', () => {
    expect(() => history().append(confEntry(9, [1n]))).toThrow('out of order');
  });
});
