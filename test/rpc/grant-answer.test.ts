import { describe, expect, it } from 'vitest';
import type { QueueAnswer } from '../../server/node/grant-member.js';
import { describeToWire } from '../../server/rpc/grant-answer.js';
import type { GrantEntry } from '../../server/state/grant/grant-entry.js';
import { acquire } from '../state/grant-wishes.js';

const header = { clusterId: 1n, memberId: 1n, revision: 1, raftTerm: 1 };

function entries(kind: string, count: number): readonly GrantEntry[] {
  return Array.from({ length: count }, (_, place) => ({
    ...acquire(`${kind}${place}`, 1n, { owner: kind }),
    place,
    isFirst: false,
    cameMs: 0,
    grantedMs: 0,
    token: kind === 'holder' ? place + 1 : 0,
    slots: [],
    barsUntilMs: 0,
  }));
}

function queue(holders: number, waiters: number): QueueAnswer {
  const granted = entries('holder', holders);
  const waiting = entries('waiter', waiters);
  return { name: 'n', change: 1, granted, grantedCount: holders, waiting, waitingCount: waiters };
}

const waitsOf = (...queues: readonly QueueAnswer[]) => {
  const { waits, moreWaits } = describeToWire({ header, queues, more: false, timeMs: 0 });
  return { count: waits.length, moreWaits, first: waits[0] };
};

describe('who waits for whom', () => {
  it('is told for each pair', () => {
    const first = {
      name: Buffer.from('n'),
      attempt: 'waiter0',
      owner: 'waiter',
      holder: 'holder0',
      holderOwner: 'holder',
    };
    expect(waitsOf(queue(2, 3), queue(1, 1))).toEqual({ count: 7, moreWaits: false, first });
  });

  it('ends at a limit, and says so', () => {
    expect(waitsOf(queue(100, 100))).toMatchObject({ count: 10_000, moreWaits: false });
    expect(waitsOf(queue(100, 100), queue(1, 1))).toMatchObject({ count: 10_000, moreWaits: true });
  });
});
