/** Revisions against the clock, and members that lag behind. */
import { describeNeighbours } from './kv-story.js';

describeNeighbours('writes against the clock', [
  {
    good: 'writes one after the other have revisions one after the other',
    history: `
      c1 0-10 put a=x -> {2|3}
      c2 20-30 put b=y -> {3|2}`,
    bad: {
      'a later write has the earlier revision': 'written at revision 2, although revision 3 had been seen before',
    },
  },
  {
    good: 'writes at the same time have any order',
    history: `
      c1 0-10 put a=x -> 3
      c2 {5-30|11-30} put b=y -> 2`,
    bad: {
      'a write that began after another was answered comes before it': 'written at revision 2, although revision 3',
    },
  },
  {
    good: 'writes of two clients that touch have any order',
    history: `
      c1 0-10 put a=x -> 3
      {c2|c1} 10-20 put b=y -> 2`,
    bad: { 'a client writes before what it wrote before': 'written at revision 2, although revision 3' },
  },
  {
    good: 'a write comes after what was read before it',
    history: `
      c1 0-90 put a=x -> {2|3}
      c2 10-20 get a -> {2|3} [a=x@{2|3}]
      c3 30-40 put b=y -> {3|2}`,
    bad: { 'a write comes before what was read before it': 'written at revision 2, although revision 3' },
  },
  {
    good: 'a write comes after what a serializable read showed before it',
    history: `
      c1 0-90 put a=x -> {2|3}
      c2 10-20 peek a -> {2|3} [a=x@{2|3}]
      c3 30-40 put b=y -> {3|2}`,
    bad: {
      'a write comes before what a serializable read showed before it': 'written at revision 2, although revision 3',
    },
  },
  {
    good: 'a write is read after it began',
    history: `
      c1 0-10 get a -> {1|2} [{|a=x@2}]
      c2 20-30 put a=x -> 2`,
    bad: {
      'a write is read before it began': 'written at revision 2, although revision 2 had been seen before it began',
    },
  },
  {
    good: 'a write is read while it goes on',
    history: `
      c1 {0-90|30-90} put a=x -> 2
      c2 10-20 peek a -> 2 [a=x@2]`,
    bad: { 'a serializable read shows a write that begins later': 'although revision 2 had been seen before it began' },
  },
  {
    good: 'a transaction that wrote nothing sees what was written before it',
    history: `
      c1 0-10 put a=x -> 2
      c2 20-30 txn if mod(a)=0 then put a=y else get a -> {2 no [a=x@2]|1 no []}`,
    bad: { 'a transaction looked at the state before a write that was answered': 'answered from revision 1, although' },
  },
  {
    good: 'a delete of nothing sees what was written before it',
    history: `
      c1 0-10 put a=x -> 2
      c2 {5|11}-30 del a -> 1 del 0`,
    bad: { 'a delete misses a key that was there before it began': 'answered from revision 1, although revision 2' },
  },
]);

describeNeighbours('reads against the clock', [
  {
    good: 'a read sees what was written before it began',
    history: `
      c1 0-10 put a=x -> 2
      c2 20-30 get a -> {2|1} [{a=x@2|}]`,
    bad: {
      'a read misses what was written before it began': 'answered from revision 1, although revision 2 had been seen',
    },
  },
  {
    good: 'a read that began before the answer to a write need not see it',
    history: `
      c1 0-10 put a=x -> 2
      c2 {10|11}-30 get a -> 1 []`,
    bad: { 'a read that began after the answer to a write misses it': 'answered from revision 1, although revision 2' },
  },
  {
    good: 'a write to another key counts, too',
    history: `
      c1 0-10 put a=x -> 2
      c2 {5-30|20-30} get b -> 1 []`,
    bad: { 'a read of another key is answered from before the write': 'answered from revision 1, although revision 2' },
  },
  {
    good: 'reads one after the other do not go back',
    history: `
      c1 0-90 put a=x -> 2
      c2 10-20 get a -> 2 [a=x@2]
      c3 {20|21}-40 get a -> 1 []`,
    bad: {
      'a read goes back behind another': 'answered from revision 1, although revision 2 had been seen before it began',
    },
  },
  {
    good: 'a client reads its own write though the clock stood still',
    history: `
      c1 0-10 put a=x -> 2
      c1 10-10 get a -> {2|1} [{a=x@2|}]`,
    bad: {
      'a client does not read its own write': 'answered from revision 1, although revision 2 had been seen before',
    },
  },
  {
    good: 'a read of the past is answered from now',
    history: `
      c1 0-10 put a=x -> 2
      c1 20-30 put a=y -> 3
      c2 40-50 get a at 2 -> {3|2} [a=x@2]`,
    bad: {
      'a read of the past is answered from the past': 'answered from revision 2, although revision 3 had been seen',
    },
  },
  {
    good: 'a transaction of reads is a linearizable read',
    history: `
      c1 0-10 put a=x -> 2
      c2 {5|20}-30 txn then get a else - -> 1 yes []`,
    bad: { 'a transaction of reads misses what was written before it began': 'answered from revision 1, although' },
  },
  {
    good: 'a transaction without operations may be answered from the past',
    history: `
      c1 0-10 put a=x -> 2
      c2 20-30 txn if mod(a)=0 then {-|get a|-} else {-|-|get a} -> 1 yes{| []|}`,
    bad: {
      'a transaction with an operation may not': 'answered from revision 1, although revision 2',
      'a transaction with an operation in the other branch may not': 'answered from revision 1, although revision 2',
    },
  },
  {
    good: 'what an unknown put did is seen from then on',
    history: `
      c1 0-10 put a=x -> ?
      c2 20-30 get a -> 2 [a=x@2]
      c3 40-50 get a -> {2|1} [{a=x@2|}]`,
    bad: { 'what an unknown put did is not seen any more': 'answered from revision 1, although revision 2' },
  },
]);

