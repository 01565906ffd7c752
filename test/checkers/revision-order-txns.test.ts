/** Transactions: guards, branches, and what one revision holds. */
import { describeNeighbours, type Neighbours } from './kv-story.js';

/** a: written at 2 and 4, version 2; b: nothing; c: written at 3. */
function guarded(guard: string, isTrue: boolean): Neighbours {
  return {
    good: `${guard} is ${isTrue}`,
    history: `
      put a=x -> 2
      put c=z -> 3
      put a=y -> 4
      txn if ${guard} then put a=w else get c -> ${isTrue ? '{5 yes ok|4 no [c=z@3]}' : '{4 no [c=z@3]|5 yes ok}'}`,
    bad: { [`${guard} is not ${isTrue}`]: `succeeded is ${!isTrue}, not ${isTrue}` },
  };
}

describeNeighbours('guards', [
  guarded('mod(a)=4', true),
  guarded('mod(a)=2', false),
  guarded('mod(a)>3', true),
  guarded('mod(a)>4', false),
  guarded('mod(a)<5', true),
  guarded('mod(a)<4', false),
  guarded('create(a)=2', true),
  guarded('create(a)=4', false),
  guarded('create(a)>1', true),
  guarded('create(a)>2', false),
  guarded('create(a)<3', true),
  guarded('create(a)<2', false),
  guarded('version(a)=2', true),
  guarded('version(a)=1', false),
  guarded('version(a)>1', true),
  guarded('version(a)>2', false),
  guarded('version(a)<3', true),
  guarded('version(a)<2', false),
  guarded('value(a)=y', true),
  guarded('value(a)=x', false),
  guarded('version(b)=0', true),
  guarded('create(b)=0', true),
  guarded('mod(b)=0', true),
  guarded('mod(b)<1', true),
  guarded('mod(b)>0', false),
  guarded('value(b)=y', false),
  guarded('mod(a)=4 & mod(c)=3', true),
  guarded('mod(a)=4 & mod(c)=4', false),
  guarded('mod(a)=3 & mod(c)=3', false),
]);

describeNeighbours('what one transaction does', [
  {
    good: 'a transaction without guards succeeds',
    history: 'txn then put a=x else put b=y -> 2 {yes|no} ok',
    bad: { 'a transaction without guards does not succeed': 'succeeded is false, not true' },
  },
  {
    good: 'all that a transaction writes has one revision',
    history: `
      txn then put a=x; put b=y else - -> 2 yes ok; ok
      get a..c -> 2 [a=x@2 {b=y@2|b=y@3|}]`,
    bad: {
      'the puts of one transaction have two revisions': 'it shows b=y (mod 3, create 3, version 1), not b=y (mod 2',
      'half of a transaction is missing': 'it shows nothing, not b=y',
    },
  },
  {
    good: 'the other branch is not carried out',
    history: `
      txn if mod(a)=0 then put a=x else put b=y -> 2 yes ok
      get a..c -> 2 [a=x@2{| b=y@2}]`,
    bad: { 'both branches are carried out': 'it shows b=y (mod 2, create 2, version 1), not nothing' },
  },
  {
    good: 'the branch of failure writes, too',
    history: `
      put a=x -> 2
      txn if mod(a)=0 then put b=y else put c=z; del a -> 3 no ok; del 1
      get a..d -> 3 [{c|b}={z|y}@3]`,
    bad: { 'the wrong branch was carried out': 'it shows b=y (mod 3, create 3, version 1), not c=z' },
  },
  {
    good: 'a read in a transaction sees the puts before it and not those after it',
    history: `
      put a=x -> 2
      txn then get a; put a=y; get a else - -> 3 yes [a={x@2|y@3/2/2|x@2}]; ok; [a={y@3/2/2|y@3/2/2|x@2}]`,
    bad: {
      'a read in a transaction sees the put after it':
        'in result 1, it shows a=y (mod 3, create 2, version 2), not a=x',
      'a read in a transaction misses the put before it':
        'in result 3, it shows a=x (mod 2, create 2, version 1), not a=y',
    },
  },
  {
    good: 'a read in a transaction sees the delete before it',
    history: `
      put a=x -> 2
      txn then get a; del a; get a else - -> 3 yes [a=x@2]; del {1|1|0}; [{|a=x@2}]`,
    bad: {
      'a read in a transaction misses the delete before it': 'in result 3, it shows a=x',
      'a delete in a transaction does not find the key': 'in result 2, deleted is 0, not 1',
    },
  },
  {
    good: 'a read of the past in a transaction does not see its puts',
    history: `
      put a=x -> 2
      txn then put a=y; get a at {2|2|3} else - -> 3 yes ok; [a={x@2|y@3/2/2|y@3/2/2}]`,
    bad: {
      'a read of the past in a transaction sees its puts': 'in result 2, it shows a=y',
      'a transaction reads its own revision by the number': 'the call must be refused as FUTURE_REVISION',
    },
  },
  {
    good: 'two deletes in a transaction share their keys',
    history: `
      put a=x -> 2
      put b=y -> 3
      txn then del a; del a..c; del b else - -> 4 yes del 1; del {1|2|1}; del {0|0|1}`,
    bad: {
      'a delete in a transaction counts what is gone already': 'in result 2, deleted is 2, not 1',
      'a delete in a transaction finds what is gone already': 'in result 3, deleted is 1, not 0',
    },
  },
  {
    good: 'guards look at the state before the transaction',
    history: `
      put a=x -> 2
      txn if version(a)={1|2} then put a=y else - -> 3 yes ok`,
    bad: { 'a guard sees the put of its own transaction': 'succeeded is true, not false' },
  },
  {
    good: 'a transaction that writes nothing makes no revision',
    history: `
      put a=x -> 2
      txn then del b; get a else - -> {2|3} yes del 0; [a=x@2]
      put c=y -> {3|4}`,
    bad: { 'a transaction that writes nothing takes a revision': 'revision 3 was made by no call' },
  },
  {
    good: 'a transaction whose guard fails, with nothing to do then, makes no revision',
    history: `
      put a=x -> 2
      txn if mod(a)=0 then put a=y else - -> {2|3} no
      get a -> {2|3} [a=x@2]`,
    bad: { 'a transaction that did nothing takes a revision': 'revision 3 was made by no call' },
  },
  {
    good: 'a transaction answers each of its operations',
    history: `
      put a=x -> 2
      txn then get a; del b else - -> 2 yes [a=x@2]{; del 0||; []}`,
    bad: {
      'a transaction leaves an answer out': 'no such call can get such an answer',
      'a transaction answers a delete with what was read': 'no such call can get such an answer',
    },
  },
  {
    good: 'of two transactions with the same guard the second one fails',
    history: `
      put a=x -> 2
      c1 20-40 txn if mod(a)=2 then put a=y else get a -> 3 yes ok
      c2 20-40 txn if mod(a)=2 then put a=z else get a -> {3 no [a=y@3/2/2]|4 yes ok|2 no [a=x@2]}`,
    bad: {
      'of two transactions with the same guard both succeed': 'at 4 (20-40 ms): succeeded is true, not false',
      'a transaction fails although its guard holds': 'succeeded is false, not true',
    },
  },
  {
    good: 'a failed transaction wrote nothing',
    history: `
      put a=x -> 2
      txn if mod(a)=2 then put a=y; put b=z else - -> NO_LEADER
      get a..c -> {2|3} [{a=x@2|a=y@3/2/2 b=z@3}]`,
    bad: { 'a failed transaction is seen': 'it was written by a call that failed' },
  },
]);
