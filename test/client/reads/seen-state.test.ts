import { expect, it } from 'vitest';
import { type BrokenPromise, SeenState } from './seen-state.js';

/** A client that has written its key at 5, and was shown another key as of revision 8, last written at 7. */
function state(): SeenState {
  const seen = new SeenState(2);
  seen.wrote(0, 5);
  seen.read(seen.floor(1), 7, 8);
  return seen;
}

it.each<[string, 0 | 1, modRevision: number, revision: number, broken: readonly BrokenPromise[]]>([
  ['what it wrote', 0, 5, 8, []],
  ['what another one wrote over it', 0, 9, 9, []],
  ['the same again', 1, 7, 8, []],
  ['something newer', 1, 9, 12, []],
  ['what was before its write', 0, 0, 4, ['ownWrite', 'backwards']],
  ['what was before its write, as of later', 0, 3, 9, ['ownWrite', 'torn']],
  ['an older state of the store', 0, 5, 7, ['backwards']],
  ['an older state of the key', 1, 6, 8, ['backwards']],
  ['what is newer than the store', 1, 10, 9, ['torn']],
])('a read that shows %s', (_, key, modRevision, revision, broken) => {
  const seen = state();
  expect(seen.read(seen.floor(key), modRevision, revision)).toEqual(broken);
});

it('holds a read against what was known when it was made, not when it was answered', () => {
  const seen = state();
  const early = seen.floor(1);
  seen.read(seen.floor(1), 9, 9);
  expect(seen.read(early, 7, 8)).toEqual([]);
  expect(seen.read(seen.floor(1), 7, 8)).toEqual(['backwards']);
});
