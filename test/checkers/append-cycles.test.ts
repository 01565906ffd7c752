/** The checker on random histories: those that are right by construction, and the same with one thing wrong. */
import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../server/lib/random.js';
import { hasSomeOrder } from './append-cycles-by-trial.js';
import { checkAppendCycles } from './append-cycles.js';
import { faults, type History } from './append-cycles-faults.js';
import { generatedHistory, type Shape } from './append-cycles-generated.js';
import type { AppendOp } from './append-op.js';

function shape(random: Random): Shape {
  return {
    records: 10 + random.below(90),
    clients: 1 + random.below(8),
    keys: 1 + random.below(5),
    lengthMax: 3 + random.below(30),
  };
}

test('500 histories of a store that works', () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = seededRandom(seed);
    expect(checkAppendCycles(generatedHistory(random, shape(random))), `seed ${seed}`).toEqual([]);
  }
});

test.each(faults)('100 histories with $name', ({ plant }) => {
  let planted = 0;
  for (let seed = 1; planted < 100; seed += 1) {
    const random = seededRandom(seed);
    const history = plant(generatedHistory(random, shape(random)), random);
    // No place for it there. Were there never one, the test would run out of time.
    if (history === undefined) continue;
    planted += 1;
    expect(checkAppendCycles(history), `seed ${seed}`).not.toEqual([]);
  }
});

test('small histories, in which every order can be tried', () => {
  const verdicts = { right: 0, wrong: 0 };
  for (let seed = 1; seed <= 4_000; seed += 1) {
    const random = seededRandom(seed);
    const history = blurred(random, generatedHistory(random, smallShape(random)));
    const isRight = hasSomeOrder(history);
    verdicts[isRight ? 'right' : 'wrong'] += 1;
    expect(checkAppendCycles(history).length === 0, `seed ${seed}`).toBe(isRight);
  }
  expect(Math.min(verdicts.right, verdicts.wrong)).toBeGreaterThan(1_000);
});

function smallShape(random: Random): Shape {
  return { records: 2 + random.below(5), clients: 1 + random.below(4), keys: 1 + random.below(3), lengthMax: 9 };
}

/** Up to three lists are replaced by others of the same history, or outcomes by others. */
function blurred(random: Random, history: History): History {
  const changed = [...history];
  for (let left = random.below(4); left > 0; left -= 1) {
    const place = random.below(changed.length);
    const record = changed[place];
    if (record === undefined) continue;
    if (random.below(4) === 0) {
      changed[place] = { ...record, outcome: (['ok', 'failed', 'unknown'] as const)[random.below(3)] ?? 'ok' };
    } else {
      const at = random.below(record.ops.length);
      changed[place] = {
        ...record,
        ops: record.ops.map((op, index) => (index === at ? otherRead(random, changed, op) : op)),
      };
    }
  }
  return changed;
}

function otherRead(random: Random, history: History, op: AppendOp): AppendOp {
  if (op.kind === 'append') return op;
  const ops = history.flatMap((record) => record.ops).filter(({ key }) => key === op.key);
  const other = ops[random.below(ops.length)];
  if (other?.kind === 'append') return { ...op, list: [...op.list, other.element] };
  const list = other?.list ?? [];
  return { ...op, list: random.below(2) === 0 ? list : list.slice(0, -1) };
}
