/** Appends that are missing, and transactions of which nobody knows whether they happened. */
import { describePairs } from './append-cycles-notation.js';

describePairs('appends that are missing', [
  {
    bad: 'a later read does not have an append that was answered',
    says: 'lost append: client 1 (0-10 ms): a x 1: 1 is not in x',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x []`,
    good: 'a read that began before the answer does not have the append',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 10-30 ok  r x []`,
  },
  {
    bad: 'an append vanishes and the list goes on without it',
    says: 'lost append: client 2 (20-30 ms): a x 2: 2 is not in x',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  a x 2
      c3 40-50 ok  a x 3
      c4 60-70 ok  r x [1 3]`,
    good: 'a failed append vanishes and the list goes on without it',
    goodHistory: `
      c1 0-10 ok       a x 1
      c2 20-30 failed  a x 2
      c3 40-50 ok      a x 3
      c4 60-70 ok      r x [1 3]`,
  },
  {
    bad: 'of many readers the last does not have an append',
    says: 'lost append: client 1 (20-30 ms): a x 1: 1 is not in x as read later by client 4 (40-50 ms)',
    badHistory: `
      c2 0-10 ok   r x []
      c1 20-30 ok  a x 1
      c4 40-50 ok  r x []
      c3 25-35 ok  r x []`,
    good: 'of many readers the last has an append',
    goodHistory: `
      c2 0-10 ok   r x []
      c1 20-30 ok  a x 1
      c4 40-50 ok  r x [1]
      c3 25-35 ok  r x []`,
  },
  {
    bad: 'an append is missing in the read of a transaction that then appends',
    says: 'lost append: client 1 (0-10 ms): a x 1: 1 is not in x',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [], a x 2`,
    good: 'nobody reads after the appends',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  a x 2`,
  },
  {
    bad: 'an append is missing in the read of an unknown transaction that happened',
    says: 'lost append: client 1 (0-10 ms): a x 1: 1 is not in x',
    badHistory: `
      c1 0-10 ok        a x 1
      c2 20-30 unknown  r x [], a y 2
      c3 40-50 ok       r y [2]`,
    good: 'an append is missing in the read of an unknown transaction that need not have happened',
    goodHistory: `
      c1 0-10 ok        a x 1
      c2 20-30 unknown  r x [], a y 2
      c3 40-50 ok       r y []`,
  },
  {
    bad: 'an append that its own transaction has read is missing later',
    says: 'G-single in real time: T1 -rw x 1-> T2',
    badHistory: `
      c1 0-10 ok   a x 1, r x [1]
      c2 20-30 ok  r x []`,
    good: 'an append that its own transaction has read is missing at the same time',
    goodHistory: `
      c1 0-10 ok  a x 1, r x [1]
      c2 5-30 ok  r x []`,
  },
  {
    bad: 'the next call of the same client does not have the append, in the same millisecond',
    says: 'G-single in real time: T1 -rw x 1-> T2 -client-> T1',
    badHistory: `
      c1 0-10 ok   a x 1
      c1 10-20 ok  r x []`,
    good: 'the call of another client does not have the append, in the same millisecond',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 10-20 ok  r x []`,
  },
  {
    bad: 'a call that took no time is missing in the next one of the same client',
    says: 'in real time: T1 -rw x 1-> T2 -client-> T1',
    badHistory: `
      c1 10-10 ok  a x 1
      c1 10-10 ok  r x []`,
    good: 'a call that took no time is missing in the one before it',
    goodHistory: `
      c1 10-10 ok  r x []
      c1 10-10 ok  a x 1`,
  },
]);

