import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';
import { describe, expect, it } from 'vitest';
import { noTokens } from '../../../client/calls/authenticator.js';
import { type KeptLease, LeaseKeeper, momentOf } from '../../../client/calls/lease-keeper.js';
import { leaseIdFrom } from '../../../client/core/ids.js';
import { MemberRotation } from '../../../client/core/member-rotation.js';
import { VirtualClock } from '../../node/virtual-clock.js';
import { ScriptedMembers, type ScriptedStream } from '../scripted-streams.js';

/** A clock whose wall runs ahead when the machine has slept. */
class SleepingClock extends VirtualClock {
  sleptMs = 0;
  /** Time in which the loop was blocked, so that no timer could run. */
  blockedMs = 0;
  override now(): number {
    return super.now() + this.blockedMs;
  }
  override wallTime(): number {
    return this.now() + this.sleptMs;
  }
}

class Setup {
  readonly clock = new SleepingClock();
  readonly members = new ScriptedMembers();
  readonly events: string[] = [];
  readonly keeper = new LeaseKeeper({
    rotation: new MemberRotation(['a:1', 'b:1'], { below: () => 0 }),
    connectionTo: (address) => this.members.connectionTo(address),
    tokens: noTokens,
    clock: this.clock,
    random: { below: (bound) => bound - 1 },
  });

  keep(id = 1n, ttlMs = 9_000): KeptLease {
    return this.keeper.keep(leaseIdFrom(id), momentOf(this.clock), ttlMs, {
      onRenewed: (marginMs) => this.events.push(`${this.clock.now()} ${id} renewed, ${marginMs} left`),
      onRisk: (remainingMs) => this.events.push(`${this.clock.now()} ${id} at risk, ${remainingMs} left`),
      onLost: () => this.events.push(`${this.clock.now()} ${id} lost`),
    });
  }

  asked(stream: ScriptedStream = this.members.last): readonly bigint[] {
    return stream.sent.map((bytes) => LeaseKeepAliveRequest.decode(bytes).ID);
  }

  answer(id: bigint, ttl = 9n, stream: ScriptedStream = this.members.last): void {
    stream.say(LeaseKeepAliveResponse.encode(LeaseKeepAliveResponse.fromPartial({ ID: id, TTL: ttl })).finish());
  }
}

