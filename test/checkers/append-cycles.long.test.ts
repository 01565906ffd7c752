import { expect, test } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import { checkAppendCycles } from './append-cycles.js';
import { generatedHistory } from './append-cycles-generated.js';

/** Of processor time, not of the clock on the wall: others may be at work on the machine. */
const secondsMax = 10;

test('100,000 transactions in ten seconds, and one stale read among them is found', () => {
  const history = generatedHistory(seededRandom(1), { records: 100_000, clients: 10, keys: 20, lengthMax: 100 });
  const before = process.cpuUsage();
  expect(checkAppendCycles(history)).toEqual([]);
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(secondsMax);

  const stale = { client: 99, outcome: 'ok', startMs: 1_000_000_000, endMs: 1_000_000_001 } as const;
  const found = checkAppendCycles([...history, { ...stale, ops: [{ kind: 'read', key: 'k0', list: [] }] }]);
  // Appends that nobody read before are missing then as well.
  expect(found.filter((message) => !/^(lost append|partial write)/.test(message))).toEqual([
    expect.stringMatching(/^G-single in real time: T1 -rw k0 e\d+-> T2 -clock-> T1;/),
  ]);
});
