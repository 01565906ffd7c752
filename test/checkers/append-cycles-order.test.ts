/** Transactions that cannot have taken place in any order. */
import { describePairs } from './append-cycles-notation.js';

describePairs('cycles of dependencies', [
  {
    bad: 'two writers come after each other, each in one key',
    says: 'G0: T1 -ww',
    badHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 0-10 ok   a x 3, a y 4
      c3 20-30 ok  r x [1 3]
      c3 40-50 ok  r y [4 2]`,
    good: 'two writers come after each other in the same order in both keys',
    goodHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 0-10 ok   a x 3, a y 4
      c3 20-30 ok  r x [1 3]
      c3 40-50 ok  r y [2 4]`,
  },
  {
    bad: 'three writers come after each other in a ring',
    says: 'G0: T1 -ww',
    badHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 0-10 ok   a y 3, a z 4
      c3 0-10 ok   a z 5, a x 6
      c4 20-30 ok  r x [6 1], r y [2 3], r z [4 5]`,
    good: 'three writers come after each other in a row',
    goodHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 0-10 ok   a y 3, a z 4
      c3 0-10 ok   a z 5, a x 6
      c4 20-30 ok  r x [1 6], r y [2 3], r z [4 5]`,
  },
  {
    bad: 'two transactions read from each other',
    says: 'G1c: T1 -wr',
    badHistory: `
      c1 0-10 ok  a x 1, r y [2]
      c2 0-10 ok  a y 2, r x [1]`,
    good: 'one transaction reads from the other',
    goodHistory: `
      c1 0-10 ok  a x 1, r y []
      c2 0-10 ok  a y 2, r x [1]`,
  },
  {
    bad: 'a transaction reads from one that has appended after it',
    says: 'G1c: T1 -wr y 3-> T2 -ww x 2-> T1',
    badHistory: `
      c1 0-10 ok   a x 1, r y [3]
      c2 0-10 ok   a x 2, a y 3
      c3 20-30 ok  r x [1 2]`,
    good: 'a transaction reads from one that has appended before it',
    goodHistory: `
      c1 0-10 ok   a x 1, r y [3]
      c2 0-10 ok   a x 2, a y 3
      c3 20-30 ok  r x [2 1]`,
  },
  {
    bad: 'three transactions read from each other in a ring',
    says: 'G1c: T1 -wr',
    badHistory: `
      c1 0-10 ok  a x 1, r y [2]
      c2 0-10 ok  a y 2, r z [3]
      c3 0-10 ok  a z 3, r x [1]`,
    good: 'three transactions read from each other in a row',
    goodHistory: `
      c1 0-10 ok  a x 1, r y []
      c2 0-10 ok  a y 2, r z [3]
      c3 0-10 ok  a z 3, r x [1]`,
  },
  {
    bad: 'a reader sees one of two keys before and the other after a write to both',
    says: 'G-single: T1 -rw y 2-> T2 -wr x 1-> T1',
    badHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 0-10 ok   r x [1], r y []
      c3 20-30 ok  r y [2]`,
    good: 'a reader sees both keys after a write to both',
    goodHistory: `
      c1 0-10 ok   a x 1, a y 2
      c2 0-10 ok   r x [1], r y [2]
      c3 20-30 ok  r y [2]`,
  },
  {
    bad: 'a reader sees half of a write of which nobody else sees anything',
    says: 'G-single: T1 -rw y 2-> T2 -wr x 1-> T1',
    badHistory: `
      c1 0-10 ok  a x 1, a y 2
      c2 0-10 ok  r x [1], r y []`,
    good: 'a reader sees half of two writes',
    goodHistory: `
      c1 0-5 ok   a x 1
      c2 0-10 ok  r x [1], r y []
      c1 5-10 ok  a y 2`,
  },
  {
    bad: 'two read a list as it was and both append to it',
    says: 'G-single: T1 -rw x 1-> T2 -ww x 2-> T1',
    badHistory: `
      c1 0-10 ok   r x [], a x 1
      c2 0-10 ok   r x [], a x 2
      c3 20-30 ok  r x [1 2]`,
    good: 'two read a list as the other left it and both append to it',
    goodHistory: `
      c1 0-10 ok   r x [], a x 1
      c2 0-10 ok   r x [1], a x 2
      c3 20-30 ok  r x [1 2]`,
  },
  {
    bad: 'two read a list as it was and both append to it, and nobody reads the result',
    says: 'G-single: T1 -rw x 1-> T2 -ww x 2-> T1',
    badHistory: `
      c1 0-10 ok  r x [], a x 1
      c2 0-10 ok  r x [], a x 2`,
    good: 'one reads a list as it was, both append to it, and nobody reads the result',
    goodHistory: `
      c1 0-10 ok  r x [], a x 1
      c2 0-10 ok  a x 2`,
  },
  {
    bad: 'a reader has seen the second of two writes, but not the first, in another key',
    says: 'G-single: T1 -rw x 1-> T2 -wr x 1-> T3 -wr y 2-> T1',
    badHistory: `
      c1 0-90 ok  a x 1
      c2 0-90 ok  r x [1], a y 2
      c3 0-90 ok  r x [], r y [2]`,
    good: 'a reader has seen the first of two writes, but not the second, in another key',
    goodHistory: `
      c1 0-90 ok  a x 1
      c2 0-90 ok  r x [1], a y 2
      c3 0-90 ok  r x [1], r y []`,
  },
  {
    bad: 'two each read what the other appends to, as it was before',
    says: 'G2: T1 -rw',
    badHistory: `
      c1 0-10 ok   r x [], a y 1
      c2 0-10 ok   r y [], a x 2
      c3 20-30 ok  r x [2], r y [1]`,
    good: 'two each read what the other appends to, one of them as it was after',
    goodHistory: `
      c1 0-10 ok   r x [], a y 1
      c2 0-10 ok   r y [1], a x 2
      c3 20-30 ok  r x [2], r y [1]`,
  },
  {
    bad: 'two each read what the other appends to, and nobody reads the results',
    says: 'G2: T1 -rw',
    badHistory: `
      c1 0-10 ok  r x [], a y 1
      c2 0-10 ok  r y [], a x 2`,
    good: 'two each append to what they read',
    goodHistory: `
      c1 0-10 ok  r x [], a x 1
      c2 0-10 ok  r y [], a y 2`,
  },
  {
    bad: 'three miss the append of the next in a ring',
    says: 'G2: T1 -rw',
    badHistory: `
      c1 0-10 ok  r x [], a y 1
      c2 0-10 ok  r y [], a z 2
      c3 0-10 ok  r z [], a x 3`,
    good: 'three miss the append of the next in a row',
    goodHistory: `
      c1 0-10 ok  r x [3], a y 1
      c2 0-10 ok  r y [], a z 2
      c3 0-10 ok  r z [], a x 3`,
  },
  {
    bad: 'eight transactions read from each other in a ring',
    says: 'G1c: T1 -wr',
    badHistory: `
      c1 0-10 ok  a x 1, r y [2]
      c2 0-10 ok  a y 2, r z [3]
      c3 0-10 ok  a z 3, r s [4]
      c4 0-10 ok  a s 4, r t [5]
      c5 0-10 ok  a t 5, r u [6]
      c6 0-10 ok  a u 6, r v [7]
      c7 0-10 ok  a v 7, r w [8]
      c8 0-10 ok  a w 8, r x [1]`,
    good: 'eight transactions read from each other in a row',
    goodHistory: `
      c1 0-10 ok  a x 1, r y [2]
      c2 0-10 ok  a y 2, r z [3]
      c3 0-10 ok  a z 3, r s [4]
      c4 0-10 ok  a s 4, r t [5]
      c5 0-10 ok  a t 5, r u [6]
      c6 0-10 ok  a u 6, r v [7]
      c7 0-10 ok  a v 7, r w [8]
      c8 0-10 ok  a w 8, r x []`,
  },
  {
    bad: 'two miss each other, and one of them has seen what came after the other: that is told',
    says: 'G-single: T1 -rw x 2-> T2 -wr z 3-> T3 -wr s 4-> T1',
    badHistory: `
      c1 0-10 ok  r x [], a y 1, r s [4]
      c2 0-10 ok  r y [], a x 2, a z 3
      c3 0-10 ok  r z [3], a s 4`,
    good: 'one misses another, and that one has seen what came after the first',
    goodHistory: `
      c1 0-10 ok  r x [], a y 1, r s [4]
      c2 0-10 ok  r y [1], a x 2, a z 3
      c3 0-10 ok  r z [], a s 4`,
  },
  {
    bad: 'two writers come after each other and read from each other: one cycle is told',
    says: 'G0: T1 -ww',
    badHistory: `
      c1 0-10 ok   a x 1, a y 2, a s 5, r t [6]
      c2 0-10 ok   a x 3, a y 4, a t 6, r s [5]
      c3 20-30 ok  r x [1 3]
      c3 40-50 ok  r y [4 2]`,
    good: 'two writers come after each other in one order, and the later reads from the earlier',
    goodHistory: `
      c1 0-10 ok   a x 1, a y 2, a s 5, r t []
      c2 0-10 ok   a x 3, a y 4, a t 6, r s [5]
      c3 20-30 ok  r x [1 3]
      c3 40-50 ok  r y [2 4]`,
  },
  {
    bad: 'two readers see two independent writes in two orders',
    says: 'G2: T1 -rw',
    badHistory: `
      c1 0-90 ok  a x 1
      c2 0-90 ok  a y 2
      c3 0-90 ok  r x [1], r y []
      c4 0-90 ok  r x [], r y [2]`,
    good: 'two readers see two independent writes in one order',
    goodHistory: `
      c1 0-90 ok  a x 1
      c2 0-90 ok  a y 2
      c3 0-90 ok  r x [1], r y []
      c4 0-90 ok  r x [1], r y [2]`,
  },
]);

describePairs('cycles that take the clock', [
  {
    bad: 'a read that began later sees less',
    says: 'G-single in real time: T1 -rw x 1-> T2 -clock-> T1',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [1]
      c3 40-50 ok  r x []`,
    good: 'a read that ended later sees less',
    goodHistory: `
      c1 0-40 ok   a x 1
      c2 20-30 ok  r x [1]
      c3 30-50 ok  r x []`,
  },
  {
    bad: 'of two readers of an append that is still under way the later sees nothing',
    says: 'G-single in real time: T1 -rw x 1-> T2 -wr x 1-> T3 -clock-> T1',
    badHistory: `
      c1 0-90 ok   a x 1
      c2 20-30 ok  r x [1]
      c3 40-50 ok  r x []`,
    good: 'of two readers of an append that is still under way the earlier sees nothing',
    goodHistory: `
      c1 0-90 ok   a x 1
      c2 20-30 ok  r x []
      c3 40-50 ok  r x [1]`,
  },
  {
    bad: 'the later of two appends stands first',
    says: 'G0 in real time: T1 -ww x 1-> T2 -clock-> T1',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  a x 2
      c3 40-50 ok  r x [2 1]`,
    good: 'the one of two overlapping appends that began later stands first',
    goodHistory: `
      c1 0-20 ok   a x 1
      c2 20-30 ok  a x 2
      c3 40-50 ok  r x [2 1]`,
  },
  {
    bad: 'an element is read before it is appended',
    says: 'G1c in real time: T1 -wr x 1-> T2 -clock-> T1',
    badHistory: `
      c1 0-10 ok   r x [1]
      c2 20-30 ok  a x 1`,
    good: 'an element is read before the answer to its append',
    goodHistory: `
      c1 0-20 ok   r x [1]
      c2 20-90 ok  a x 1`,
  },
  {
    bad: 'one client reads, then writes, and is overtaken by its own write',
    says: 'G1c in real time: T1 -wr x 1-> T2 -client-> T1',
    badHistory: `
      c1 0-10 ok   r x [1]
      c1 10-20 ok  a x 1`,
    good: 'one client reads what another then writes, in the same millisecond',
    goodHistory: `
      c1 0-10 ok   r x [1]
      c2 10-20 ok  a x 1`,
  },
  {
    bad: 'an append is overtaken by one that began later, as a third key shows',
    says: 'in real time',
    badHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [1], a y 2
      c3 40-50 ok  a z 3
      c4 0-60 ok   r y [], r z [3]`,
    good: 'a long reader sees both keys as they were between two appends',
    goodHistory: `
      c1 0-10 ok   a x 1
      c2 20-30 ok  r x [1], a y 2
      c3 40-50 ok  a z 3
      c4 0-60 ok   r y [2], r z []`,
  },
  {
    bad: 'a long transaction is before the first and after the second of two short ones',
    says: 'in real time: T1 -rw y 2-> T2 -clock-> T3 -wr z 3-> T1',
    badHistory: `
      c1 0-90 ok   r y [], r z [3]
      c2 10-20 ok  a y 2
      c3 30-40 ok  a z 3`,
    good: 'a long transaction is after the first and before the second of two short ones',
    goodHistory: `
      c1 0-90 ok   r y [2], r z []
      c2 10-20 ok  a y 2
      c3 30-40 ok  a z 3`,
  },
  {
    bad: 'two writes miss each other, with a read from the second before the first began',
    says: 'in real time',
    badHistory: `
      c1 20-30 ok  r x [], a y 1
      c2 0-90 ok   a x 2
      c3 0-10 ok   r x [2]`,
    good: 'a write misses another, with a read from that one after it began',
    goodHistory: `
      c1 20-30 ok  r x [], a y 1
      c2 0-90 ok   a x 2
      c3 30-40 ok  r x [2]`,
  },
  {
    bad: 'two reads are stale, one of them more plainly: that one is told',
    says: 'G-single in real time: T1 -rw y 2-> T2 -clock-> T1',
    badHistory: `
      c1 0-9 unknown  a x 1
      c2 10-20 ok     r x [1]
      c3 40-50 ok     a y 2
      c4 52-55 ok     r y [2]
      c4 60-70 ok     r y []
      c2 100-110 ok   r x []`,
    good: 'two reads see little, neither of them too little',
    goodHistory: `
      c1 0-9 unknown  a x 1
      c2 10-20 ok     r x []
      c3 40-60 ok     a y 2
      c4 52-55 ok     r y []
      c4 60-70 ok     r y []
      c2 100-110 ok   r x [1]`,
  },
  {
    bad: 'a ring of reads, which is told even though the clock alone would show that something is wrong',
    says: 'G1c: T1 -wr',
    badHistory: `
      c1 0-10 ok    a x 1, r y [2]
      c2 20-30 ok   a y 2, r z [3]
      c3 40-50 ok   a z 3, r x [1]`,
    good: 'a row of reads',
    goodHistory: `
      c1 0-10 ok    a x 1, r y []
      c2 20-30 ok   a y 2, r z []
      c3 40-50 ok   a z 3, r x [1]`,
  },
  {
    bad: 'a large ring of reads, of which the part is told that the clock shows',
    says: 'G1c in real time: T1 -wr w 8-> T2 -clock-> T1',
    badHistory: `
      c1 0-10 ok   a x 1, r y [2]
      c2 0-10 ok   a y 2, r z [3]
      c3 0-10 ok   a z 3, r s [4]
      c4 0-10 ok   a s 4, r t [5]
      c5 0-10 ok   a t 5, r u [6]
      c6 0-10 ok   a u 6, r v [7]
      c7 0-10 ok   a v 7, r w [8]
      c8 20-30 ok  a w 8, r x [1]`,
    good: 'a long row of reads, which the clock allows',
    goodHistory: `
      c1 0-10 ok   a x 1, r y [2]
      c2 0-10 ok   a y 2, r z [3]
      c3 0-10 ok   a z 3, r s [4]
      c4 0-10 ok   a s 4, r t [5]
      c5 0-10 ok   a t 5, r u [6]
      c6 0-10 ok   a u 6, r v [7]
      c7 0-10 ok   a v 7, r w []
      c8 20-30 ok  a w 8, r x [1]`,
  },
  {
    bad: 'many calls lie between an append and the read that misses it',
    says: 'G-single in real time: T1 -rw x 1-> T2 -clock-> T1',
    badHistory: `
      c1 0-1 ok    a x 1
      c2 2-3 ok    r x [1], a y 2
      c3 4-5 ok    r y [2], a z 3
      c2 6-7 ok    r z [3]
      c3 8-9 ok    r y [2]
      c1 10-11 ok  r x []`,
    good: 'many calls lie between an append and the read that sees it',
    goodHistory: `
      c1 0-1 ok    a x 1
      c2 2-3 ok    r x [1], a y 2
      c3 4-5 ok    r y [2], a z 3
      c2 6-7 ok    r z [3]
      c3 8-9 ok    r y [2]
      c1 10-11 ok  r x [1]`,
  },
]);
