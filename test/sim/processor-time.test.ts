import { expect, it } from 'vitest';
import { processorMs } from './processor-time.js';

it.runIf(process.platform === 'linux')('the processor time of a process is what the process itself says', () => {
  const { user, system } = process.cpuUsage();
  const own = (user + system) / 1000;
  const told = processorMs(process.pid) ?? 0;
  // Ticks of 10 ms, and this process runs in between.
  expect(told).toBeGreaterThan(own - 50);
  expect(told).toBeLessThan(own + 1000);
});

it('a process that is gone has none to tell', () => {
  expect(processorMs(2 ** 30)).toBeUndefined();
});
