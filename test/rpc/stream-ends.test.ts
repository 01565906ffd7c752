import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../server/lib/clock.js';
import { LeaderLoss } from '../../server/rpc/leader-loss.js';
import { LongCalls } from '../../server/rpc/long-calls.js';
import { StreamEnds } from '../../server/rpc/stream-ends.js';
import { FakeMember } from './fake-member.js';

const needsLeader = new Metadata();
needsLeader.set('hasleader', 'true');

function start() {
  const member = new FakeMember();
  const longCalls = new LongCalls();
  const ends = new StreamEnds(member, longCalls, new LeaderLoss(member, systemClock, 1));
  const told: string[] = [];
  const attend = (metadata = new Metadata()) => ends.attend(metadata, ({ code }) => told.push(code));
  return { member, longCalls, told, attend };
}

describe('a stream', () => {
  it('is ended when the member stops, and at once when it has stopped', () => {
    const { longCalls, told, attend } = start();
    attend();
    longCalls.stop();
    expect(told).toEqual(['STOPPED']);
    attend(needsLeader);
    expect(told).toEqual(['STOPPED', 'STOPPED']);
  });

  it('is refused by a learner', () => {
    const { member, longCalls, told, attend } = start();
    member.isLearner = true;
    attend(needsLeader);
    longCalls.stop();
    expect(told).toEqual(['NOT_ON_LEARNER']);
  });

  it('that is over is not told of anything', async () => {
    const { member, longCalls, told, attend } = start();
    attend(needsLeader)();
    member.setReady(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    longCalls.stop();
    expect(told).toEqual([]);
  });

  it('is told one reason, the first', async () => {
    const { member, longCalls, told, attend } = start();
    attend(needsLeader);
    member.setReady(false);
    await expect.poll(() => told).toEqual(['NO_LEADER']);
    attend(needsLeader);
    expect(told).toEqual(['NO_LEADER', 'NO_LEADER']);
    longCalls.stop();
    expect(told).toHaveLength(2);
  });
});
