/** Deletes, and keys that come back. */
import { describeNeighbours } from './kv-story.js';

describeNeighbours('deletes', [
  {
    good: 'a delete makes a revision',
    history: `
      put a=x -> 2
      del a -> {3|2|3} del {1|1|2}
      get a -> {3|2} []`,
    bad: {
      'a delete claims the revision of the put before': 'revision 2 was made by client 1: put a=x',
      'a delete of one key counts two': 'deleted is 2, not 1',
    },
  },
  {
    good: 'a delete of nothing makes no revision',
    history: `
      put a=x -> 2
      del b -> {2|3|3|2} del {0|0|1|1}
      put c=y -> {3|4|4|3}`,
    bad: {
      'a delete of nothing takes a revision': 'revision 3 was made by no call',
      'a delete of nothing counts a key': 'deleted is 1, not 0',
      'a delete of nothing counts a key and claims the revision before': 'revision 2 was made by client 1: put a=x',
    },
  },
  {
    good: 'a second delete of a key finds nothing',
    history: `
      put a=x -> 2
      del a -> 3 del 1
      del a -> {3|4} del {0|1}`,
    bad: { 'a key is deleted twice': 'delete a -> deleted 1 at 4 (20-25 ms): deleted is 1, not 0' },
  },
  {
    good: 'a delete that finds its key says so',
    history: `
      put a=x -> 2
      del a -> {3|2} del {1|0}`,
    bad: { 'a delete does not find a key that is there': 'deleted is 0, not 1' },
  },
  {
    good: 'a delete of many keys makes one revision',
    history: `
      put a=x -> 2
      put b=y -> 3
      put c=z -> 4
      del a..c -> {5|6|5|5} del {2|2|3|2}
      get a..d -> {5|6|5|5} [{c=z@4|c=z@4|c=z@4|b=y@3 c=z@4}]`,
    bad: {
      'a delete of two keys takes two revisions': 'revision 5 was made by no call',
      'a delete counts the end of its range': 'deleted is 3, not 2',
      'a delete of two keys leaves one': 'it shows b=y (mod 3, create 3, version 1), not c=z',
    },
  },
  {
    good: 'a delete of a range counts only the keys that are there',
    history: `
      put a=x -> 2
      put b=y -> 3
      del a -> 4 del 1
      del a..c -> 5 del {1|2}`,
    bad: { 'a delete of a range counts a key that was gone': 'deleted is 2, not 1' },
  },
  {
    good: 'what a delete took is not to be seen',
    history: `
      put a=x -> 2
      del a -> 3 del 1
      put b=y -> 4
      get a..c -> 4 [{|a=x@2 }b=y@4]`,
    bad: { 'a deleted key comes back': 'it shows a=x (mod 2, create 2, version 1), not b=y' },
  },
  {
    good: 'a failed delete takes nothing',
    history: `
      put a=x -> 2
      del a -> NO_LEADER
      get a -> {2|2|3} [{a=x@2||}]`,
    bad: {
      'a failed delete took a key': 'it shows nothing, not a=x',
      'a failed delete made a revision': 'revision 3 was made by no call',
    },
  },
  {
    good: 'a key that comes back begins anew',
    history: `
      put a=x -> 2
      put a=y -> 3
      del a -> 4 del 1
      put a=z -> 5
      get a -> 5 [a=z@5/{5|2|5|2}/{1|1|3|3}]`,
    bad: {
      'a key that comes back keeps its create revision': 'create 2, version 1), not a=z (mod 5, create 5, version 1)',
      'a key that comes back goes on with its version': 'create 5, version 3), not a=z (mod 5, create 5, version 1)',
      'a key that comes back was never gone': 'create 2, version 3), not a=z (mod 5, create 5, version 1)',
    },
  },
  {
    good: 'each life of a key can be read at its time',
    history: `
      put a=x -> 2
      del a -> 3 del 1
      put a=y -> 4
      get a at 2 -> 4 [a=x@2]
      get a at 3 -> 4 [{|a=x@2}]
      get a at 4 -> 4 [a=y@4{||/2/2}]`,
    bad: {
      'a key is shown between its lives': 'range a at 3 -> [a=x (mod 2, create 2, version 1)] at 4',
      'a key of two lives has one': 'it shows a=y (mod 4, create 2, version 2), not a=y (mod 4, create 4, version 1)',
    },
  },
]);
