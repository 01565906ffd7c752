/** What compaction refuses, and what it must not. */
import { describeNeighbours } from './kv-story.js';

/** a was written at 2, 3, 4 and 5. */
const four = `
      put a=w -> 2
      put a=x -> 3
      put a=y -> 4
      put a=z -> 5`;

describeNeighbours('reads below a compacted revision', [
  {
    good: 'a read below the compacted revision is refused',
    history: `${four}
      compact 4 -> 5
      get a at 3 -> {COMPACTED|5 [a=x@3/2/2]}`,
    bad: { 'a read below the compacted revision is answered': 'although revisions below 4 were gone before it began' },
  },
  {
    good: 'the compacted revision itself can be read',
    history: `${four}
      compact 4 -> 5
      get a at {4|3} -> 5 [a={y@4/2/3|x@3/2/2}]`,
    bad: { 'the last revision before the compacted one is read': 'although revisions below 4 were gone' },
  },
  {
    good: 'the compacted revision is not refused',
    history: `${four}
      compact 4 -> 5
      get a at {3|4} -> COMPACTED`,
    bad: { 'the compacted revision is refused': 'nobody had compacted up to 5 by then' },
  },
  {
    good: 'a read before the compaction is answered',
    history: `
      ${four}
      c1 100-110 compact 4 -> 5
      c2 {90|111}-120 get a at 3 -> 5 [a=x@3/2/2]`,
    bad: {
      'a read that began after the compaction is answered': 'although revisions below 4 were gone before it began',
    },
  },
  {
    good: 'a read after a revision that came after the compaction is refused',
    history: `${four}
      c1 100-190 compact 4 -> 5
      c2 110-120 put b=v -> 6
      c3 110-190 get a at 3 -> {COMPACTED|6 [a=x@3/2/2]}`,
    bad: {
      'a read is answered from a revision after the one that the compaction took place at':
        'the call must be refused as COMPACTED',
    },
  },
  {
    good: 'a read of now is never compacted',
    history: `${four}
      compact 5 -> 5
      get a -> {5 [a=z@5/2/4]|COMPACTED}`,
    bad: { 'a read of now is refused': 'nobody had compacted up to Infinity by then' },
  },
  {
    good: 'a serializable read of a member that lags may still be answered',
    history: `${four}
      compact 4 -> 5
      {peek|get} a at 3 -> {4|5} [a=x@3/2/2]`,
    bad: { 'a linearizable read of the same may not': 'although revisions below 4 were gone' },
  },
  {
    good: 'a serializable read of a member that lags knows nothing of a compaction to come',
    history: `${four}
      compact 4 -> 5
      put b=v -> 6
      peek a at 3 -> {5|6} [a=x@3/2/2]`,
    bad: { 'a serializable read from after the compaction is answered': 'the call must be refused as COMPACTED' },
  },
  {
    good: 'a refused read tells that an unknown compaction happened',
    history: `${four}
      compact 4 -> ?
      get a at 2 -> COMPACTED
      get a at {4|3} -> 5 [a={y@4/2/3|x@3/2/2}]`,
    bad: {
      'what only the unknown compaction can have refused shows how far it went': 'although revisions below 4 were gone',
    },
  },
  {
    good: 'an unknown compaction that nobody noticed need not have happened',
    history: `${four}
      compact 4 -> ?
      get a at 2 -> {5 [a=w@2]|COMPACTED}
      get a at 2 -> 5 [a=w@2]`,
    bad: { 'what a refused read told is forgotten': 'although revisions below 4 were gone before it began' },
  },
  {
    good: 'a refused read tells nothing of compactions that began after it',
    history: `${four}
      compact 5 -> ?
      get a at 2 -> COMPACTED
      compact 3 -> ?
      get a at {5|4} -> 5 [a={z@5/2/4|y@4/2/3}]`,
    bad: { 'what only the first compaction can have refused shows how far it went': 'revisions below 5 were gone' },
  },
  {
    good: 'the compacted revision can be read at later revisions, too',
    history: `${four}
      compact 4 -> 5
      put b=v -> 6
      get a at {4|3} -> 6 [a={y@4/2/3|x@3/2/2}]`,
    bad: {
      'the last revision before the compacted one is read at a later one': 'the call must be refused as COMPACTED',
    },
  },
  {
    good: 'a transaction that reads below the compacted revision is refused as a whole',
    history: `${four}
      compact 4 -> 5
      txn then put b=v; get a at 3 else - -> {COMPACTED|6 yes ok; [a=x@3/2/2]}
      get b -> {5|6} [{|b=v@6}]`,
    bad: { 'a transaction reads below the compacted revision': 'the call must be refused as COMPACTED' },
  },
]);

