/** Calls of which nobody knows whether they happened. */
import { describeNeighbours } from './kv-story.js';

describeNeighbours('unknown calls that were seen', [
  {
    good: 'an unknown put that is seen happened',
    history: `
      put a=x -> {?|NO_LEADER}
      get a -> 2 [a=x@2]`,
    bad: { 'a failed put that is seen did not fail': 'it was written by a call that failed' },
  },
  {
    good: 'an unknown put that is not seen need not have happened',
    history: `
      put a=x -> {?|2}
      put b=y -> {2|3}
      get a -> {2|3} []`,
    bad: { 'a put that was answered is not seen': 'it shows nothing, not a=x' },
  },
  {
    good: 'an unknown put may happen long after it was given up',
    history: `
      put a=x -> ?
      get a -> 1 []
      put a=y -> 2
      get a -> 2 [a=y@2]
      get a -> 3 [a={x|y}@3/2/2]`,
    bad: { 'a put that was answered happens once more': 'range a -> [a=y (mod 3, create 2, version 2)] at 3' },
  },
  {
    good: 'an unknown put happens once',
    history: `
      put a=x -> ?
      get a -> 2 [a=x@2]
      put a=y -> 3
      get a -> {3|4} [a={y@3/2/2|x@4/2/3}]`,
    bad: { 'an unknown put happens twice': 'it was also seen at revision 2, so it happened twice' },
  },
  {
    good: 'an unknown put that was seen stays',
    history: `
      put a=x -> ?
      get a -> 2 [a=x@2]
      get a -> {2|2|1} [{a=x@2||}]`,
    bad: {
      'an unknown put that was seen is gone': 'it shows nothing, not a=x',
      'an unknown put that was seen is taken back, revision and all': 'answered from revision 1, although revision 2',
    },
  },
  {
    good: 'an unknown put that was seen made the revision where it was seen',
    history: `
      put a=x -> ?
      get a -> 2 [a=x@2]
      put b=y -> {3|4}`,
    bad: { 'an unknown put that was seen explains no other revision': 'revision 3 was made by no call' },
  },
  {
    good: 'an unknown put is seen at the revision that it made',
    history: `
      put a=x -> 2
      put b=y -> ?
      put a=z -> {4|4|3}
      get b -> {4|4|3} [b=y@{3|4|3}]`,
    bad: {
      'an unknown put is seen at the revision of another call': 'revision 4 was made by client 1: put a=z',
      'a put is answered with the revision of an unknown one that was seen': 'revision 3 was made by client 1: put a=z',
    },
  },
  {
    good: 'of an unknown transaction everything is seen',
    history: `
      txn then put a=x; put b=y else - -> ?
      get a..c -> 2 [a=x@2{ b=y@2|| b=y@3}]`,
    bad: {
      'of an unknown transaction half is seen': 'it shows nothing, not b=y',
      'of an unknown transaction the halves are seen at two revisions': 'so it happened twice',
    },
  },
  {
    good: 'an unknown transaction took the branch that its guard says',
    history: `
      put a=x -> 2
      txn if mod(a)=2 then put a=y else put b=z -> ?
      get a..c -> 3 [{a=y@3/2/2|a=x@2 b=z@3}]`,
    bad: { 'an unknown transaction took the wrong branch': 'it shows a=x (mod 2, create 2, version 1), not a=y' },
  },
  {
    good: 'an unknown transaction happened where its guard held',
    history: `
      put a=x -> 2
      txn if mod(a)={2|3} then put b=z else - -> ?
      get b -> 3 [b=z@3]`,
    bad: { 'an unknown transaction is seen though its guard did not hold': 'where it could not have written anything' },
  },
  {
    good: 'an unknown put is seen after it began',
    history: `
      c1 {10-40|30-40} put a=x -> ?
      c2 20-25 get a -> 2 [a=x@2]`,
    bad: {
      'an unknown put is seen before it began': 'written at revision 2, although revision 2 had been seen before',
    },
  },
  {
    good: 'an unknown put comes after what was seen before it began',
    history: `
      put b=y -> {2|3}
      put a=x -> ?
      get a -> 3 [a=x@{3|2}]`,
    bad: {
      'an unknown put stands before a write that was answered before it began':
        'written at revision 2, although revision 3',
    },
  },
  {
    good: 'an unknown put is judged by the version that it has',
    history: `
      put a=x -> ?
      put a=y -> ?
      get a -> 3 [a=y@3/2/{2|1}]`,
    bad: {
      'an unknown put has the version of a new key, and the create revision of an old one': 'version 1), not a=y',
    },
  },
]);

