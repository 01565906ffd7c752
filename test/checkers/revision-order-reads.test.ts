/** Puts, and reads of now and of the past. */
import { describeNeighbours } from './kv-story.js';

describeNeighbours('revisions in headers', [
  {
    good: 'each put makes the next revision',
    history: `
      put a=x -> 2
      put b=y -> {3|4|2|1}`,
    bad: {
      'a put leaves a revision out that no call made': 'revision 3 was made by no call',
      'two puts claim the same revision': 'revision 2 was made by client 1: put a=x -> ok at 2',
      'a put claims the revision of the empty store':
        'put b=y -> ok at 1 (10-15 ms): no such call can get such an answer',
    },
  },
  {
    good: 'a read has the revision of the last write',
    history: `
      put a=x -> 2
      get a -> {2|3} [a=x@2]`,
    bad: { 'a read has a revision that nobody made': 'revision 3 was made by no call' },
  },
  {
    good: 'the empty store is at revision 1',
    history: 'get a -> {1|0|2} []',
    bad: {
      'the empty store is at revision 0': 'no such call can get such an answer in a store that began at 1',
      'the empty store is at revision 2': 'revision 2 was made by no call',
    },
  },
  {
    good: 'the empty store is at the revision that was told',
    history: `
      first 10
      get a -> {10|9} []
      put a=x -> {11|11|12|10}`,
    bad: {
      'a store that began at 10 has a revision before': 'in a store that began at 10',
      'the first put of a store that began at 10 is not at 11': 'revision 11 was made by no call',
      'a put of a store that began at 10 is at 10': 'put a=x -> ok at 10 (10-15 ms): no such call',
    },
  },
  {
    good: 'a put is answered as a put',
    history: 'put a=x -> 2{| []}',
    bad: { 'a put gets the answer to a read': 'no such call can get such an answer' },
  },
  {
    good: 'every value is written by one call',
    history: `
      put a=x -> 2
      put a={y|x} -> 3`,
    bad: { 'a history that writes a value twice cannot be judged': 'two calls write a=x' },
  },
]);

describeNeighbours('what a key-value tells of itself', [
  {
    good: 'a put over a key keeps the create revision and counts the version',
    history: `
      put a=x -> 2
      put b=y -> 3
      put a=z -> 4
      get a -> 4 [a=z@{4|3|4|4|4}/{2|2|4|2|3}/{2|2|2|1|2}]`,
    bad: {
      'the mod revision is that of another write': 'it shows a=z (mod 3, create 2, version 2), not a=z (mod 4',
      'the create revision is that of the last put': 'create 4, version 2), not a=z (mod 4, create 2, version 2)',
      'the version does not count the last put': 'version 1), not a=z (mod 4, create 2, version 2)',
      'the create revision is that of another key': 'create 3, version 2), not a=z (mod 4, create 2, version 2)',
    },
  },
  {
    good: 'a read shows the last value',
    history: `
      put a=x -> 2
      put a=y -> 3
      get a -> 3 [a={y@3/2/2|x@2|w@3/2/2}]`,
    bad: {
      'a read shows the value before': 'it shows a=x (mod 2, create 2, version 1), not a=y',
      'a read shows a value from nowhere': 'shows a=w (mod 3, create 2, version 2): nobody wrote that',
    },
  },
  {
    good: 'two keys have their own values',
    history: `
      put a=x -> 2
      put b=y -> 3
      get b -> 3 [b={y|x}@3]`,
    bad: { 'a key has the value of another key': 'nobody wrote that there, but under a' },
  },
  {
    good: 'a read shows the key it was asked for',
    history: `
      put a=x -> 2
      put b=y -> 3
      get b -> 3 [{b=y@3|a=x@2|}]`,
    bad: {
      'a read shows another key': 'it shows a=x (mod 2, create 2, version 1), not b=y',
      'a read does not find a key that is there': 'it shows nothing, not b=y',
    },
  },
  {
    good: 'a failed put is not to be seen',
    history: `
      put a=x -> 2
      put a=y -> NO_LEADER
      get a -> {2|3} [{a=x@2|a=y@3/2/2}]`,
    bad: { 'a failed put is seen': 'it was written by a call that failed: client 1: put a=y -> failed NO_LEADER' },
  },
  {
    good: 'a failed put is not seen in the past either',
    history: `
      put a=x -> 2
      put b=y -> NO_LEADER
      put a=z -> 3
      get b at {2|3} -> 3 [{|b=y@3}]`,
    bad: { 'a failed put is seen in the past': 'it was written by a call that failed' },
  },
]);

