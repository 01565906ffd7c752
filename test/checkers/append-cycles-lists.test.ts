/** What a single list, or a single transaction, can get wrong. */
import { describePairs } from './append-cycles-notation.js';

describePairs('elements that should not be there', [
  {
    bad: 'an element of a failed transaction is read',
    says: 'aborted read: 1 in x [1]',
    badHistory: `
      c1 0-10 failed  a x 1
      c2 20-30 ok     r x [1]`,
    good: 'an element of a failed transaction is never read',
    goodHistory: `
      c1 0-10 failed  a x 1
      c2 20-30 ok     r x []`,
  },
  {
    bad: 'an element of a failed transaction is read in the middle of a list',
    says: 'aborted read: 2 in x [1 2 3]',
    badHistory: `
      c1 0-10 ok      a x 1
      c2 0-10 failed  a x 2
      c3 20-30 ok     a x 3
      c4 40-50 ok     r x [1 2 3]`,
    good: 'what a failed transaction says it read is not believed',
    goodHistory: `
      c1 0-10 ok      a x 1
      c2 0-10 failed  r x [9 9 9], a x 2
      c3 20-30 ok     a x 3
      c4 40-50 ok     r x [1 3]`,
  },
  {
    bad: 'an unknown transaction that happened has read an element of a failed one',
    says: 'aborted read: 1 in x [1]',
    badHistory: `
      c1 0-10 failed     a x 1
      c2 20-30 unknown   r x [1], a y 2
      c3 40-50 ok        r y [2]`,
    good: 'an unknown transaction that never happened has read an element of a failed one',
    goodHistory: `
      c1 0-10 failed     a x 1
      c2 20-30 unknown   r x [1], a y 2
      c3 40-50 ok        r y []`,
  },
  {
    bad: 'an element that nobody appended',
    says: 'garbage: 7 in x [1 7] was appended by nobody',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [1 7]`,
    good: 'an element that somebody appended at the same time',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [1 7]
      c3 25-40 ok  a x 7`,
  },
  {
    bad: 'an element that nobody appended, in the first of many equal reads',
    says: 'garbage: 7 in x [7] was appended by nobody',
    badHistory: `
      c1 0-10 ok   r x [7]
      c2 0-10 ok   r x [7]
      c3 0-10 ok   r x [7], a y 1`,
    good: 'an element in the first of many equal reads',
    goodHistory: `
      c1 0-10 ok   r x [7]
      c2 0-10 ok   r x [7]
      c3 0-10 ok   a x 7, a y 1`,
  },
  {
    bad: 'an element turns up in the list of another key',
    says: 'garbage: 1 in y [1] was appended to x',
    badHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 20-30 ok  r x [1], r y [1]`,
    good: 'each element in the list of its key',
    goodHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 20-30 ok  r x [1], r y [2]`,
  },
  {
    bad: 'an element stands twice, in a row',
    says: 'duplicate: 1 stands twice in x [1 1]',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [1 1]`,
    good: 'elements that look alike, in a row',
    goodHistory: `
      c1 0-10 ok   a x 1, a x 11
      c2 20-30 ok  r x [1 11]`,
  },
  {
    bad: 'an element of an unknown transaction stands twice, far apart, as if it was sent again',
    says: 'duplicate: 1 stands twice in x [1 2 1]',
    badHistory: `
      c1 0-10 unknown  a x 1
      c2 0-10 ok       a x 2
      c3 20-30 ok      r x [1 2 1]`,
    good: 'an element of an unknown transaction stands once',
    goodHistory: `
      c1 0-10 unknown  a x 1
      c2 0-10 ok       a x 2
      c3 20-30 ok      r x [1 2]`,
  },
  {
    bad: 'an element stands twice in the list that its own transaction reads',
    says: 'duplicate: 1 stands twice in x [1 1]',
    badHistory: 'c1 0-10 ok  a x 1, r x [1 1]',
    good: 'a list that its own transaction reads twice',
    goodHistory: 'c1 0-10 ok  a x 1, r x [1], r x [1]',
  },
  {
    bad: 'an element of a failed transaction is read again and again, and nothing is made of the rest of those lists',
    says: 'aborted read: 2 in x [1 2]',
    badHistory: `
      c1 0-10 ok      a x 1
      c2 0-10 failed  a x 2
      c3 0-10 ok      a x 3
      c3 20-30 ok     r x [1 2]
      c4 40-50 ok     r x [1 2]
      c4 60-70 ok     r x [1 3]`,
    good: 'a list is read again and again',
    goodHistory: `
      c1 0-10 ok      a x 1
      c2 0-10 failed  a x 2
      c3 0-10 ok      a x 3
      c3 20-30 ok     r x [1 3]
      c4 40-50 ok     r x [1 3]
      c4 60-70 ok     r x [1 3]`,
  },
  {
    bad: 'the recorder wrote that one element was appended twice',
    says: 'the history itself is wrong, 1 is appended twice',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  a y 1`,
    good: 'two elements',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  a y 2`,
  },
  {
    bad: 'the recorder wrote an end before the start',
    says: 'the history itself is wrong, client 1 (10-9 ms)',
    badHistory: 'c1 10-9 ok  a x 1',
    good: 'a transaction that took no time',
    goodHistory: 'c1 10-10 ok  a x 1',
  },
]);

describePairs('lists that do not agree', [
  {
    bad: 'two readers see two orders',
    says: 'incompatible orders: x is [2 1] in',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 0-10 ok   a x 2
      c3 20-30 ok  r x [1 2]
      c4 20-30 ok  r x [2 1]`,
    good: 'two readers see the order that the clock does not tell',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 0-10 ok   a x 2
      c3 20-30 ok  r x [2 1]
      c4 20-30 ok  r x [2 1]`,
  },
  {
    bad: 'two concurrent readers see different first elements',
    says: 'incompatible orders: x is [2] in',
    badHistory: `
      c1 0-10 ok  a x 1
      c2 0-10 ok  a x 2
      c3 0-10 ok  r x [1]
      c4 0-10 ok  r x [2]`,
    good: 'two concurrent readers see different lengths',
    goodHistory: `
      c1 0-10 ok  a x 1
      c2 0-10 ok  a x 2
      c3 0-10 ok  r x [1]
      c4 0-10 ok  r x [1 2]`,
  },
  {
    bad: 'an element is gone from the middle of a later list',
    says: 'incompatible orders: x is [1 3] in',
    badHistory: `
      c1 0-10 ok   a x 1, a x 2, a x 3
      c2 20-30 ok  r x [1 2 3]
      c3 40-50 ok  r x [1 3]`,
    good: 'an element is at the end of a later list',
    goodHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 20-30 ok  r x [1 2]
      c3 30-45 ok  a x 3
      c4 40-50 ok  r x [1 2 3]`,
  },
  {
    bad: 'the reader of another order is an unknown transaction that happened',
    says: 'incompatible orders: x is',
    badHistory: `
      c1 0-10 ok        a x 1
      c2 0-10 ok        a x 2
      c3 20-30 ok       r x [1 2]
      c4 20-30 unknown  r x [2 1], a y 3
      c5 40-50 ok       r y [3]`,
    good: 'the reader of another order is an unknown transaction that nobody has seen anything of',
    goodHistory: `
      c1 0-10 ok        a x 1
      c2 0-10 ok        a x 2
      c3 20-30 ok       r x [1 2]
      c4 20-30 unknown  r x [2 1], a y 3
      c5 40-50 ok       r y []`,
  },
]);

