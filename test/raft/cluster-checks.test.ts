/** A check that cannot fail proves nothing: every one of them is shown a violation here. */
import { describe, expect, test } from 'vitest';
import type { Entry, Message, Term } from '../../server/raft/types.js';
import { ClusterChecks } from './cluster-checks.js';
import type { DiskImage } from './fake-disk.js';
import { statusWith } from './statuses.js';

const conf = { voters: [1n, 2n, 3n], learners: [] };

function entry(term: number, index: number, byte = 0): Entry {
  return { kind: 'normal', term, index, data: new Uint8Array([byte]) };
}

function disk(terms: readonly Term[], term = 1, vote = 0n): DiskImage {
  return {
    hardState: { term, vote, commit: 0 },
    start: { term: 0, index: 0, conf },
    entries: terms.map((each, place) => entry(each, place + 1)),
    appliedIndex: 0,
  };
}

function logOf(terms: readonly Term[]): { termAt(index: number): Term | undefined } {
  return { termAt: (index) => (index === 0 ? 0 : terms[index - 1]) };
}

/** Members 1, 2, ... with these disks. */
function checksOn(...disks: readonly DiskImage[]): ClusterChecks {
  return new ClusterChecks((id) => disks[Number(id) - 1]);
}

function vote(from: bigint, to: bigint, term: Term): Message {
  return { type: 'voteResponse', from, to, term, pre: false, granted: true };
}

function accepted(from: bigint, index: number, term: Term): Message {
  return { type: 'appendResponse', from, to: 9n, term, accepted: true, index, hintIndex: 0, hintTerm: 0 };
}

describe('leaders', () => {
  test('two leaders in one term', () => {
    const checks = checksOn();
    checks.observe(logOf([]), undefined, statusWith({ id: 1n, role: 'leader', term: 3 }));
    checks.observe(logOf([]), undefined, statusWith({ id: 1n, role: 'leader', term: 3 }));
    checks.observe(logOf([]), undefined, statusWith({ id: 2n, role: 'leader', term: 4 }));
    expect(() => checks.observe(logOf([]), undefined, statusWith({ id: 2n, role: 'leader', term: 3 }))).toThrow(
      'two leaders in one term',
    );
  });

  test.each([{ terms: [1] }, { terms: [1, 3] }])('a leader without a committed entry ($terms)', ({ terms }) => {
    const checks = checksOn(disk([1, 2]));
    checks.assumeCommitted(disk([1, 2]), 2);
    const leader = statusWith({ id: 2n, role: 'leader', term: 3, lastIndex: terms.length });
    expect(() => checks.observe(logOf(terms), undefined, leader)).toThrow('a leader lacks a committed entry');
  });

  test('but an entry that a later term committed is none that an earlier leader could have', () => {
    const checks = checksOn(disk([1, 4]), disk([1, 4]));
    const committed = statusWith({ term: 4, commitIndex: 2, lastIndex: 2 });
    checks.observe(logOf([1, 4]), statusWith({ term: 4, lastIndex: 2 }), committed);
    const late = statusWith({ id: 3n, role: 'leader', term: 3, lastIndex: 1 });
    expect(() => checks.observe(logOf([1]), undefined, late)).not.toThrow();
    expect(() => checks.observe(logOf([1]), undefined, { ...late, term: 5 })).toThrow(
      'a leader lacks a committed entry',
    );
  });
});

describe('commits', () => {
  const before = statusWith({ commitIndex: 0, lastIndex: 2 });
  const after = statusWith({ commitIndex: 2, lastIndex: 2 });

  test('with a quorum of disks behind it', () => {
    expect(() => checksOn(disk([1, 1]), disk([1, 1]), disk([])).observe(logOf([1, 1]), before, after)).not.toThrow();
  });

  test.each([
    { name: 'one disk of three', disks: [disk([1, 1]), disk([1]), disk([])] },
    { name: 'another entry at that index', disks: [disk([1, 1]), disk([1, 2]), disk([1, 2])] },
    { name: 'a disk of somebody who does not vote', disks: [disk([1, 1]), disk([]), disk([]), disk([1, 1])] },
  ])('without a durable quorum: $name', ({ disks }) => {
    expect(() => checksOn(...disks).observe(logOf([1, 1]), before, after)).toThrow(
      'committed without a durable quorum',
    );
  });

  test('two entries at one index', () => {
    const checks = checksOn(disk([1, 1]), disk([1, 1]));
    checks.observe(logOf([1, 1]), before, after);
    expect(() => checks.observe(logOf([1, 2]), before, after)).toThrow('two entries committed at one index');
  });
});