describeNeighbours('serializable reads', [
  {
    good: 'a serializable read may be behind',
    history: `
      c1 0-10 put a=x -> 2
      c2 20-30 {peek|get} a -> 1 []`,
    bad: { 'a linearizable read may not be behind': 'answered from revision 1, although revision 2 had been seen' },
  },
  {
    good: 'serializable reads of two members go back and forth',
    history: `
      put a=x -> 2
      put a=y -> 3
      peek a -> 3 [a=y@3/2/2]
      peek a -> {2|3} [a=x@2]
      peek a -> 3 [a=y@3/2/2]`,
    bad: {
      'a serializable read claims a revision that it does not show':
        'it shows a=x (mod 2, create 2, version 1), not a=y',
    },
  },
  {
    good: 'a serializable read shows one state',
    history: `
      put a=x -> 2
      put b=y -> 3
      put a=w -> 4
      peek a..c -> {4|3|3} [a={w@4/2/2|x@2|w@4/2/2} b=y@3]
      peek a..c -> {2|2|2} [a=x@2{| b=y@3|}]`,
    bad: {
      'a serializable read shows a later key beside an earlier one':
        'it shows b=y (mod 3, create 3, version 1), not nothing',
      'a serializable read shows what comes after its revision': 'it shows a=w (mod 4, create 2, version 2), not a=x',
    },
  },
  {
    good: 'a serializable read from before a delete shows the key',
    history: `
      put a=x -> 2
      del a -> 3 del 1
      peek a -> {2|3} [a=x@2]`,
    bad: {
      'a serializable read from after a delete shows the key': 'it shows a=x (mod 2, create 2, version 1), not nothing',
    },
  },
  {
    good: 'a serializable read shows only what was written',
    history: `
      put a=x -> 2
      put a=y -> NO_LEADER
      peek a -> {2|3|2} [a={x@2|y@3/2/2|y@2}]`,
    bad: {
      'a serializable read shows what a member kept of a failed put': 'it was written by a call that failed',
      'a serializable read shows a failed put in the place of another': 'it was written by a call that failed',
    },
  },
  {
    good: 'a serializable read has a revision that somebody made',
    history: `
      put a=x -> 2
      peek a -> {2|3} [a=x@2]`,
    bad: { 'a serializable read has a revision that nobody made': 'revision 3 was made by no call' },
  },
  {
    good: 'a linearizable read after a serializable one is not behind it',
    history: `
      c1 0-90 put a=x -> 2
      c2 10-20 peek a -> 2 [a=x@2]
      c3 30-40 get a -> {2|1} [{a=x@2|}]`,
    bad: { 'a linearizable read is behind a serializable one': 'answered from revision 1, although revision 2' },
  },
  {
    good: 'a serializable read with a limit counts the keys of its own revision',
    history: `
      put a=x -> 2
      put b=y -> 3
      put c=z -> 4
      peek a..d limit 1 -> 3 [a=x@2] of {2|3}`,
    bad: { 'a serializable read counts a key that came later': 'count is 3, not 2' },
  },
]);
