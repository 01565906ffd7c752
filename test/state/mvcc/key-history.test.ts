/** A key's history against a plain list of its writes, and the drawn example of the compaction rule. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../server/lib/random.js';
import { KeyHistory, STRIDE } from '../../../server/state/mvcc/key-history.js';
import { tombstone } from '../../../server/state/mvcc/revision-writer.js';
import type { KeyValue, Revision } from '../../../server/state/result.js';

const SEED = Number(process.env['QUORATE_SEED'] ?? 1);

interface Write {
  readonly main: number;
  readonly sub: number;
  readonly kv: KeyValue;
}

/** One letter for each write: p(ut), d(elete), in revisions of their own, or joined to the one before by '+'. */
function writesOf(letters: string, from = 4): Write[] {
  const writes: Write[] = [];
  let [main, sub, version, create] = [from - 1, 0, 0, 0];
  for (const letter of letters) {
    if (letter === '+') continue;
    const joined = letters[letters.indexOf(letter) - 1] === '+';
    [main, sub] = joined ? [main, sub + 1] : [main + 1, 0];
    if (letter === 'd') version = 0;
    else [version, create] = version === 0 ? [1, main] : [version + 1, create];
    const kv = { key: 'k', value: `v${main}`, createRevision: create, modRevision: main, version, lease: 0n };
    writes.push({ main, sub, kv: letter === 'd' ? tombstone('k', main) : kv });
  }
  return writes;
}

function historyOf(writes: readonly Write[]): KeyHistory {
  const [first, ...rest] = writes;
  if (first === undefined) throw new Error('a history has a write');
  const history = new KeyHistory(first.kv, first.sub);
  for (const { kv, sub } of rest) history.append(kv, sub);
  return history;
}

/** What is visible at `at`, by looking through the list. */
function seenAt(writes: readonly Write[], at: Revision): object | undefined {
  const write = writes.findLast(({ main, sub }) => main < at.main || (main === at.main && sub <= at.sub));
  if (write === undefined || write.kv.version === 0) return undefined;
  const { key, createRevision, modRevision, version } = write.kv;
  return { key, createRevision, modRevision, version };
}

/** What the compaction rule keeps, by looking through the list. */
function keptAfter(writes: readonly Write[], bound: number): Write[] {
  const newest = writes.findLast(({ main }) => main <= bound);
  return writes.filter((write) => write.main >= bound || (write === newest && write.kv.version !== 0));
}

function at(history: KeyHistory, point: Revision): object | undefined {
  const seen = history.at(point);
  if (seen === undefined) return undefined;
  const { key, createRevision, modRevision, version } = seen;
  return { key, createRevision, modRevision, version };
}

describe('a key history', () => {
  // put@4 put@5 delete@6 put@7
  const writes = writesOf('ppdp');

  it('tells what was there at each revision', () => {
    const history = historyOf(writes);
    const seen = [3, 4, 5, 6, 7, 99].map((main) => history.at({ main, sub: Infinity })?.modRevision);
    expect(seen).toEqual([undefined, 4, 5, undefined, 7, 7]);
    expect(history.at({ main: 5, sub: 0 })).toEqual({
      key: 'k',
      createRevision: 4,
      modRevision: 5,
      version: 2,
      sub: 0,
    });
    expect(history.at({ main: 7, sub: 0 })).toBe(history.live);
  });

  it.each([
    [3, [4, 5, 6, 7]],
    [4, [4, 5, 6, 7]],
    [5, [5, 6, 7]],
    [6, [6, 7]], // the delete at 6 stays, so that a watch from 6 sees it
    [7, [7]],
    [8, [7]],
  ])('compacted at %i keeps %j', (bound, kept) => {
    const history = historyOf(writes);
    expect(writes.filter((write) => history.keeps(write, bound)).map(({ main }) => main)).toEqual(kept);
    const gone = history.compact(bound).filter((_, index) => index % STRIDE === 0);
    expect([...gone, ...kept]).toEqual([4, 5, 6, 7]);
    expect(history.isGone(bound)).toBe(false);
  });

  it('of a deleted key goes as a whole once the delete itself is behind', () => {
    const history = historyOf(writesOf('pd'));
    expect([history.isGone(5), history.compact(5)]).toEqual([false, [4, 0, 1]]);
    expect([history.isGone(6), history.compact(6)]).toEqual([true, [5, 0, 0]]);
    expect(history.keeps({ main: 5, sub: 0 }, 6)).toBe(false);
  });

  it('may have a key written twice in one revision', () => {
    // delete@5,0 and put@5,1, as a txn does that deletes from a key on and then puts.
    const [first] = writesOf('p');
    if (first === undefined) throw new Error('no write');
    const again = { main: 5, sub: 1, kv: { ...first.kv, createRevision: 5, modRevision: 5 } };
    const history = historyOf([first, { main: 5, sub: 0, kv: tombstone('k', 5) }, again]);
    expect(at(history, { main: 5, sub: 0 })).toBeUndefined();
    expect(at(history, { main: 5, sub: 1 })).toMatchObject({ modRevision: 5, version: 1 });
    expect(history.keeps({ main: 5, sub: 0 }, 5)).toBe(true);
    expect(history.keeps({ main: 5, sub: 1 }, 5)).toBe(true);
    expect(history.keeps({ main: 5, sub: 0 }, 6)).toBe(false);
    expect(history.compact(5)).toEqual([4, 0, 1]);
    expect(history.compact(6)).toEqual([5, 0, 0]);
    expect(history.live).toBe(again.kv);
  });

  it(`agrees with a list of writes, through any compactions (QUORATE_SEED=${SEED})`, () => {
    const random = seededRandom(SEED);
    for (let run = 0; run < 3_000; run += 1) {
      const letters = Array.from({ length: 1 + random.below(12) }, () => (random.below(4) === 0 ? 'd' : 'p')).join('');
      // A delete of a key that is not there is no write.
      const [first, ...rest] = writesOf(`p${letters.replaceAll(/d+/g, 'd')}`);
      if (first === undefined) throw new Error('no write');
      const written = [first];
      let left: Write[] = [first];
      const history = new KeyHistory(first.kv, first.sub);
      for (const write of rest) {
        history.append(write.kv, write.sub);
        written.push(write);
        left.push(write);
        if (random.below(3) !== 0) continue;
        const bound = write.main - random.below(5);
        expect(written.filter((one) => history.keeps(one, bound) && left.includes(one))).toEqual(
          keptAfter(left, bound),
        );
        history.compact(bound);
        left = keptAfter(left, bound);
        for (let main = Math.max(bound, 1); main <= write.main + 1; main += 1) {
          const point = { main, sub: Infinity };
          expect(at(history, point), `${letters} compacted at ${bound}, read at ${main}`).toEqual(seenAt(left, point));
        }
      }
    }
  });
});
