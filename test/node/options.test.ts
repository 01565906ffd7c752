import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../server/lib/assert.js';
import { raftConfig, requestTimeoutMs, tickMs } from '../../server/node/options.js';
import { assertConfig } from '../../server/raft/config.js';
import { TEST_OPTIONS } from './node-cluster.js';

describe('the settings of the driver', () => {
  it('make ticks fine enough for an election to start close to its drawn timeout', () => {
    expect(tickMs(TEST_OPTIONS)).toBe(10);
    expect(raftConfig(TEST_OPTIONS, 4n, 7)).toMatchObject({ id: 4n, boot: 7, heartbeatTicks: 10, electionTicks: 100 });
  });

  it('hold for any allowed pair of times', () => {
    for (const [heartbeatMs, electionMs] of [
      [1, 2],
      [7, 70],
      [100, 1000],
      [333, 1000],
      [1000, 50_000],
    ] as const) {
      const config = raftConfig({ ...TEST_OPTIONS, heartbeatMs, electionMs }, 1n, 1);
      expect(() => assertConfig(config)).not.toThrow();
      const millis = config.electionTicks * tickMs({ ...TEST_OPTIONS, heartbeatMs });
      expect(Math.abs(millis - electionMs)).toBeLessThanOrEqual(heartbeatMs / 20);
    }
  });

  it('refuse an election timeout shorter than two heartbeats', () => {
    expect(() => raftConfig({ ...TEST_OPTIONS, heartbeatMs: 501 }, 1n, 1)).toThrow(InvariantError);
    expect(() => raftConfig({ ...TEST_OPTIONS, heartbeatMs: 500 }, 1n, 1)).not.toThrow();
  });

  it('give requests the time that etcd gives them, and two elections more', () => {
    expect(requestTimeoutMs(TEST_OPTIONS)).toBe(7000);
  });

  it('let a test override limits of the core, and nothing else of it', () => {
    const config = raftConfig({ ...TEST_OPTIONS, raft: { uncommittedBytesMax: 5 } }, 1n, 1);
    expect(config.uncommittedBytesMax).toBe(5);
    expect(config.appendBytesMax).toBe(raftConfig(TEST_OPTIONS, 1n, 1).appendBytesMax);
  });
});
