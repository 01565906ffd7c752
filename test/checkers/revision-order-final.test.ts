/** What a member holds at the end. */
import { describe, expect, test } from 'vitest';
import { describeNeighbours, parseStory } from './kv-story.js';
import { revisionsInDoubt } from './revision-order.js';

describeNeighbours('the final history', [
  {
    good: 'the member holds what was written',
    history: `
      put a=x -> 2
      put b=y -> 3
      final {3|2|3|3|4} [a=x@2 {b=y@3||b=y@2||b=y@3}]`,
    bad: {
      'the member lost the last write and its revision': 'at the end: range',
      'the member moved a write to another revision': 'it shows b=y (mod 2, create 2, version 1), not b=y (mod 3',
      'the member lost a key': 'it shows nothing, not b=y',
      'the member is at a revision that nobody made': 'revision 4 was made by no call',
    },
  },
  {
    good: 'the member holds no more than what was written',
    history: `
      put a=x -> 2
      put b=y -> NO_LEADER
      final {2|3|2} [a=x@2{| b=y@3| c=z@2}]`,
    bad: {
      'the member kept a failed write': 'it was written by a call that failed',
      'the member made up a key': 'nobody wrote that',
    },
  },
  {
    good: 'the member holds the versions of before',
    history: `
      put a=x -> 2
      put a=y -> 3
      put a=z -> 4
      final 4 [a=z@4/2/3] past [a={y|y|y|v}@3/2/2 a={x@2|x@3/2/2|w@2}]`,
    bad: {
      'the member has two versions of one revision': 'it shows a=x (mod 3, create 2, version 2), not a=y',
      'the member made up the first version': 'nobody wrote that',
      'the member made up a version in between': 'nobody wrote that',
    },
  },
  {
    good: 'the member does not hold what was deleted',
    history: `
      put a=x -> 2
      del a -> 3 del 1
      final {3|3|2} [{|a=x@2|a=x@2}] past [a=x@2]`,
    bad: {
      'the member forgot a delete': 'it shows a=x (mod 2, create 2, version 1), not nothing',
      'the member forgot a delete and its revision': 'answered from revision 2, although revision 3 had been seen',
    },
  },
  {
    good: 'the member lags behind nothing that was read before',
    history: `
      put a=x -> 2
      put a=y -> ?
      get a -> {2|3} [a={x@2|y@3/2/2}]
      final 2 [a=x@2]`,
    bad: { 'the member forgot an unknown put that was read': 'at the end: range' },
  },
  {
    good: 'the member tells of an unknown put that it happened',
    history: `
      put a=x -> 2
      put a=y -> {?|NO_LEADER}
      final 3 [a=y@3/2/2] past [a=x@2]`,
    bad: { 'the member tells of a failed put that it happened': 'it was written by a call that failed' },
  },
  {
    good: 'a version of before tells where an unknown put stood',
    history: `
      put a=w -> ?
      put a=x -> 3
      put a=y -> {4|5}
      final {4|5} [a=y@{4/2/3|5/2/3}] past [a=w@2]`,
    bad: { 'a version of before was told, and another revision is left for nobody': 'revision 4 was made by no call' },
  },
  {
    good: 'a version of before tells that a failed delete did nothing',
    history: `
      put a=x -> 2
      put a=y -> 3
      final 3 [a=y@3/{2/2|3/1}] past [a=x@2]`,
    bad: {
      'a key began anew though nobody deleted it':
        'it shows a=y (mod 3, create 3, version 1), not a=y (mod 3, create 2',
    },
  },
  {
    good: 'the member of a store that began at 10 is at 10 when nothing was written',
    history: `
      first 10
      put a=x -> NO_LEADER
      final {10|9|11} []`,
    bad: {
      'the member is before the beginning': 'in a store that began at 10',
      'the member is at a revision that nobody made': 'revision 11 was made by no call',
    },
  },
]);

describe('revisions in doubt', () => {
  test.each([
    ['none, when all calls were answered', 'put a=x -> 2', []],
    ['a gap between two answers', 'put a=x -> ?\nput b=y -> ?\nput c=z -> 3', [2]],
    ['a revision that was only read', 'put a=x -> 2\ndel a -> ?\nget a -> 3 []', [3]],
    ['not one where a value was seen', 'put a=x -> ?\nput b=y -> ?\nget a..c -> 3 [a=x@2]', [3]],
    ['counted from the first revision', 'first 10\nput a=x -> ?\nput b=y -> 12', [11]],
  ] as const)('%s', (_, text, expected) => {
    const { history, firstRevision } = parseStory(text);
    expect(revisionsInDoubt(history, firstRevision)).toEqual(expected);
  });
});