describeNeighbours('COMPACTED', [
  {
    good: 'COMPACTED is told when somebody compacts',
    history: `${four}
      c1 100-190 compact {4|3} -> 5
      c2 110-120 get a at 3 -> COMPACTED`,
    bad: { 'COMPACTED is told of a revision that nobody compacts': 'nobody had compacted up to 4 by then' },
  },
  {
    good: 'COMPACTED is told not before somebody compacts',
    history: `${four}
      c1 {100|130}-190 compact 4 -> 5
      c2 110-120 get a at 3 -> COMPACTED`,
    bad: { 'COMPACTED is told before the compaction began': 'nobody had compacted up to 4 by then' },
  },
  {
    good: 'an unknown compaction explains COMPACTED',
    history: `${four}
      compact 4 -> {?|NO_LEADER|FUTURE_REVISION}
      get a at 3 -> COMPACTED`,
    bad: {
      'a failed compaction does not explain COMPACTED': 'nobody had compacted up to 4 by then',
      'a refused compaction does not explain COMPACTED': 'nobody had compacted up to 4 by then',
    },
  },
  {
    good: 'a serializable read is refused when somebody compacts',
    history: `${four}
      {compact 4 -> 5|}
      peek a at 3 -> COMPACTED`,
    bad: { 'a serializable read is refused though nobody ever compacted': 'nobody had compacted up to 4 by then' },
  },
  {
    good: 'a second compaction to the same revision is refused',
    history: `${four}
      compact 4 -> 5
      compact {4|4|5} -> {COMPACTED|5|COMPACTED}`,
    bad: {
      'a second compaction to the same revision is carried out': 'answered, although revisions below 4 were gone',
      'a compaction that goes further is refused': 'nobody had compacted up to 5 by then',
    },
  },
  {
    good: 'compactions at the same time are carried out in order',
    history: `${four}
      c1 100-190 compact 4 -> {6|5|5}
      c2 100-190 compact {3|3|4} -> {5|6|5}
      c3 100-110 put b=v -> 6`,
    bad: {
      'a compaction of an earlier revision takes place at a later one': 'the call must be refused as COMPACTED',
      'two compactions to the same revision are carried out': 'the call must be refused as COMPACTED',
    },
  },
  {
    good: 'compactions at the same time and revision are carried out in some order',
    history: `${four}
      c1 100-190 compact 4 -> 5
      c2 {100|191}-195 compact 3 -> 5`,
    bad: { 'a compaction begins after one that went further': 'answered, although revisions below 4 were gone' },
  },
  {
    good: 'a compaction changes nothing that is there',
    history: `${four}
      compact 5 -> {5|6}
      get a -> {5|6|5} [{a=z@5/2/4|a=z@5/2/4|}]`,
    bad: {
      'a compaction takes a revision': 'revision 6 was made by no call',
      'a compaction takes a key': 'it shows nothing, not a=z',
    },
  },
  {
    good: 'a put is not refused as COMPACTED',
    history: `${four}
      compact 4 -> 5
      put a=v -> {6|COMPACTED}`,
    bad: { 'a put is refused as COMPACTED': 'nobody had compacted up to Infinity by then' },
  },
]);

describeNeighbours('FUTURE_REVISION', [
  {
    good: 'a read of a revision to come is refused',
    history: `${four}
      get a at {6|5} -> FUTURE_REVISION`,
    bad: {
      'a read of the current revision is refused': 'revision 5 had been seen before it began, by client 1: put a=z',
    },
  },
  {
    good: 'a read of a revision that is being made may be refused',
    history: `${four}
      c1 100-190 put a=v -> 6
      c2 {110|191}-195 get a at 6 -> FUTURE_REVISION`,
    bad: { 'a read of a revision that was made is refused': 'revision 6 had been seen before it began' },
  },
  {
    good: 'a read of a revision that an unknown put may not have made yet is refused',
    history: `${four}
      put a=v -> ?
      {|get a -> 6 [a=v@6/2/5]}
      get a at 6 -> FUTURE_REVISION`,
    bad: { 'a read of a revision that was seen is refused': 'revision 6 had been seen before it began' },
  },
  {
    good: 'a serializable read of a member that lags is refused',
    history: `${four}
      {peek|get} a at 5 -> FUTURE_REVISION`,
    bad: { 'a linearizable read of the same is refused': 'revision 5 had been seen before it began' },
  },
  {
    good: 'a serializable read of a revision that its member does not have yet is not answered',
    history: `${four}
      peek a at {3|4} -> 3 [a=x@3/2/2]`,
    bad: {
      'a serializable read of a revision that its member does not have yet is answered':
        'must be refused as FUTURE_REVISION',
    },
  },
  {
    good: 'a compaction of a revision to come is refused',
    history: `${four}
      compact {6|5|6} -> {FUTURE_REVISION|FUTURE_REVISION|5}`,
    bad: {
      'a compaction of the current revision is refused': 'revision 5 had been seen before it began',
      'a compaction of a revision to come is carried out': 'the call must be refused as FUTURE_REVISION',
    },
  },
  {
    good: 'a transaction that reads a revision to come is refused',
    history: `${four}
      txn then get a at {6|5} else - -> FUTURE_REVISION`,
    bad: { 'a transaction that reads the current revision is refused': 'revision 5 had been seen before it began' },
  },
  {
    good: 'in an empty store the first revision can be read, and no other',
    history: 'get a at {2|1} -> FUTURE_REVISION',
    bad: { 'in an empty store the first revision cannot be read': 'revision 1 was there from the beginning' },
  },
  {
    good: 'a store that began at 10 has a revision 10, and no other',
    history: `
      first 10
      compact {11|10} -> FUTURE_REVISION`,
    bad: {
      'in a store that began at 10 the first revision cannot be compacted': 'revision 10 was there from the beginning',
    },
  },
  {
    good: 'a compaction tells of a revision, too',
    history: `
      put a=x -> ?
      put a=y -> ?
      compact 3 -> ?
      get a at 2 -> COMPACTED
      get a at {4|3} -> FUTURE_REVISION`,
    bad: { 'a revision that was compacted is still to come': 'revision 3 had been seen before it began' },
  },
  {
    good: 'nobody who reads after a compaction is behind it',
    history: `
      put a=x -> ?
      put a=y -> ?
      compact 3 -> ?
      get a at 2 -> COMPACTED
      get a -> {3|2} [a={y@3/2/2|x@2}]`,
    bad: { 'a read after a compaction is behind it': 'answered from revision 2, although revision 3 had been seen' },
  },
]);
