import { describe, expect, it } from 'vitest';
import { cleanRuns, judgedRun } from './judged-run.js';
import * as lies from './lying-watches.js';

/** Whole clusters run here: seconds on a machine of their own, and many times that on a busy one. */
const slow = { timeout: 180_000 };

describe('members that tell their watchers the truth are judged clean', slow, () => {
  it('whatever is watched, and however it is read', async () => {
    const sum = await cleanRuns(12, {});
    const names = ['watch events', 'watches', 'watches resumed', 'watches canceled', 'watches refused'];
    const others = ['watch progress answers', 'watch streams', 'watch streams over the wire', 'watches compacted'];
    expect([...names, ...others].filter((name) => (sum[name] ?? 0) === 0)).toEqual([]);
  });
});

describe('a member that breaks its word to those who watch is found out:', slow, () => {
  const cases: readonly (readonly [string, lies.WatchLie, RegExp])[] = [
    ['loses events', lies.losesEvents, /^watch (reliable|resumable|bookmarkable): /],
    ['repeats events', lies.repeatsEvents, /^watch unique: /],
    ['tells half a revision', lies.tellsHalfARevision, /^watch (atomic|bookmarkable): /],
    ['marks what it has not told', lies.marksTooEarly, /^watch bookmarkable: /],
    ['mixes values up', lies.mixesValuesUp, /^watch reliable: .* is not what happened/],
    ['forgets what was before', lies.forgetsWhatWasBefore, /^watch prevKv: /],
    ['speaks of nobody', lies.speaksOfNobody, /^watch: .* which is nobody/],
    [
      'ends for a compaction that never was',
      lies.endsForACompaction,
      /^watch (protocol|reliable): .* canceled as comp/,
    ],
    ['falls silent', lies.fallsSilent, /^watch-liveness: /],
  ];
  it.each(cases)('%s', async (_, watchLie, expected) => {
    expect(await firstFinding(expected, watchLie)).toMatch(expected);
  });
});

/** What the first seed with such a finding says; not every seed does what a lie is about. */
async function firstFinding(expected: RegExp, watchLie: lies.WatchLie): Promise<string> {
  for (let seed = 1; seed < 10; seed += 1) {
    const { findings } = await judgedRun({ seed, watchLie });
    const found = findings.map(({ checker, message }) => `${checker}: ${message}`).find((said) => expected.test(said));
    if (found !== undefined) return found;
  }
  return 'nothing of the kind in any seed';
}