describePairs('inside of one transaction', [
  {
    bad: 'does not see its own append',
    says: 'internal: it reads x as [] after it appended 1 itself',
    badHistory: 'c1 0-10 ok  a x 1, r x []',
    good: 'sees its own append',
    goodHistory: 'c1 0-10 ok  a x 1, r x [1]',
  },
  {
    bad: 'sees its own append before it makes it',
    says: 'internal: it reads 1 in x [1] before it appends it itself',
    badHistory: 'c1 0-10 ok  r x [1], a x 1',
    good: 'does not see its own append before it makes it',
    goodHistory: 'c1 0-10 ok  r x [], a x 1',
  },
  {
    bad: 'sees its own append before and after it makes it',
    says: 'internal: it reads x as [1] after it read [1] and appended 1 itself',
    badHistory: 'c1 0-10 ok  r x [1], a x 1, r x [1]',
    good: 'sees its own append after it makes it',
    goodHistory: 'c1 0-10 ok  r x [], a x 1, r x [1]',
  },
  {
    bad: 'sees only the second of its appends',
    says: 'internal: it reads x as [2] after it appended 1 2 itself',
    badHistory: 'c1 0-10 ok  a x 1, a x 2, r x [2]',
    good: 'sees both of its appends',
    goodHistory: 'c1 0-10 ok  a x 1, a x 2, r x [1 2]',
  },
  {
    bad: 'sees its appends the wrong way round',
    says: 'internal: it reads x as [2 1] after it appended 1 2 itself',
    badHistory: 'c1 0-10 ok  a x 1, a x 2, r x [2 1]',
    good: 'sees its appends as it makes them',
    goodHistory: 'c1 0-10 ok  a x 1, r x [1], a x 2, r x [1 2]',
  },
  {
    bad: 'sees the append of another come in after its own',
    says: 'internal: it reads x as [1 2] after it appended 1 itself',
    badHistory: `
      c1 0-10 ok  a x 1, r x [1 2]
      c2 0-10 ok  a x 2`,
    good: 'sees the append of another before its own',
    goodHistory: `
      c1 0-10 ok  a x 1, r x [2 1]
      c2 0-10 ok  a x 2`,
  },
  {
    bad: 'reads a key twice and sees it change',
    says: 'internal: it reads x as [1] after it read [] itself',
    badHistory: `
      c1 0-10 ok  r x [], r x [1]
      c2 0-10 ok  a x 1`,
    good: 'reads a key twice and sees it unchanged',
    goodHistory: `
      c1 0-10 ok  r x [1], r x [1]
      c2 0-10 ok  a x 1`,
  },
  {
    bad: 'the list that it appends to has changed since it read it',
    says: 'internal: it reads x as [1 2] after it read [] and appended 2 itself',
    badHistory: `
      c1 0-10 ok  a x 1
      c2 0-10 ok  r x [], a x 2, r x [1 2]`,
    good: 'the list that it appends to has not changed since it read it',
    goodHistory: `
      c1 0-10 ok  a x 1
      c2 0-10 ok  r x [1], a x 2, r x [1 2]`,
  },
  {
    bad: 'reads a list that is garbage, then another, of which nothing is made',
    says: 'garbage: 7 in x [7] was appended by nobody',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [7], r x [], a y 2`,
    good: 'reads a list twice',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [1], r x [1], a y 2`,
  },
  {
    bad: 'an unknown transaction that happened does not see its own append',
    says: 'internal: it reads x as [] after it appended 1 itself',
    badHistory: `
      c1 0-10 unknown  a x 1, r x []
      c2 20-30 ok      r x [1]`,
    good: 'an unknown transaction that never happened does not see its own append',
    goodHistory: `
      c1 0-10 unknown  a x 1, r x []
      c2 20-30 ok      r x []`,
  },
]);