describeNeighbours('ranges', [
  {
    good: 'a range shows its keys in order, without the end',
    history: `
      put b=y -> 2
      put a=x -> 3
      put c=z -> 4
      get a..c -> 4 [{a=x@3 b=y@2|b=y@2 a=x@3|a=x@3 b=y@2 c=z@4|a=x@3|b=y@2}]`,
    bad: {
      'a range is in the order of writing': 'it shows b=y (mod 2, create 2, version 1), not a=x',
      'a range shows its end': 'it shows c=z (mod 4, create 4, version 1), not nothing',
      'a range leaves out its last key': 'it shows nothing, not b=y',
      'a range leaves out its first key': 'it shows b=y (mod 2, create 2, version 1), not a=x',
    },
  },
  {
    good: 'a limit cuts the range, and more and count tell so',
    history: `
      put a=x -> 2
      put b=y -> 3
      put c=z -> 4
      get a..d limit 2 -> 4 [a=x@2 b=y@3{|||| c=z@4}] of {3|2 more|3 no more|4|3}`,
    bad: {
      'count counts only what is shown': 'count is 2, not 3',
      'more is not told': 'more is false, not true',
      'count counts a key too many': 'count is 4, not 3',
      'a range shows more than its limit': 'it shows c=z (mod 4, create 4, version 1), not nothing',
    },
  },
  {
    good: 'a limit that is just reached cuts nothing',
    history: `
      put a=x -> 2
      put b=y -> 3
      get a..d limit 2 -> 3 [a=x@2 b=y@3]{| more| of 3}`,
    bad: {
      'more is told of a range that is complete': 'more is true, not false',
      'count counts a key that is not there': 'count is 3, not 2',
    },
  },
  {
    good: 'a range whose end comes first is empty',
    history: `
      put a=x -> 2
      put b=y -> 3
      get c..a -> 3 [{|b=y@3}]`,
    bad: { 'a range whose end comes first shows something': 'it shows b=y (mod 3, create 3, version 1), not nothing' },
  },
]);

describeNeighbours('reads of the past', [
  {
    good: 'a read of the past shows what was there then, and has the revision of now',
    history: `
      put a=x -> 2
      put a=y -> 3
      put a=z -> 4
      get a at 3 -> {4|4|4|5} [{a=y@3/2/2|a=x@2|a=z@4/2/3}]`,
    bad: {
      'a read of the past shows what had been overwritten then': 'it shows a=x (mod 2, create 2, version 1), not a=y',
      'a read of the past shows what was written later': 'it shows a=z (mod 4, create 2, version 3), not a=y',
      'a read of the past has a revision that nobody made': 'revision 5 was made by no call',
    },
  },
  {
    good: 'a read of the past does not know a later key',
    history: `
      put a=x -> 2
      put b=y -> 3
      get a..c at 2 -> 3 [a=x@2{| b=y@3}]{|| of 2}`,
    bad: {
      'a read of the past shows a later key': 'it shows b=y (mod 3, create 3, version 1), not nothing',
      'a read of the past counts a later key': 'count is 2, not 1',
    },
  },
  {
    good: 'a read of the past shows a key that was deleted later',
    history: `
      put a=x -> 2
      del a -> 3 del 1
      get a at {2|3} -> 3 [a=x@2]`,
    bad: {
      'a read of the past shows a key that was deleted then': 'it shows a=x (mod 2, create 2, version 1), not nothing',
    },
  },
  {
    good: 'a read of the current revision by its number is a read of now',
    history: `
      put a=x -> 2
      get a at {2|3} -> 2 [a=x@2]`,
    bad: { 'a read of a revision to come is answered': 'the call must be refused as FUTURE_REVISION' },
  },
  {
    good: 'a read of a revision before the first write shows nothing',
    history: `
      first 10
      put a=x -> 11
      get a at {10|11} -> 11 []`,
    bad: { 'a read of the past misses the first write': 'it shows nothing, not a=x (mod 11' },
  },
  {
    good: 'a read of a revision before the first one shows nothing',
    history: `
      first 10
      put a=x -> 11
      get a at 3 -> 11 [{|a=x@11}]`,
    bad: {
      'a read of a revision before the first one shows something':
        'it shows a=x (mod 11, create 11, version 1), not nothing',
    },
  },
  {
    good: 'a serializable read of the past shows what was there then',
    history: `
      put a=x -> 2
      put a=y -> 3
      peek a at 2 -> 3 [a={x@2|y@3/2/2}]`,
    bad: {
      'a serializable read of the past shows what came later': 'it shows a=y (mod 3, create 2, version 2), not a=x',
    },
  },
]);
