import { expect, it } from 'vitest';
import { drive } from './event-loop.js';

it('takes the next step when everything that the one before has settled has had its say', async () => {
  const seen: string[] = [];
  let step = 0;
  await drive(() => {
    step += 1;
    seen.push(`step ${step}`);
    const now = step;
    void (async () => {
      for (let deep = 0; deep < 20; deep += 1) await Promise.resolve();
      seen.push(`end of ${now}`);
    })();
    return step < 3;
  });
  expect(seen.slice(0, 5)).toEqual(['step 1', 'end of 1', 'step 2', 'end of 2', 'step 3']);
});

it('rejects with what a step throws', async () => {
  await expect(
    drive(() => {
      throw new RangeError('broken');
    }),
  ).rejects.toThrow('broken');
});

it('lets the process have its turn now and then', async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    setImmediate(count);
  };
  let left = 20_000;
  setImmediate(count);
  await drive(() => {
    left -= 1;
    return left > 0;
  });
  expect(turns).toBeGreaterThan(2);
});