describe('promises', () => {
  test.each([
    { name: 'not saved', saved: disk([], 0) },
    { name: 'the vote of another term', saved: disk([], 1, 2n) },
    { name: 'for somebody else', saved: disk([], 3, 1n) },
  ])('a vote that is not durable: $name', ({ saved }) => {
    expect(() => checksOn(saved).sent(vote(1n, 2n, 3))).toThrow('a vote leaves before it is durable');
  });

  test('two votes in one term, even when a crash lost the first', () => {
    let image = disk([], 3, 2n);
    const checks = new ClusterChecks(() => image);
    checks.sent(vote(1n, 2n, 3));
    checks.sent(vote(1n, 2n, 3));
    image = disk([], 3, 3n);
    expect(() => checks.sent(vote(1n, 3n, 3))).toThrow('two votes in one term');
  });

  test('an accepted append that is not durable, or in a term that is not', () => {
    const checks = checksOn(disk([1, 1], 1));
    checks.sent(accepted(1n, 2, 1));
    expect(() => checks.sent(accepted(1n, 3, 1))).toThrow('before it is durable');
    expect(() => checks.sent(accepted(1n, 2, 2))).toThrow('a term that is not durable');
  });
});

describe('state machines', () => {
  test('applying what is not committed, or not what is', () => {
    const checks = checksOn(disk([1, 1]));
    checks.assumeCommitted(disk([1]), 1);
    checks.applied(1n, entry(1, 1));
    expect(() => checks.applied(1n, entry(1, 2))).toThrow('not committed');
    expect(() => checks.applied(1n, entry(2, 1))).toThrow('not committed');
  });

  test('applying before it is durable here', () => {
    const checks = checksOn(disk([1, 1]), disk([]));
    checks.assumeCommitted(disk([1]), 1);
    expect(() => checks.applied(2n, entry(1, 1))).toThrow('before it is durable');
  });

  test('two entries under one id', () => {
    const checks = checksOn();
    checks.saved([entry(1, 1, 7)]);
    checks.saved([entry(1, 1, 7)]);
    expect(() => checks.saved([entry(1, 1, 8)])).toThrow('two entries under one id');
  });

  test('a snapshot of what is not committed', () => {
    const checks = checksOn();
    checks.assumeCommitted(disk([1, 1]), 1);
    checks.installed(1n, { term: 1, index: 1, conf });
    expect(() => checks.installed(1n, { term: 1, index: 2, conf })).toThrow('a snapshot of what is not committed');
  });

  test.each([
    { one: [1, 1, 2], other: [1, 1, 2], isFine: true },
    { one: [1, 1, 2], other: [1, 3], isFine: true },
    { one: [1, 2, 3], other: [1, 1, 3], isFine: false },
  ])('logs $one and $other match: $isFine', ({ one, other, isFine }) => {
    const check = () => checksOn(disk(one), disk(other)).checkLogsMatch([1n, 2n]);
    if (isFine) expect(check).not.toThrow();
    else expect(check).toThrow('logs differ below an equal entry');
  });
});

describe('reads', () => {
  test('an answer from before the question', () => {
    const checks = checksOn(disk([1, 1]), disk([1, 1]));
    checks.assumeCommitted(disk([1, 1]), 2);
    checks.readRequested(1n, 5);
    expect(() => checks.readAnswered(1n, { token: 5, index: 1 })).toThrow('a stale read');
    checks.readAnswered(1n, { token: 5, index: 2 });
  });

  test('a token that is used twice', () => {
    const checks = checksOn();
    checks.readRequested(1n, 5);
    checks.readRequested(2n, 5);
    expect(() => checks.readRequested(1n, 5)).toThrow('a read token is used twice');
  });
});