describeNeighbours('revisions that only unknown calls can have made', [
  {
    good: 'an unknown put explains a gap',
    history: `
      put a=x -> 2
      put b=y -> {?|NO_LEADER|?}
      put a=z -> {4|4|5}`,
    bad: {
      'a failed put does not explain a gap': 'revision 3 was made by no call',
      'one unknown put does not explain two revisions': 'was made by no call',
    },
  },
  {
    good: 'the gap comes after what was seen before the unknown call began',
    history: `
      put a=x -> {2|3}
      put b=y -> ?
      put a=z -> 4`,
    bad: { 'the gap comes before what was seen before the unknown call began': 'revision 2 was made by no call' },
  },
  {
    good: 'an unknown call explains a gap that came long after it',
    history: `
      put b=y -> ?
      put a=x -> 2
      put a=w -> 3
      put a=z -> {5|4}
      get b -> {5|5} [{b=y@4|b=y@4}]`,
    bad: { 'nobody made a revision after the last write': 'revision 5 was made by no call' },
  },
  {
    good: 'two unknown puts explain two gaps, whichever made which',
    history: `
      put b=y -> ?
      put c=z -> {?|NO_LEADER}
      put a=x -> 3
      put a=w -> 5`,
    bad: { 'one unknown put does not explain two gaps': 'was made by no call' },
  },
  {
    good: 'two unknown puts of which each must have happened explain two gaps',
    history: `
      put b=y -> ?
      {put c=z|del c} -> ?
      put a=x -> 4`,
    bad: { 'an unknown put does not explain two gaps where the other call changes nothing': 'was made by no call' },
  },
  {
    good: 'the gap was seen after the unknown call began',
    history: `
      c1 0-5 put a=x -> 2
      c2 {10|21}-30 put b=y -> ?
      c3 15-20 get a -> 3 [a=x@2]`,
    bad: { 'the gap was seen before the unknown call began': 'revision 3 was made by no call' },
  },
  {
    good: 'of two unknown puts the one whose value a guard found made the gap',
    history: `
      put a=x -> ?
      put a=y -> ?
      txn if value(a)={y|w} then put b=z else - -> 3 yes ok`,
    bad: { 'a guard found a value that neither of two unknown puts wrote': 'succeeded is true, not false' },
  },
  {
    good: 'an unknown put is told by the delete that found its key',
    history: `
      put {a|b}=x -> ?
      txn then del a; get a else - -> 3 yes del 1; []`,
    bad: { 'a delete found a key that nobody put': 'deleted is 1, not 0' },
  },
  {
    good: 'an unknown put is beyond the limit of a read',
    history: `
      put a=x -> 2
      put b=y -> ?
      get a..c limit 1 -> 3 [a=x@2] of {2|1}
      del b -> 4 del 1`,
    bad: { 'an unknown put is not counted by a read, but was there': 'was made by no call' },
  },
  {
    good: 'of two unknown calls the transaction took the key, and took it last',
    history: `
      put a=x -> 2
      put b=y -> ?
      txn if mod(a)=1 then put c=v else del {a|c} -> ?
      put d=z -> 5
      get a at 3 -> 5 [a=x@2]
      get a -> 5 []`,
    bad: { 'neither branch of an unknown transaction can have taken the key': 'was made by no call' },
  },
  {
    good: 'of two unknown puts the one that leaves no trace made the gap',
    history: `
      put b=y -> ?
      put c=z -> ?
      put a=x -> 3
      get b..d -> 3 [{c=z@2|}]`,
    bad: {
      'each of two unknown puts would have left a trace in what was read': 'it shows nothing, not',
    },
  },
  {
    good: 'an unknown delete explains a gap, and the key that is gone',
    history: `
      put a=x -> 2
      del a -> {?|NO_LEADER|?}
      put b=y -> {4|4|3}
      get a..c -> {4|4|3} [b=y@{4|4|3}]`,
    bad: {
      'a failed delete does not explain a key that is gone': 'revision 3 was made by no call',
      'an unknown delete takes a key and leaves no revision for it':
        'it shows b=y (mod 3, create 3, version 1), not a=x',
    },
  },
  {
    good: 'an unknown delete does not explain a gap where its key was not there, but another unknown call may',
    history: `
      del b -> ?
      put a=x -> {?|NO_LEADER}
      put c=y -> 3`,
    bad: { 'an unknown delete of nothing makes no revision': 'revision 2 was made by no call' },
  },
  {
    good: 'an unknown delete made the revision after the put of its key',
    history: `
      put a=x -> {2|3}
      del a -> ?
      put b=y -> 4`,
    bad: { 'an unknown delete did not make the revision before the put of its key': 'revision 2 was made by no call' },
  },
  {
    good: 'an unknown delete of a range takes all of it at once',
    history: `
      put a=x -> 2
      put b=y -> 3
      del a..c -> ?
      get a..c -> 4 [{|b=y@3}]`,
    bad: { 'an unknown delete of a range takes half of it': 'revision 4 was made by no call' },
  },
  {
    good: 'an unknown put between two sightings counts as a version',
    history: `
      put a=x -> 2
      put a=w -> ?
      put a=y -> 4
      get a -> 4 [a=y@4/2/{3|2|4}]`,
    bad: {
      'a put in a gap is not counted, and no other call can have made the gap': 'revision 3 was made by no call',
      'a put in a gap is counted twice': 'version 4), not a=y (mod 4, create 2',
    },
  },
  {
    good: 'of unknown calls on other keys the version tells which one it was',
    history: `
      put a=x -> 2
      put a=w -> ?
      put b=v -> {?|NO_LEADER}
      put a=y -> 4
      get a -> 4 [a=y@4/2/2]`,
    bad: { 'no unknown call leaves the version as it was': 'revision 3 was made by no call' },
  },
  {
    good: 'a key that came back must have been deleted by the unknown delete',
    history: `
      put a=x -> 2
      put b=v -> ?
      del a -> {?|NO_LEADER}
      put a=y -> 4
      get a -> 4 [a=y@4]`,
    bad: { 'a key begins anew though nothing can have deleted it': 'not a=y (mod 4, create 2, version 2)' },
  },
  {
    good: 'an unknown transaction explains a gap where its guard held',
    history: `
      put a=x -> 2
      txn if mod(a)={2|1} then put b=y else - -> ?
      put c=z -> 4`,
    bad: { 'an unknown transaction whose guard never held makes no revision': 'revision 3 was made by no call' },
  },
  {
    good: 'an unknown transaction explains a gap by its other branch',
    history: `
      put a=x -> 2
      txn if mod(a)=1 then put b=y else {del a|del b} -> ?
      put c=z -> 4
      get a -> 4 []`,
    bad: { 'an unknown transaction that deletes nothing makes no revision': 'revision 3 was made by no call' },
  },
  {
    good: 'a guard that held later tells what the gap did not touch',
    history: `
      put a=x -> 2
      put a=w -> ?
      {put|del} b{=v|} -> ?
      txn if mod(a)=2 then put a=y else - -> 4 yes ok`,
    bad: {
      'a guard held though the only call that can have made the gap touched its key': 'revision 3 was made by no call',
    },
  },
  {
    good: 'a guard on a value tells that the unknown put happened',
    history: `
      put a=x -> ?
      txn if value(a)={x|y} then put b=z else - -> 3 yes ok`,
    bad: { 'a guard on a value that nobody wrote held': 'succeeded is true, not false' },
  },
  {
    good: 'an unknown put and an unknown delete of it made two revisions, in this order',
    history: `
      c1 0-10 put a=x -> ?
      c2 0-10 del a -> ?
      put b=y -> 4
      get a -> 4 [{|a=x@2|a=x@3}]`,
    bad: {
      'an unknown delete made a revision and its key is still there': 'was made by no call',
      'an unknown delete made a revision before its key was there': 'revision 2 was made by no call',
    },
  },
  {
    good: 'three unknown calls are put in the only order that explains what was read between them',
    history: `
      put a=x -> ?
      put b=y -> ?
      del a -> ?
      put c=z -> 5
      get a..c at 2 -> 5 [{a=x@2|b=y@2|}]
      get a..c at 3 -> 5 [{|b=y@2|a=x@3}]
      get a..c at 4 -> 5 [b=y@{4|2|4}]`,
    bad: {
      'a revision changed nothing': 'it shows b=y (mod 2, create 2, version 1), not a=x',
      'the first revision of an empty store leaves nothing': 'was made by no call',
    },
  },
  {
    good: 'an unknown read and an unknown compaction make no revision',
    history: `
      put a=x -> 2
      get a -> ?
      compact 2 -> ?
      put a=y -> {3|4}`,
    bad: { 'a gap cannot have been made by an unknown read or compaction': 'revision 3 was made by no call' },
  },
]);
