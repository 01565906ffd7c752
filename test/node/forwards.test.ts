import { describe, expect, it } from 'vitest';
import { SeenForwards, type ForwardKey } from '../../server/node/forwards.js';
import { LIMITS } from '../../server/node/limits.js';

const BORN = 3;
const key = (parts: Partial<ForwardKey> = {}): ForwardKey => ({ term: 5, from: 2n, boot: 1, attempt: 1, ...parts });

describe('a leader', () => {
  it('takes each forward once, in whatever order they come', () => {
    const seen = new SeenForwards(BORN);
    for (const attempt of [3, 1, 2]) expect(seen.isNew(key({ attempt }))).toBe(true);
    for (const attempt of [1, 2, 3]) expect(seen.isNew(key({ attempt }))).toBe(false);
    expect(seen.isNew(key({ attempt: 4 }))).toBe(true);
  });

  it('tells members apart', () => {
    const seen = new SeenForwards(BORN);
    expect(seen.isNew(key({ from: 2n }))).toBe(true);
    expect(seen.isNew(key({ from: 3n }))).toBe(true);
  });

  it('takes the numbers of a new life of a member, and none of an earlier life after that', () => {
    const seen = new SeenForwards(BORN);
    expect(seen.isNew(key({ boot: 1, attempt: 7 }))).toBe(true);
    expect(seen.isNew(key({ boot: 2, attempt: 7 }))).toBe(true);
    expect(seen.isNew(key({ boot: 1, attempt: 8 }))).toBe(false);
    expect(seen.isNew(key({ boot: 2, attempt: 7 }))).toBe(false);
  });

  it('starts afresh in a new term: a number of the old one is for the old one only', () => {
    const seen = new SeenForwards(BORN);
    expect(seen.isNew(key({ term: 5 }))).toBe(true);
    expect(seen.isNew(key({ term: 6 }))).toBe(true);
    expect(seen.isNew(key({ term: 6 }))).toBe(false);
  });

  it('remembers a window of numbers, and takes nothing older: it cannot know any more', () => {
    const seen = new SeenForwards(BORN);
    const window = LIMITS.forwardWindow;
    expect(seen.isNew(key({ attempt: 2 * window }))).toBe(true);
    expect(seen.isNew(key({ attempt: window }))).toBe(false);
    expect(seen.isNew(key({ attempt: window + 1 }))).toBe(true);
    expect(seen.isNew(key({ attempt: window + 1 }))).toBe(false);
  });

  it('never takes one twice nor refuses a fresh one inside the window, over far more than the window holds', () => {
    const seen = new SeenForwards(BORN);
    const last = 3 * LIMITS.forwardWindow;
    for (let attempt = 1; attempt <= last; attempt += 1) {
      if (!seen.isNew(key({ attempt }))) throw new Error(`${attempt} was refused`);
    }
    for (let attempt = 1; attempt <= last; attempt += 997) expect(seen.isNew(key({ attempt }))).toBe(false);
  });
});

describe('a member that does not lead the term of a forward is certain that it never took it', () => {
  const cases: readonly (readonly [string, Partial<ForwardKey>, boolean])[] = [
    ['of a term later than every one it led', { term: 6 }, true],
    ['of the last term it led, when it is not among those it saw', { attempt: 2 }, true],
    ['of the last term it led, from a member it never heard of', { from: 9n }, true],
    ['of the last term it led, from a later life of a member', { boot: 2 }, true],
    ['but not when it saw it', {}, false],
    ['but not from an earlier life of a member, whose numbers it has forgotten', { boot: 0, attempt: 99 }, false],
    ['but not of an earlier term, whose numbers it has forgotten', { term: 4, attempt: 99 }, false],
    ['but not of a term in which an earlier life of its own may have led', { term: BORN, attempt: 99 }, false],
  ];
  for (const [name, parts, isCertain] of cases) {
    it(name, () => {
      const seen = new SeenForwards(BORN);
      seen.isNew(key());
      expect(seen.isCertainlyNotTaken(key(parts))).toBe(isCertain);
    });
  }

  it('whatever it saw, when it saw it: certainty and having taken it exclude each other', () => {
    const seen = new SeenForwards(BORN);
    const taken: ForwardKey[] = [];
    for (let step = 0; step < 500; step += 1) {
      const next = key({ term: 4 + Math.floor(step / 100), boot: 1 + (step % 3), attempt: 1 + ((step * 7) % 50) });
      if (seen.isNew(next)) taken.push(next);
    }
    expect(taken.length).toBeGreaterThan(100);
    for (const one of taken) expect(seen.isCertainlyNotTaken(one)).toBe(false);
  });
});
