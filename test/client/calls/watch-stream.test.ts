import { Event_EventType } from '@quorate/proto/etcd/mvcc.js';
import { WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';
import { describe, expect, it } from 'vitest';
import { noTokens } from '../../../client/calls/authenticator.js';
import { type StreamNews, WatchStream } from '../../../client/calls/watch-stream.js';
import { MemberRotation } from '../../../client/core/member-rotation.js';
import { QuorateError } from '../../../client/core/quorate-error.js';
import { namespaceFrom } from '../../../client/wire/key-range.js';
import { VirtualClock } from '../../node/virtual-clock.js';
import { ScriptedMembers } from '../scripted-streams.js';

class Setup {
  readonly clock = new VirtualClock();
  readonly members = new ScriptedMembers();
  readonly reconnects: string[] = [];
  readonly stream: WatchStream;
  refresh = (): Promise<void> => Promise.resolve();

  constructor(from?: number) {
    this.stream = new WatchStream({ prefix: 'k' }, from, false, {
      rotation: new MemberRotation(['a:1', 'b:1'], { below: () => 0 }),
      connectionTo: (address) => this.members.connectionTo(address),
      tokens: { ...noTokens, refresh: () => this.refresh() },
      namespace: namespaceFrom('ns/'),
      clock: this.clock,
      random: { below: () => 0 },
      onReconnect: (member, reason) => this.reconnects.push(`${member} ${reason}`),
    });
  }

  /** The start revision that the last stream asked for. */
  get asked(): number {
    const { requestUnion } = WatchRequest.decode(this.members.last.sent[0] ?? new Uint8Array(0));
    return requestUnion?.$case === 'createRequest' ? Number(requestUnion.value.startRevision) : -1;
  }

  say(answer: Parameters<typeof WatchResponse.fromPartial>[0]): void {
    this.members.last.say(WatchResponse.encode(WatchResponse.fromPartial(answer)).finish());
  }

  created(revision: number): void {
    this.say({ header: { revision: BigInt(revision) }, created: true });
  }

  /** One put for each revision. */
  events(...revisions: readonly number[]): void {
    this.say({
      header: { revision: BigInt(revisions.at(-1) ?? 0) },
      events: revisions.map((revision) => ({
        type: Event_EventType.PUT,
        kv: { key: Buffer.from(`ns/k${revision}`), modRevision: BigInt(revision) },
      })),
    });
  }

  async next(): Promise<string> {
    return told(await this.stream.next());
  }
}

function told(news: StreamNews | undefined): string {
  if (news === undefined) return 'over';
  if (news.kind !== 'events') return `${news.kind} ${news.revision}`;
  return news.events.map((event) => (event.kind === 'put' ? event.kv.key : event.key)).join(' ');
}

describe('a watch stream', () => {
  it('from now on, tells when it began and what happens', async () => {
    const setup = new Setup();
    expect(setup.asked).toBe(0);
    expect(setup.members.last.metadata).toEqual({ hasleader: 'true' });
    setup.created(7);
    setup.events(8, 8, 9);
    expect(await setup.next()).toBe('began 7');
    expect(await setup.next()).toBe('k8 k8 k9');
    setup.stream.end();
    expect(await setup.next()).toBe('over');
    expect(setup.members.last.isOver).toBe(true);
  });

  it('goes on where it stood, elsewhere, and tells nothing twice', async () => {
    const setup = new Setup();
    setup.created(7);
    setup.events(8);
    setup.members.last.end();
    await setup.clock.advance(10);
    expect(setup.members.last.member).toBe('b:1');
    expect(setup.asked).toBe(9);
    setup.created(8);
    setup.events(8, 9);
    expect([await setup.next(), await setup.next(), await setup.next()]).toEqual(['began 7', 'k8', 'k9']);
    expect(setup.reconnects).toEqual(['a:1 UNAVAILABLE: Connection dropped']);
  });

  it('that broke before anything happened goes on from where it began', async () => {
    const setup = new Setup();
    setup.created(7);
    setup.members.last.end();
    await setup.clock.advance(10);
    expect(setup.asked).toBe(8);
    setup.created(20);
    setup.events(8, 15);
    expect([await setup.next(), await setup.next()]).toEqual(['began 7', 'k8 k15']);
  });

  it('that broke before it began begins anew', async () => {
    const setup = new Setup();
    setup.members.last.end();
    await setup.clock.advance(10);
    expect(setup.asked).toBe(0);
    setup.created(9);
    expect(await setup.next()).toBe('began 9');
  });

  it('moves on with the store when nothing happens to its range', async () => {
    const setup = new Setup(5);
    expect(setup.asked).toBe(5);
    setup.created(7);
    setup.say({ header: { revision: 1_000n } });
    setup.members.last.end();
    await setup.clock.advance(10);
    expect(setup.asked).toBe(1_001);
  });

  it('takes nothing from before it was asked for, from a member that is behind', async () => {
    const setup = new Setup(10);
    setup.created(3);
    setup.events(4);
    setup.events(9, 10);
    expect([await setup.next(), await setup.next()]).toEqual(['began 3', 'k10']);
  });

  it('tells of a compaction, and goes on where history begins', async () => {
    const setup = new Setup(5);
    setup.say({ header: { revision: 50n }, created: true, canceled: true, compactRevision: 30n });
    expect(await setup.next()).toBe('compacted 30');
    expect(setup.members.streams.length).toBe(2);
    expect(setup.asked).toBe(30);
  });

  it.each([
    ['no leader', () => ({ name: 'UNAVAILABLE', text: 'etcdserver: no leader', wasSent: true }) as const],
    [
      'a member that learns',
      () =>
        ({ name: 'FAILED_PRECONDITION', text: 'etcdserver: rpc not supported for learner', wasSent: true }) as const,
    ],
    ['an odd status', () => ({ name: 'DATA_LOSS', text: 'boom', wasSent: true }) as const],
    ['an end without reason', () => ({ name: 'OK', text: '', wasSent: true }) as const],
  ])('is opened elsewhere after %s', async (_name, status) => {
    const setup = new Setup();
    setup.members.last.end(status());
    await setup.clock.advance(10);
    expect(setup.members.streams.length).toBe(2);
  });

  it('leaves a member that does not answer, or answers nonsense', async () => {
    const setup = new Setup();
    await setup.clock.advance(3_000);
    expect(setup.members.streams.map(({ member }) => member)).toEqual(['a:1', 'b:1']);
    setup.created(7);
    setup.members.last.say(Uint8Array.of(0xff));
    await setup.clock.advance(10);
    expect(setup.members.streams.length).toBe(3);
  });

  it('ends with what no member can mend', async () => {
    const refused = new Setup();
    refused.say({ created: true, canceled: true, cancelReason: 'etcdserver: permission denied' });
    await expect(refused.next()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const unknown = new Setup();
    unknown.members.last.end({ name: 'UNIMPLEMENTED', text: 'x', wasSent: true });
    await expect(unknown.next()).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('asks for another token when its own is no good', async () => {
    const setup = new Setup();
    const end = { name: 'UNAUTHENTICATED', text: 'etcdserver: invalid auth token', wasSent: true } as const;
    setup.members.last.end(end);
    await setup.clock.settle();
    expect(setup.members.streams.length).toBe(2);
    setup.refresh = () => Promise.reject(new QuorateError('AUTHENTICATION_FAILED'));
    setup.members.last.end(end);
    await expect(setup.next()).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
  });

  it('holds a member up while its reader is behind, and no longer', async () => {
    const setup = new Setup();
    setup.created(1);
    for (let revision = 2; revision <= 64; revision += 1) setup.events(revision);
    expect(setup.members.last.isPaused).toBe(true);
    for (let count = 0; count < 33; count += 1) await setup.next();
    expect(setup.members.last.isPaused).toBe(false);
  });

  it('wakes its reader when it is ended from outside', async () => {
    const setup = new Setup();
    const next = setup.next();
    setup.stream.end();
    expect(await next).toBe('over');
    await setup.clock.advance(10_000);
    expect(setup.members.streams.length).toBe(1);
  });
});
