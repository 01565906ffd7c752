import { GrantObserveRequest, GrantObserveResponse } from '@quorate/proto/quorate/v1/coordination.js';
import { describe, expect, it } from 'vitest';
import { noTokens } from '../../../client/calls/authenticator.js';
import { ObserveStream } from '../../../client/calls/observe-stream.js';
import { MemberRotation } from '../../../client/core/member-rotation.js';
import { QuorateError } from '../../../client/core/quorate-error.js';
import { VirtualClock } from '../../node/virtual-clock.js';
import { ScriptedMembers } from '../scripted-streams.js';

class Setup {
  readonly clock = new VirtualClock();
  readonly members = new ScriptedMembers();
  refresh = (): Promise<void> => Promise.resolve();
  readonly stream = new ObserveStream(Buffer.from('n'), {
    rotation: new MemberRotation(['a:1', 'b:1'], { below: () => 0 }),
    connectionTo: (address) => this.members.connectionTo(address),
    tokens: { ...noTokens, refresh: () => this.refresh() },
    clock: this.clock,
    random: { below: () => 0 },
    onReconnect: () => undefined,
  });

  /** The last change that the newest stream says it has seen. */
  get seen(): number {
    return Number(GrantObserveRequest.decode(this.members.last.sent[0] ?? new Uint8Array(0)).change);
  }

  say(change: number, ...tokens: readonly number[]): void {
    const granted = tokens.map((token) => ({ attempt: `a${token}`, token: BigInt(token) }));
    const queue = { name: Buffer.from('n'), change: BigInt(change), granted };
    this.members.last.say(GrantObserveResponse.encode(GrantObserveResponse.fromPartial({ queue })).finish());
  }

  async next(): Promise<string> {
    const observed = await this.stream.next();
    return observed === undefined ? 'over' : `${observed.change}: ${observed.holders.map(({ token }) => token).join()}`;
  }
}

describe('an observer', () => {
  it('is told the newest state alone, and none that is older than what it was told', async () => {
    const setup = new Setup();
    setup.say(3, 1);
    setup.say(5, 2);
    expect(await setup.next()).toBe('5: 2');
    setup.say(4, 1);
    setup.say(5, 2);
    setup.say(6);
    expect(await setup.next()).toBe('6: ');
  });

  it('goes on elsewhere, and says what it has seen', async () => {
    const setup = new Setup();
    setup.say(7, 1);
    setup.members.last.end();
    await setup.clock.advance(10);
    expect(setup.members.streams.map(({ member }) => member)).toEqual(['a:1', 'b:1']);
    expect(setup.seen).toBe(7);
    setup.members.last.say(Uint8Array.of(0xff));
    await setup.clock.advance(2_000);
    expect(setup.members.streams).toHaveLength(3);
  });

  it('asks for another token when its own is no good', async () => {
    const setup = new Setup();
    const end = { name: 'UNAUTHENTICATED', text: 'etcdserver: invalid auth token', wasSent: true } as const;
    setup.members.last.end(end);
    await setup.clock.settle();
    expect(setup.members.streams.map(({ member }) => member)).toEqual(['a:1', 'a:1']);
    setup.refresh = () => Promise.reject(new QuorateError('AUTHENTICATION_FAILED'));
    setup.members.last.end(end);
    await expect(setup.next()).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });

  it('ends with what no member can mend, and when it is ended', async () => {
    const setup = new Setup();
    setup.members.last.end({ name: 'UNIMPLEMENTED', text: 'x', wasSent: true });
    await expect(setup.next()).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    const other = new Setup();
    const next = other.next();
    other.stream.end();
    expect(await next).toBe('over');
    expect(other.clock.pendingTimers).toBe(0);
  });
});
