import { describe, expect, it } from 'vitest';
import { checkLinearizability, REGISTER_OPERATIONS_MAX } from './linearizable.js';
import { registersIn } from './linearizable-register.js';
import { Search } from './linearizable-search.js';
import type { Operation } from './operation.js';
import { story } from './register-story.js';

/** Two stories side by side that differ in little: the rule is kept in the first and broken in the second. */
interface Pair {
  readonly rule: string;
  readonly good: string;
  readonly bad: string;
  /** What the complaint about the bad one says. */
  readonly says: readonly string[];
}

const pairs: readonly Pair[] = [
  {
    rule: 'a read sees what was written before it began',
    good: `
      [put a] [get a]`,
    bad: `
      [put a] [get -]`,
    says: ['r1: client 1: range r1 -> []', 'can leave r1=a;', 'nothing was true only at first'],
  },
  {
    rule: 'a read beside a write may see the state before it, but not a read after it',
    good: `
      [put a] [put b  ]
                 [get a]`,
    bad: `
      [put a] [put b  ]
                       [get a]`,
    says: ['client 2: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'once a write was seen, a later read sees it, too',
    good: `
      [put a] [put b               ]
                [get a]  [get b]`,
    bad: `
      [put a] [put b               ]
                [get b]  [get a]`,
    says: ['client 2: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'once a write was seen, later readers see it, too, whoever they are',
    good: `
      [put a] [put b                 ]
                [get b  ]
                        [get a]`,
    bad: `
      [put a] [put b                 ]
                [get b  ]
                          [get a]`,
    says: ['client 3: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'writes at the same time have one order for all',
    good: `
      [put a]
      [put b]
               [get b]
                  [get b]`,
    bad: `
      [put a]
      [put b]
               [get b]
                  [get a]`,
    says: ['client 4: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'a write that was overwritten does not come back',
    good: `
      [put a                      ]
      [put b                      ]
         [get a] [get b]  [get b]`,
    bad: `
      [put a                      ]
      [put b                      ]
         [get a] [get b]  [get a]`,
    says: ['client 3: range r1 -> [r1=a', '(26-32 ms)', 'can leave r1=b'],
  },
  {
    rule: 'a value is seen only after its write began',
    good: `
            [put a]
      [get a]`,
    bad: `
             [put a]
      [get a]`,
    says: ['client 2: range r1 -> [r1=a', 'can leave nothing', 'r1=a was made by client 1: put r1=a'],
  },
  {
    rule: 'calls of two clients that touch may have been at the same time',
    good: `
      [put a]
            [get -]`,
    bad: `
      [put a]
             [get -]`,
    says: ['client 2: range r1 -> []', 'can leave r1=a'],
  },
  {
    rule: 'a long read may see any state that was there meanwhile, and none from before',
    good: `
      [put a] [put b] [put c]
                     [get b    ]`,
    bad: `
      [put a] [put b] [put c]
                     [get a    ]`,
    says: ['client 2: range r1 -> [r1=a', 'can leave r1='],
  },
  {
    rule: 'two reads during a write see one order',
    good: `
      [put a] [put b            ]
                [get a         ]
                  [get b]`,
    bad: `
      [put a] [put b            ]
                [get b]
                        [get a]`,
    says: ['client 3: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'the last of three writes stays',
    good: `
      [put a]
         [put b]
            [put c]  [get a] [get a]`,
    bad: `
      [put a]
         [put b]
            [put c]  [get a] [get c]`,
    says: ['client 3: range r1 -> [r1=c', 'can leave r1=a'],
  },
  {
    rule: 'a write begun after another ended comes after it',
    good: `
      [put a]   [get a]
           [put b]`,
    bad: `
      [put a]         [get a]
              [put b]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'a value that is read was written by somebody',
    good: `
      [put a] [get a]`,
    bad: `
      [put a] [get z]`,
    says: ['client 1: range r1 -> [r1=z', 'r1=z was written by no call that may have happened'],
  },
  {
    rule: 'a value that is read was written under that key',
    good: `
      [put a] [r2 put z] [r2 get z]`,
    bad: `
      [put a] [r2 put z] [r1 get z]`,
    says: ['r1: client 1: range r1 -> [r1=z', 'r1=z was written by no call'],
  },
  {
    rule: 'a write that failed is not seen',
    good: `
      [put a] [put bX [get a]`,
    bad: `
      [put a] [put bX [get b]`,
    says: ['client 1: range r1 -> [r1=b', 'can leave r1=a; r1=b was written by no call that may have happened'],
  },
  {
    rule: 'a read that failed says nothing, one that was answered does',
    good: `
      [put a] [get -X`,
    bad: `
      [put a] [get -]`,
    says: ['client 1: range r1 -> []', 'can leave r1=a'],
  },
  {
    rule: 'a write of unknown outcome may have happened, but not before it began',
    good: `
      [put a] [put b?
                [get b]`,
    bad: `
      [put a]          [put b?
                [get b]`,
    says: ['client 2: range r1 -> [r1=b', 'r1=b was made by client 1: put r1=b -> unknown'],
  },
  {
    rule: 'a write of unknown outcome may never happen, but not happen and be gone',
    good: `
      [put a] [put b? [get a] [get a]`,
    bad: `
      [put a] [put b? [get b] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'a write of unknown outcome may happen late, and then it stays',
    good: `
      [put a] [put b? [get a] [get b]`,
    bad: `
      [put a] [put b? [get a] [get b] [get a]`,
    says: ['client 1: range r1 -> [r1=a', '(38-44 ms)', 'can leave r1=b'],
  },
  {
    rule: 'a write of unknown outcome happens at most once',
    good: `
      [put a? [put b] [get b] [get a]`,
    bad: `
      [put a? [get a] [put b] [get b] [get a]`,
    says: ['client 1: range r1 -> [r1=a', '(38-44 ms)', 'can leave r1=b'],
  },
  {
    rule: 'of two writes of unknown outcome, the one seen last stays',
    good: `
      [put a? [put b? [get b] [get a]`,
    bad: `
      [put a? [put b? [get b] [get a] [get b]`,
    says: ['client 1: range r1 -> [r1=b', 'can leave r1=a'],
  },
  {
    rule: 'what was deleted is gone',
    good: `
      [put a] [del 1] [get -]`,
    bad: `
      [put a] [del 1] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave nothing'],
  },
  {
    rule: 'a deletion of nothing counts none',
    good: `
      [del 0] [put a]`,
    bad: `
      [del 1] [put a]`,
    says: ['client 1: delete r1 -> deleted 1', 'can leave nothing'],
  },
  {
    rule: 'a deletion of something counts it',
    good: `
      [put a] [del 1]`,
    bad: `
      [put a] [del 0]`,
    says: ['client 1: delete r1 -> deleted 0', 'can leave r1=a'],
  },
  {
    rule: 'a deletion of one key counts one at most',
    good: `
      [put a] [del 1]`,
    bad: `
      [put a] [del 2]`,
    says: ['client 1: delete r1 -> deleted 2', 'can leave r1=a'],
  },
  {
    rule: 'of two deletions at the same time, one finds the key',
    good: `
      [put a] [del 1]
                [del 0]`,
    bad: `
      [put a] [del 1]
                [del 1]`,
    says: ['client 2: delete r1 -> deleted 1', 'can leave nothing'],
  },
  {
    rule: 'two deletions find the key if a write may have come in between',
    good: `
      [put a] [del 1]
                 [put b]
                     [del 1]`,
    bad: `
      [put a] [del 1]
                            [put b]
                     [del 1]`,
    says: ['client 3: delete r1 -> deleted 1', 'can leave nothing'],
  },
  {
    rule: 'two deletions find the key if a write of unknown outcome may have come in between',
    good: `
      [put a] [put b? [del 1] [del 1]`,
    bad: `
      [put a] [put bX [del 1] [del 1]`,
    says: ['client 1: delete r1 -> deleted 1', '(30-36 ms)', 'can leave nothing'],
  },
  {
    rule: 'a deletion of unknown outcome explains that nothing is there, and that it stays so',
    good: `
      [put a] [del? [get -] [get -]`,
    bad: `
      [put a] [del? [get -] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave nothing'],
  },
  {
    rule: 'a deletion of unknown outcome happens at most once',
    good: `
      [put a] [del? [get a] [put b] [get -]`,
    bad: `
      [put a] [del? [get -] [put b] [get -]`,
    says: ['client 1: range r1 -> []', '(36-42 ms)', 'can leave r1=b'],
  },
  {
    rule: 'a swap by value writes',
    good: `
      [put a] [if a put b] [get b]`,
    bad: `
      [put a] [if a put b] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'a swap by value succeeds only where the value is',
    good: `
      [put a] [put c] [if c put b]`,
    bad: `
      [put a] [put c] [if a put b]`,
    says: ['client 1: txn if value(r1)=a', 'can leave r1=c; r1=a was made by client 1: put r1=a'],
  },
  {
    rule: 'a swap by value is refused only where the value is not',
    good: `
      [put a] [put c] [if a put b !]`,
    bad: `
      [put c] [put a] [if a put b !]`,
    says: ['client 1: txn if value(r1)=a', 'not succeeded', 'can leave r1=a'],
  },
  {
    rule: 'a swap that was refused writes nothing',
    good: `
      [put a] [if c put b !] [get a]`,
    bad: `
      [put a] [if c put b !] [get b]`,
    says: ['client 1: range r1 -> [r1=b', 'r1=b was written by no call that may have happened'],
  },
  {
    rule: 'a swap that was refused reads what is there',
    good: `
      [put a] [if c put b ! get a]`,
    bad: `
      [put a] [if c put b ! get -]`,
    says: ['client 1: txn if value(r1)=c', 'not succeeded, []', 'can leave r1=a'],
  },
  {
    rule: 'a swap that was refused does not read the value that it asked for',
    good: `
      [put a] [put c           ]
               [if a put b ! get c]`,
    bad: `
      [put a] [put c           ]
               [if a put b ! get a]`,
    says: ['client 2: txn if value(r1)=a', 'not succeeded, [r1=a', 'can leave r1=c'],
  },
  {
    rule: 'of two swaps of one value, one succeeds',
    good: `
      [put a] [if a put b]
               [if a put c !]`,
    bad: `
      [put a] [if a put b]
               [if a put c]`,
    says: ['txn if value(r1)=a', 'succeeded', 'r1=a was made by client 1: put r1=a'],
  },
  {
    rule: 'a swap follows the one that made its value',
    good: `
      [put a] [if b put c    ] [get c]
                [if a put b]`,
    bad: `
      [put a] [if b put c    ] [get c]
                               [if a put b]`,
    says: ['client 1: txn if value(r1)=b', 'can leave r1=a'],
  },
  {
    rule: 'the value of a key that is not there equals nothing',
    good: `
      [if a put b !] [get -]`,
    bad: `
      [if a put b] [get b]`,
    says: ['client 1: txn if value(r1)=a', 'can leave nothing; r1=a was written by no call'],
  },
  {
    rule: 'a key is created only where none is',
    good: `
      [put x] [del 1] [if - put a]`,
    bad: `
      [put x] [get x] [if - put a]`,
    says: ['client 1: txn if mod(r1)=0', 'can leave r1=x'],
  },
  {
    rule: 'creating a key is refused only where one is',
    good: `
      [put x] [if - put a ! get x]`,
    bad: `
      [put x] [del 1] [if - put a !]`,
    says: ['client 1: txn if mod(r1)=0', 'not succeeded', 'can leave nothing'],
  },
  {
    rule: 'of two that create a key, one succeeds',
    good: `
      [if - put a     ]
       [if - put b ! get a]`,
    bad: `
      [if - put a     ]
       [if - put b        ]`,
    says: ['client 2: txn if mod(r1)=0', 'can leave r1=a'],
  },
  {
    rule: 'a swap by revision succeeds only where the value of that revision is',
    good: `
      [put a @5] [put c @6] [if @6 put b]`,
    bad: `
      [put a @5] [put c @6] [if @5 put b]`,
    says: ['client 1: txn if mod(r1)=5', 'can leave r1=c; r1=a was made by client 1: put r1=a'],
  },
  {
    rule: 'a swap by revision is refused only where the value of that revision is not',
    good: `
      [put a @5] [put c @6] [if @5 put b !]`,
    bad: `
      [put a @5] [put c @6] [if @6 put b !]`,
    says: ['client 1: txn if mod(r1)=6', 'not succeeded', 'can leave r1=c'],
  },
  {
    rule: 'a revision that only a read told stands for the value that was read',
    good: `
      [put a? [get a @5] [if @5 put b] [put c]`,
    bad: `
      [put a? [get a @5] [put c] [if @5 put b]`,
    says: ['client 1: txn if mod(r1)=5', 'can leave r1=c'],
  },
  {
    rule: 'a revision that a read of the past told stands for the value that was read',
    good: `
      [put a? [put c] [past a @5] [if @5 put b !]`,
    bad: `
      [put a? [put c] [past a @5] [get a @5] [if @5 put b !]`,
    says: ['client 1: txn if mod(r1)=5', 'not succeeded', 'can leave r1=a'],
  },
  {
    rule: 'a swap by a revision that nobody knows counts by its effect',
    good: `
      [put a] [if @9 put b] [get b]`,
    bad: `
      [put a] [if @9 put b] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'a swap by a revision that nobody knows writes nothing if refused',
    good: `
      [put a] [if @9 put b !] [get a]`,
    bad: `
      [put a] [if @9 put b !] [get b]`,
    says: ['client 1: range r1 -> [r1=b', 'r1=b was written by no call'],
  },
  {
    rule: 'a swap by a revision that nobody knows succeeds only where a key is',
    good: `
      [put a] [if @9 put b]`,
    bad: `
      [get -] [if @9 put b]`,
    says: ['client 1: txn if mod(r1)=9', 'can leave nothing'],
  },
  {
    rule: 'the read of a swap by a revision that nobody knows counts',
    good: `
      [put a] [if @9 put b ! get a]`,
    bad: `
      [put a] [if @9 put b ! get -]`,
    says: ['client 1: txn if mod(r1)=9', 'not succeeded, []', 'can leave r1=a'],
  },
  {
    rule: 'a revision that stands for two values stands for none',
    good: `
      [put a @5] [put c @5] [if @5 put b !] [if @5 put d]`,
    bad: `
      [put a @5] [put c @6] [if @5 put b !] [if @5 put d]`,
    says: ['client 1: txn if mod(r1)=5', 'then [put r1=d]', 'can leave r1=c'],
  },
  {
    rule: 'a value that was shown with two revisions is meant by neither',
    good: `
      [put a @5] [get a @6] [put c @7] [if @5 put b]`,
    bad: `
      [put a @5] [get a @5] [put c @7] [if @5 put b]`,
    says: ['client 1: txn if mod(r1)=5', 'can leave r1=c'],
  },
  {
    rule: 'revisions that lie hide no stale read',
    good: `
      [put a @9] [put b @3] [get b @3]`,
    bad: `
      [put a @9] [put b @3] [get a @9]`,
    says: ['client 1: range r1 -> [r1=a (mod 9', 'can leave r1=b'],
  },
  {
    rule: 'a swap of unknown outcome may have happened where its guard may have held',
    good: `
      [put a] [if a put b? [get b]`,
    bad: `
      [put a] [if c put b? [get b]`,
    says: ['client 1: range r1 -> [r1=b', 'can leave r1=a'],
  },
  {
    rule: 'a swap of unknown outcome cannot happen any more once its value is gone',
    good: `
      [put a] [if a put b? [get b] [put c] [get c]`,
    bad: `
      [put a] [if a put b? [put c] [get c] [get b]`,
    says: ['client 1: range r1 -> [r1=b', 'can leave r1=c'],
  },
  {
    rule: 'a transaction of unknown outcome may have taken its other branch, but not both',
    good: `
      [put a] [if c put b ! put d? [get d]`,
    bad: `
      [put a] [if c put b ! put d? [get d] [put c] [get b]`,
    says: ['client 1: range r1 -> [r1=b', 'can leave r1=c'],
  },
  {
    rule: 'serializable reads may be old, linearizable ones may not',
    good: `
      [put a] [put b] [peek a]`,
    bad: `
      [put a] [put b] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'reads of old revisions are old, current ones are not',
    good: `
      [put a] [put b] [past a]`,
    bad: `
      [put a] [put b] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave r1=b'],
  },
  {
    rule: 'what a transaction over several keys wrote is there under each',
    good: `
      [put a; r2 put x] [get a] [r2 get x]`,
    bad: `
      [put a; r2 put x] [get a] [r2 get -]`,
    says: ['r2: client 1: range r2 -> []', 'can leave r2=x'],
  },
  {
    rule: 'what a transaction over several keys read was there under each',
    good: `
      [put a] [r2 put x] [get a; r2 get x; k1 get y]`,
    bad: `
      [put a] [r2 put x] [get a; r2 get -; k1 get y]`,
    says: ['r2: client 1: txn', 'can leave r2=x'],
  },
  {
    rule: 'of several guards on several keys that did not hold, any may be the one',
    good: `
      [put a] [if a & k1 x put b !]`,
    bad: `
      [put a] [if a & version>0 put b !]`,
    says: ['client 1: txn if value(r1)=a and version(r1)>0', 'not succeeded', 'can leave r1=a'],
  },
  {
    rule: 'of several guards that held, each held',
    good: `
      [put a] [put c] [if c & k1 x put b]`,
    bad: `
      [put a] [put c] [if a & k1 x put b]`,
    says: ['client 1: txn if value(r1)=a and value(k1)=x', 'can leave r1=c'],
  },
  {
    rule: 'a transaction without guards cannot be refused',
    good: `
      [put a] [put b; k1 put x] [get b]`,
    bad: `
      [put a] [put b; k1 put x !] [get a]`,
    says: ['r1: client 1: txn if', 'not succeeded', 'can leave r1=a'],
  },
  {
    rule: 'a transaction sees what it wrote itself',
    good: `
      [put a] [put b; get b]`,
    bad: `
      [put a] [put b; get a]`,
    says: ['client 1: txn', 'can leave r1=a'],
  },
  {
    rule: 'a transaction sees what was there before it wrote',
    good: `
      [put a] [get a; put b]`,
    bad: `
      [put a] [get b; put b]`,
    says: ['client 1: txn', 'can leave r1=a'],
  },
  {
    rule: 'a deletion of many keys takes the register with it',
    good: `
      [put a] [r0..r9 del 3] [get -]`,
    bad: `
      [put a] [r0..r9 del 3] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave nothing'],
  },
  {
    rule: 'a deletion of many keys that found none did not find the register',
    good: `
      [del 0] [r0..r9 del 0] [get -]`,
    bad: `
      [put a] [r0..r9 del 0] [get a]`,
    says: ['client 1: delete r0..r9 -> deleted 0', 'can leave r1=a'],
  },
  {
    rule: 'a deletion of many keys ends before its last key',
    good: `
      [put a] [r0..r1 del 1] [get a]`,
    bad: `
      [put a] [r0..r2 del 1] [get a]`,
    says: ['client 1: range r1 -> [r1=a', 'can leave nothing'],
  },
  {
    rule: 'a version above 0 means that the key is there',
    good: `
      [put a] [if version>0 put b]`,
    bad: `
      [get -] [if version>0 put b]`,
    says: ['client 1: txn if version(r1)>0', 'can leave nothing'],
  },
  {
    rule: 'a version below 1 means that the key is not there',
    good: `
      [get -] [if version<1 put b]`,
    bad: `
      [put a] [if version<1 put b]`,
    says: ['client 1: txn if version(r1)<1', 'can leave r1=a'],
  },
  {
    rule: 'a create revision that is not 0 means that the key is there',
    good: `
      [put a] [if create=0 put b !]`,
    bad: `
      [get -] [if create=0 put b !]`,
    says: ['client 1: txn if create(r1)=0', 'not succeeded', 'can leave nothing'],
  },
  {
    rule: 'versions above 0 are not told apart, their being there is',
    good: `
      [put a] [if version=7 put b] [if version=7 put c !]`,
    bad: `
      [get -] [if version=7 put b] [if version=7 put c !]`,
    says: ['client 1: txn if version(r1)=7', 'then [put r1=b]', 'can leave nothing'],
  },
  {
    rule: 'every register is judged for itself',
    good: `
      [put a] [r2 get -] [r2 put x]`,
    bad: `
      [put a] [r2 put x] [r2 get -]`,
    says: ['r2: client 1: range r2 -> []', 'can leave r2=x'],
  },
  {
    rule: 'many clients at once: each answer fits some order',
    good: `
      [put a] [put b          ]  [get b]
               [if a put c ]
                [if c put d     ]
                   [del 0X  [get d]`,
    bad: `
      [put a] [put b          ]  [get b]
               [if a put c ]
                [if c put d     ]
                   [del 0]  [get d]`,
    says: ['client 4: delete r1 -> deleted 0', 'can leave r1='],
  },
];

describe('registers in stories', () => {
  it.each(pairs.map(({ rule, good }) => [rule, good] as const))('%s: kept', (_, good) => {
    expect(checkLinearizability(story(good))).toEqual([]);
  });

  it.each(pairs.map(({ rule, bad, says }) => [rule, bad, says] as const))('%s: broken', (_, bad, says) => {
    const complaints = checkLinearizability(story(bad));
    expect(complaints).toHaveLength(1);
    for (const fragment of ['r', ' has no place in any order: ', ...says]) expect(complaints[0]).toContain(fragment);
  });

  it('each have one rule', () => {
    expect(new Set(pairs.map(({ rule }) => rule)).size).toBe(pairs.length);
    expect(pairs.length).toBeGreaterThanOrEqual(40);
  });
});

describe('the check of registers', () => {
  it('complains once about each register that is wrong', () => {
    const history = story('[put a] [get -] [r2 put b] [r2 get b] [r3 put c] [r3 del 0] [r3 get -]');
    expect(checkLinearizability(history).map((complaint) => complaint.slice(0, 3))).toEqual(['r1:', 'r3:']);
  });

  it('leaves all other keys alone', () => {
    expect(checkLinearizability(story('[k1 put a] [k1 get -] [k1 del 0]'))).toEqual([]);
  });

  it('leaves a register alone that only ranges go over', () => {
    expect(checkLinearizability(story('[r0..r9 del 4] [r0..r9 get a] [r0..r9 del 4]'))).toEqual([]);
  });

  it('keeps calls of one client in their order even when they touch', () => {
    const [put, get] = story('[put a] [get -]') as readonly [Operation, Operation];
    const touching = { ...get, startMs: put.endMs };
    expect(checkLinearizability([put, touching])).toHaveLength(1);
    expect(checkLinearizability([put, { ...touching, client: 2 }])).toEqual([]);
    expect(checkLinearizability([{ ...put, startMs: put.endMs }, touching])).toEqual([]);
    const [, seen] = story('[put a] [get a]') as readonly [Operation, Operation];
    const atOnce = { ...seen, startMs: put.endMs, endMs: put.endMs };
    expect(checkLinearizability([put, atOnce, touching])).toHaveLength(1);
  });

  it('lets a call of unknown outcome pass its like that still waits for its client', () => {
    const [deletion, ...puts] = story('[del 1] [put a?\n        [put b?') as readonly [Operation, ...Operation[]];
    const touching = puts.map((put) => ({ ...put, startMs: deletion.endMs }));
    expect(checkLinearizability([deletion, ...touching])).toEqual([]);
    expect(checkLinearizability([deletion, ...touching.slice(0, 1)])).toHaveLength(1);
  });

  it('complains about a call that ends before it starts', () => {
    const [put] = story('[put a]') as readonly [Operation];
    expect(checkLinearizability([{ ...put, startMs: 9, endMs: 3 }])[0]).toContain('(9-3 ms) has no place');
  });

  it('takes an answer that its call cannot get for an unknown outcome', () => {
    const [put, swap, get] = story('[put a] [if a put b] [get b]') as readonly [Operation, Operation, Operation];
    expect(checkLinearizability([put, { ...swap, outcome: put.outcome }, get])).toEqual([]);
    expect(checkLinearizability([put, swap, { ...get, outcome: put.outcome }])).toEqual([]);
  });

  it('takes no more calls than it may have to order', () => {
    const [put, peek, get] = story('[put a] [peek a] [get a]') as readonly [Operation, Operation, Operation];
    const copies = (of: Operation, count: number): Operation[] => Array<Operation>(count).fill(of);
    const most = [put, ...copies(get, REGISTER_OPERATIONS_MAX - 1)];
    expect(checkLinearizability([...most, ...copies(peek, 5)])).toEqual([]);
    expect(() => checkLinearizability([...most, get])).toThrow(
      'register r1 has 201 operations, more than REGISTER_OPERATIONS_MAX = 200',
    );
  });

  it('says so when it cannot decide', { timeout: 120_000 }, () => {
    const together = { startMs: 0, endMs: 9 };
    const [put, deletion] = story('[put a] [del 1]') as readonly [Operation, Operation];
    const puts = Array.from({ length: 14 }, (_, client): Operation => {
      return { ...put, ...together, client, call: { kind: 'put', key: 'r1', value: `v${client}` } };
    });
    const deletions = Array.from({ length: 15 }, (_, client) => ({ ...deletion, ...together, client: 100 + client }));
    expect(checkLinearizability([...puts, ...deletions])[0]).toMatch(/^r1: undecided: \d+ steps/);
  });

  it('gives up the search after its steps, not before', () => {
    const [register] = registersIn(story('[put a]\n[put b]\n   [get a] [get b]\n         [put c]'));
    const verdicts = [1, 2, 3, 4, 5, 50].map((steps) => new Search(register?.calls ?? [], 4, steps).run());
    expect(verdicts[0]).toBe('undecided');
    expect(verdicts.at(-1)).toBe('possible');
  });
});

describe('the notation', () => {
  it('draws calls in time', () => {
    const range = { kind: 'range', key: 'r1', revision: 0, limit: 0 };
    const kvs = [{ key: 'r1', value: 'c', createRevision: 1, modRevision: 7, version: 1 }];
    const read = { kind: 'range', kvs, more: false, count: 1 };
    expect(story('  [put a @3]  [del?\n[if a & k1 @5 put b ! get c @7]')).toEqual([
      {
        client: 1,
        member: 'm1',
        call: { kind: 'put', key: 'r1', value: 'a' },
        outcome: { kind: 'ok', revision: 3, answer: { kind: 'put' } },
        startMs: 2,
        endMs: 11,
      },
      {
        client: 1,
        member: 'm1',
        call: { kind: 'deleteRange', key: 'r1' },
        outcome: { kind: 'unknown', code: 'OUTCOME_UNKNOWN' },
        startMs: 14,
        endMs: 18,
      },
      {
        client: 2,
        member: 'm1',
        call: {
          kind: 'txn',
          compares: [
            { key: 'r1', target: 'value', is: 'equal', operand: 'a' },
            { key: 'k1', target: 'mod', is: 'equal', operand: 5 },
          ],
          success: [{ kind: 'put', key: 'r1', value: 'b' }],
          failure: [range],
        },
        outcome: { kind: 'ok', revision: 1, answer: { kind: 'txn', succeeded: false, results: [read] } },
        startMs: 0,
        endMs: 30,
      },
    ]);
  });

  it.each(['put a', '[put a', '[put a] x', '[fetch a]', '[if put a]', '[if a and b put c]', '[]'])(
    'knows no %s',
    (text) => {
      expect(() => story(text)).toThrow('of a story');
    },
  );
});
