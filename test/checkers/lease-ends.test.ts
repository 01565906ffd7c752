/** Keys that hang on leases, and the ends of leases: deletes that no client asked for. */
import { expect, it } from 'vitest';
import { describeNeighbours } from './kv-story.js';
import { checkLinearizability } from './linearizable.js';
import { story } from './register-story.js';
import type { Operation } from './operation.js';

describeNeighbours('leases', [
  {
    good: 'a key shows the lease that it hangs on',
    history: `
      put a=x#7 -> 2
      get a -> 2 [a=x@2{#7||#8}]`,
    bad: {
      'a key shows no lease': 'it shows a=x (mod 2, create 2, version 1), not a=x on lease 7',
      'a key shows another lease': 'it shows a=x on lease 8',
    },
  },
  {
    good: 'the end of a lease takes all its keys, in one revision',
    history: `
      put a=x#7 -> 2
      put c=y#7 -> 3
      put b=z#8 -> 4
      end 7 -> 5 took {a c|a|c a|a b c}
      get a..d -> 5 [{|c=y@3#7 ||}b=z@4#8]`,
    bad: {
      'the end of a lease leaves a key': 'its keys are a, not a, c',
      'the end of a lease takes its keys in another order': 'its keys are c, a, not a, c',
      'the end of a lease takes the key of another': 'its keys are a, b, c, not a, c',
    },
  },
  {
    good: 'a key that was written again without a lease stays',
    history: `
      put a=x#7 -> 2
      put b=y#7 -> 3
      put a=z -> 4
      end 7 -> 5 took {b|a b}
      get a -> 5 [{a=z@4/2/2|}]`,
    bad: { 'the end of a lease takes a key that left it': 'its keys are a, b, not b' },
  },
  {
    good: 'a key that moved to another lease goes with that one',
    history: `
      put a=x#7 -> 2
      put b=y#7 -> 3
      put a=z#8 -> 4
      end 7 -> 5 took {b|a b}
      end 8 -> 6 took {a|}`,
    bad: { 'a key goes with the lease that it left': 'its keys are a, b, not b' },
  },
  {
    good: 'a key that was deleted and came back does not hang on the lease of before',
    history: `
      put a=x#7 -> 2
      put b=y#7 -> 3
      del a -> 4 del 1
      put a=z -> 5
      end 7 -> 6 took {b|a b}
      get a -> 6 [{a=z@5|}]`,
    bad: { 'a key goes with a lease of an earlier life': 'its keys are a, b, not b' },
  },
  {
    good: 'after the end of its lease a key is gone',
    history: `
      put a=x#7 -> 2
      end 7 -> 3 took a
      get a -> 3 [{|a=x@2#7}]
      put a=y -> 4
      get a -> 4 [a=y@{4|4/2/2}]`,
    bad: { 'a key outlives its lease': 'it shows a=x on lease 7' },
  },
  {
    good: 'the end of a lease stands where the clock allows it',
    history: `
      put a=x#7 -> 2
      put b=y -> {3|4}
      end 7 -> {4|3} took a`,
    bad: { 'the end of a lease comes before what was seen before it': 'revision 4 had been seen before it began' },
  },
  {
    good: 'of unknown puts the one that the end of the lease proves has happened',
    history: `
      c2 0-1 put a=x#7 -> ?
      c3 0-1 put a=y{|#7} -> ?
      end 7 -> 3 took {a|b}
      get a -> 3 []`,
    bad: { 'a lease takes a key that never hung on it': 'its keys are b, not' },
  },
  {
    good: 'a put into a revision that the end of a lease has made is another one',
    history: `
      put a=x#7 -> 2
      end 7 -> 3 took a
      put b=y -> {4|3}`,
    bad: { 'a put claims the revision of the end of a lease': 'revision 3 was made by' },
  },
]);

it('a register is empty from the end of its lease on', () => {
  const end = (keys: readonly string[]): Operation => ({
    client: 9,
    member: 'the log',
    call: { kind: 'leaseEnd', lease: '7' },
    outcome: { kind: 'ok', revision: 1, answer: { kind: 'leaseEnd', keys } },
    startMs: 10,
    endMs: 10,
  });
  const before = story('[put a]       [get -]');
  const kept = story('[put a]       [get a]');
  expect(checkLinearizability([...before, end(['r1'])])).toEqual([]);
  expect(checkLinearizability([...kept, end(['r1'])])).toHaveLength(1);
  expect(checkLinearizability([...kept, end(['r2'])])).toEqual([]);
  expect(checkLinearizability([...before, end(['r2'])])).toHaveLength(1);
});
