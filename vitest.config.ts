/**
 * Two projects. `short` runs on every change and must stay under five minutes; `long` starts real processes, kills them
 * and compares them with etcd, one file at a time. Both read the sources, so no build is needed to run them.
 */
import { defineConfig } from 'vitest/config';

const longTests = 'test/**/*.long.test.ts';

export default defineConfig({
  // Our packages lead to their sources under this condition, which nobody else's tools set.
  ssr: { resolve: { conditions: ['quorate-source', 'module', 'node', 'development|production'] } },
  test: {
    // The native storage bindings load once in a process and not at all in a second thread.
    pool: 'forks',
    // By default one core stays idle.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'short',
          include: ['test/**/*.test.ts'],
          exclude: [longTests],
          // A process for each file costs more than the tests in it; they share no state of their own.
          isolate: false,
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: [longTests],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