describePairs('two appends of one transaction to one key', [
  {
    bad: 'another reads the list in between',
    says: 'intermediate read: x ends with 1, and 2 was appended together with it',
    badHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 0-10 ok   r x [1]
      c3 20-30 ok  r x [1 2]`,
    good: 'another reads the list before and after',
    goodHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 0-10 ok   r x []
      c3 20-30 ok  r x [1 2]`,
  },
  {
    bad: 'another reads the list in between, and nobody ever reads the rest',
    says: 'intermediate read: x ends with 1, and 2 was appended together with it',
    badHistory: `
      c1 0-10 ok  a x 1, a x 2
      c2 0-10 ok  r x [1]`,
    good: 'the transaction itself reads the list in between',
    goodHistory: `
      c1 0-10 ok  a x 1, r x [1], a x 2
      c2 0-10 ok  r x []`,
  },
  {
    bad: 'another appends to the list in between',
    says: 'intermediate read: x ends with 1, and 2 was appended together with it',
    badHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 0-10 ok   a x 3, r x [1 3]`,
    good: 'another appends to the list after them',
    goodHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 0-10 ok   a x 3, r x [1 2 3]`,
  },
  {
    bad: 'an append of another stands between them',
    says: 'G0: T1 -ww x',
    badHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 0-10 ok   a x 3
      c3 20-30 ok  r x [1 3 2]`,
    good: 'an append of another stands before them',
    goodHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 0-10 ok   a x 3
      c3 20-30 ok  r x [3 1 2]`,
  },
  {
    bad: 'they stand the wrong way round',
    says: 'torn: x holds 2 without 1 before it, in [2 1]',
    badHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 20-30 ok  r x [2 1]`,
    good: 'they stand the right way round although the second has the smaller name',
    goodHistory: `
      c1 0-10 ok   a x 2, a x 1
      c2 20-30 ok  r x [2 1]`,
  },
  {
    bad: 'only the second has stayed',
    says: 'torn: x holds 2 without 1 before it, in [2]',
    badHistory: `
      c1 0-10 ok   a x 1, a x 2
      c2 20-30 ok  r x [2]`,
    good: 'the first was for another key',
    goodHistory: `
      c1 0-10 ok   a y 1, a x 2
      c2 20-30 ok  r x [2]`,
  },
  {
    bad: 'the last two of three have stayed',
    says: 'torn: x holds 2 without 1 before it, in [2 3]',
    badHistory: `
      c1 0-10 ok   a x 1, a x 2, a x 3
      c2 20-30 ok  r x [2 3]`,
    good: 'two of three were for one key and have stayed',
    goodHistory: `
      c1 0-10 ok   a y 1, a x 2, a x 3
      c2 20-30 ok  r x [2 3]`,
  },
  {
    bad: 'of three of an unknown transaction the middle one is left out',
    says: 'torn: x holds 3 without 2 before it, in [1 3]',
    badHistory: `
      c1 0-10 unknown  a x 1, a x 2, a x 3
      c2 20-30 ok      r x [1 3]`,
    good: 'three of an unknown transaction stay together',
    goodHistory: `
      c1 0-10 unknown  a x 1, a x 2, a x 3
      c2 20-30 ok      r x [1 2 3]`,
  },
]);