describePairs('unknown transactions', [
  {
    bad: 'one of which an element was seen is gone from the list',
    says: 'G-single in real time: T1 -rw x 1-> T2 -wr x 1-> T3 -clock-> T1',
    badHistory: `
      c1 0-10 unknown  a x 1
      c2 20-30 ok      r x [1]
      c3 40-50 ok      r x []`,
    good: 'one happens long after its client has given up',
    goodHistory: `
      c1 0-10 unknown  a x 1
      c2 20-30 ok      r x []
      c3 40-50 ok      r x [1]`,
  },
  {
    bad: 'one has left its element in one key and not in the other',
    says: 'partial write: client 1 (0-? ms): a x 1, a y 2: 2 is not in y',
    badHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c2 20-30 ok      r x [1]
      c3 40-50 ok      r y []`,
    good: 'one has left its element in both keys',
    goodHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c2 20-30 ok      r x [1]
      c3 40-50 ok      r y [2]`,
  },
  {
    bad: 'one was half seen by several, the first of whom had the answer before the other half was read',
    says: 'partial write: client 1 (0-? ms): a x 1, a y 2: 2 is not in y as read later by client 4 (40-50 ms)',
    badHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c3 20-90 ok      r x [1]
      c2 20-30 ok      r x [1]
      c4 40-50 ok      r y []
      c2 60-70 ok      r x [1]`,
    good: 'one was half seen by several, none of whom had the answer before the other half was read',
    goodHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c3 20-90 ok      r x [1]
      c2 20-40 ok      r x [1]
      c4 40-50 ok      r y []
      c2 60-70 ok      r x [1]`,
  },
  {
    bad: 'one has left its element in one key, and the other goes on without it',
    says: 'partial write: client 1 (0-? ms): a x 1, a y 2: 2 is not in y',
    badHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c2 20-30 ok      r x [1]
      c3 40-50 ok      a y 3
      c4 60-70 ok      r y [3]`,
    good: 'one happens after the other key was read',
    goodHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c2 20-30 ok      r y []
      c3 40-50 ok      r x [1]`,
  },
  {
    bad: 'one reader sees half of one',
    says: 'G-single: T1 -rw y 2-> T2 -wr x 1-> T1',
    badHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c2 20-30 ok      r x [1], r y []`,
    good: 'one reader sees nothing of one, another all',
    goodHistory: `
      c1 0-10 unknown  a x 1, a y 2
      c2 20-30 ok      r x [], r y []
      c3 20-30 ok      r x [1], r y [2]`,
  },
  {
    bad: 'one that was half seen before its client got any answer',
    says: 'partial write: client 1 (0-? ms): a x 1, a y 2: 2 is not in y',
    badHistory: `
      c1 0-100 unknown  a x 1, a y 2
      c2 20-30 ok       r x [1]
      c3 40-50 ok       r y []`,
    good: 'one whose halves are read at the same time',
    goodHistory: `
      c1 0-100 unknown  a x 1, a y 2
      c2 20-40 ok       r x [1]
      c3 40-50 ok       r y []`,
  },
  {
    bad: 'one that an unknown one has seen, which happened, is gone',
    says: 'partial write: client 1 (0-? ms): a x 1, a y 2: 2 is not in y',
    badHistory: `
      c1 0-10 unknown   a x 1, a y 2
      c2 20-30 unknown  r x [1], a x 3
      c3 40-50 ok       r x [1 3]
      c4 60-70 ok       r y []`,
    good: 'one that only an unknown one has seen, which never happened',
    goodHistory: `
      c1 0-10 unknown   a x 1, a y 2
      c2 20-30 unknown  r x [1], a x 3
      c3 40-50 ok       r x []
      c4 60-70 ok       r y []`,
  },
  {
    bad: 'one was seen before it was begun',
    says: 'G1c in real time: T1 -wr x 1-> T2 -clock-> T1',
    badHistory: `
      c2 0-10 ok        r x [1]
      c1 20-30 unknown  a x 1`,
    good: 'one was seen as soon as it was begun',
    goodHistory: `
      c2 0-20 ok        r x [1]
      c1 20-30 unknown  a x 1`,
  },
  {
    bad: 'one was seen before it was begun, and has itself missed what stands before its append',
    says: 'G-single: T1 -rw y 3-> T2 -ww y 2-> T1',
    badHistory: `
      c2 0-10 ok        r x [1]
      c3 0-10 ok        a y 3, r y [3]
      c1 20-30 unknown  a x 1, r y [], a y 2`,
    good: 'one was seen after it was begun, and has itself read what it then appends to',
    goodHistory: `
      c2 0-20 ok        r x [1]
      c3 0-20 ok        a y 3, r y [2 3]
      c1 20-30 unknown  a x 1, r y [], a y 2`,
  },
  {
    bad: 'one that took no time was seen by the call before it, which took no time either',
    says: 'G1c in real time: T1 -wr x 1-> T2 -client-> T1',
    badHistory: `
      c1 0-0 ok       r x [1]
      c1 0-0 unknown  a x 1`,
    good: 'one that took no time was seen by the call after it, which took no time either',
    goodHistory: `
      c1 0-0 unknown  a x 1
      c1 0-0 ok       r x [1]`,
  },
  {
    bad: 'one that happened has read a list too old for its start',
    says: 'G-single in real time: T1 -rw x 1-> T2 -clock-> T1',
    badHistory: `
      c1 0-10 ok        a x 1
      c2 20-30 unknown  r x [], a y 2
      c3 40-50 ok       r x [1], r y [2]`,
    good: 'one that happened later than its client waited has read a list too new for its end',
    goodHistory: `
      c2 0-10 unknown  r x [1], a y 2
      c1 20-30 ok      a x 1
      c3 40-50 ok      r x [1], r y [2]`,
  },
  {
    bad: 'one that happened contradicts another, each having missed the append of the other',
    says: 'G2: T1 -rw',
    badHistory: `
      c1 0-10 unknown  r x [], a y 1
      c2 0-10 unknown  r y [], a x 2
      c3 20-30 ok      r x [2], r y [1]`,
    good: 'one that did not happen contradicts another',
    goodHistory: `
      c1 0-10 unknown  r x [], a y 1
      c2 0-10 unknown  r y [], a x 2
      c3 20-30 ok      r x [2], r y []`,
  },
  {
    bad: 'two see each other, and one of them was seen',
    says: 'G1c: T1 -wr',
    badHistory: `
      c1 0-10 unknown  r x [2], a y 1
      c2 0-10 unknown  r y [1], a x 2
      c3 20-30 ok      r x [2]`,
    good: 'two see each other, and neither was seen',
    goodHistory: `
      c1 0-10 unknown  r x [2], a y 1
      c2 0-10 unknown  r y [1], a x 2
      c3 20-30 ok      r x [], r y []`,
  },
]);