describe('the lease keeper', () => {
  it('renews at a third of the ttl, counted from the sending of the last renewal that was answered', async () => {
    const setup = new Setup();
    const lease = setup.keep();
    await setup.clock.advance(2_999);
    expect(setup.members.streams.length).toBe(0);
    await setup.clock.advance(1);
    expect(setup.asked()).toEqual([1n]);
    await setup.clock.advance(1_000);
    setup.answer(1n);
    expect(lease.remainingMs).toBe(8_910 - 1_000);
    await setup.clock.advance(2_000);
    expect(setup.asked()).toEqual([1n, 1n]);
    expect(setup.events).toEqual(['4000 1 renewed, 4910 left']);
  });

  it('keeps all leases over one stream', async () => {
    const setup = new Setup();
    for (const id of [1n, 2n, 3n]) setup.keep(id);
    await setup.clock.advance(3_000);
    expect(setup.members.streams.length).toBe(1);
    expect(setup.asked()).toEqual([1n, 2n, 3n]);
  });

  it('turns to another member when one does not answer in time, and sends again what is due', async () => {
    const setup = new Setup();
    setup.keep();
    await setup.clock.advance(3_000);
    const [first] = setup.members.streams;
    await setup.clock.advance(1_500);
    expect(first?.isOver).toBe(true);
    expect(setup.members.streams.map(({ member }) => member)).toEqual(['a:1', 'b:1']);
    expect(setup.asked()).toEqual([1n]);
    setup.answer(1n);
    // Nothing is taken from a stream that was left.
    expect(setup.events).toEqual(['4500 1 renewed, 4410 left']);
  });

  it('goes on elsewhere when the stream breaks', async () => {
    const setup = new Setup();
    setup.keep();
    await setup.clock.advance(3_000);
    setup.members.last.end();
    await setup.clock.advance(1);
    expect(setup.members.streams.map(({ member }) => member)).toEqual(['a:1', 'b:1']);
    expect(setup.asked()).toEqual([1n]);
  });

  it('says that a lease is at risk when two thirds have passed, and lost before the server can end it', async () => {
    const setup = new Setup();
    const lease = setup.keep();
    setup.members.onStream = (stream) => queueMicrotask(() => stream.end());
    await setup.clock.advance(8_909);
    expect(lease.state).toBe('held');
    await setup.clock.advance(1);
    expect(lease.state).toBe('lost');
    expect(setup.events).toEqual(['6000 1 at risk, 2910 left', '8910 1 lost']);
    expect(setup.keeper.leases).toEqual([]);
  });

  it('says so to whoever looks first, when no timer could run', async () => {
    const setup = new Setup();
    const lease = setup.keep();
    setup.clock.blockedMs = 8_910;
    expect(lease.state).toBe('lost');
    expect(setup.events).toEqual(['8910 1 lost']);
  });

  it('believes the server that there is no such lease', async () => {
    const setup = new Setup();
    const lease = setup.keep();
    await setup.clock.advance(3_000);
    setup.answer(1n, 0n);
    expect(lease.state).toBe('lost');
    expect(setup.events).toEqual(['3000 1 lost']);
    // Nothing is left to keep.
    expect(setup.members.last.isOver).toBe(true);
  });

  it('counts a late answer from when the renewal was sent, and an answer to nothing not at all', async () => {
    const setup = new Setup();
    const lease = setup.keep();
    setup.keep(2n);
    await setup.clock.advance(3_000);
    setup.answer(2n);
    setup.answer(2n);
    await setup.clock.advance(500);
    setup.answer(1n);
    expect(lease.remainingMs).toBe(8_410);
    expect(setup.events.length).toBe(2);
  });

  it('takes answers for the oldest renewal that waits', async () => {
    const setup = new Setup();
    const lease = setup.keep(1n, 60_000);
    await setup.clock.advance(20_000);
    await setup.clock.advance(1_000);
    setup.keeper.verify(lease);
    expect(setup.asked()).toEqual([1n]);
    setup.answer(1n, 60n);
    expect(lease.remainingMs).toBe(59_400 - 1_000);
  });

  it('asks at once when the machine seems to have slept', async () => {
    const setup = new Setup();
    const lease = setup.keep();
    await setup.clock.advance(3_000);
    setup.answer(1n);
    setup.clock.sleptMs = 60_000;
    await setup.clock.advance(100);
    expect(lease.state).toBe('atRisk');
    expect(lease.remainingMs).toBe(0);
    setup.keeper.verify(lease);
    setup.keeper.verify(lease);
    expect(setup.asked()).toEqual([1n, 1n]);
    setup.answer(1n);
    expect(lease.state).toBe('held');
  });

  it('stops for what is released, and for all when it is closed', async () => {
    const setup = new Setup();
    const lease = setup.keep();
    setup.keep(2n);
    setup.keeper.release(lease);
    await setup.clock.advance(3_000);
    expect(setup.asked()).toEqual([2n]);
    setup.keeper.close();
    await setup.clock.advance(60_000);
    expect(setup.events).toEqual([]);
    expect(setup.members.streams.length).toBe(1);
  });

  it('survives answers that make no sense', async () => {
    const setup = new Setup();
    setup.keep();
    await setup.clock.advance(3_000);
    setup.members.last.say(Uint8Array.of(0xff));
    await setup.clock.advance(100);
    expect(setup.members.last.member).toBe('b:1');
    expect(setup.asked()).toEqual([1n]);
  });
});
