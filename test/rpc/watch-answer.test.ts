import { WatchResponse } from '@quorate/proto/etcd/watch.js';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../server/rpc/message-bundle.js';
import { WatchEncoder } from '../../server/rpc/watch-answer.js';
import type { WatchBatch, WatchOutput } from '../../server/node/member.js';
import type { Event } from '../../server/state/result.js';
import { spec } from '../watch/hub-kit.js';

const kv = (main: number, value: string) => {
  return { key: 'k', value, createRevision: 2, modRevision: main, version: main - 1, lease: 0n };
};
const events = [2, 3, 4].map((main): Event => {
  return {
    type: 'put',
    kv: kv(main, 'new'),
    revision: { main, sub: 0 },
    prevKv: main === 2 ? undefined : kv(main, 'old'),
  };
});
const batch = (watchId: bigint, wishes: { prevKv?: boolean; fragment?: boolean } = {}): WatchBatch => {
  return { kind: 'events', watchId, spec: spec('k', wishes), revision: 4, events };
};
let raftTerm = 7;
const headerAt = (revision: number) => ({ clusterId: (1n << 64n) - 1n, memberId: 5n, revision, raftTerm });
const encoder = (fragmentBytes = 1_000_000) => new WatchEncoder({ headerAt, fragmentBytes });
const decoded = (messages: readonly Message[]) => messages.map((parts) => WatchResponse.decode(Buffer.concat(parts)));

describe('a batch', () => {
  it('says whom it is for, whatever the id, and when', () => {
    const shared = encoder();
    for (const watchId of [0n, 1n, 127n, 128n, 1_023n, 1_024n, -2n, (1n << 63n) - 1n, 0n, -2n]) {
      const [message, ...others] = decoded(shared.encode(batch(watchId)));
      expect(others).toEqual([]);
      expect(message).toMatchObject({ watchId, created: false, canceled: false, fragment: false });
      expect(message?.header).toEqual({ clusterId: (1n << 64n) - 1n, memberId: 5n, revision: 4n, raftTerm: 7n });
      expect(message?.events.map((event) => [event.kv?.modRevision, event.prevKv])).toEqual([
        [2n, undefined],
        [3n, undefined],
        [4n, undefined],
      ]);
    }
    raftTerm = 8;
    expect(decoded(shared.encode(batch(0n)))[0]?.header?.raftTerm).toBe(8n);
  });

  it('is encoded once for all watchers who want it in the same form', () => {
    const shared = encoder();
    expect(shared.knows(batch(0n))).toBe(false);
    const bodies = [0n, 1n, 2n].map((watchId) => shared.encode(batch(watchId))[0]?.at(-1));
    expect(new Set(bodies).size).toBe(1);
    expect([shared.knows(batch(3n)), shared.knows(batch(3n, { prevKv: true }))]).toEqual([true, false]);
    const [withPrevKv] = decoded(shared.encode(batch(3n, { prevKv: true })));
    expect(withPrevKv?.events.map(({ prevKv }) => prevKv?.value.toString())).toEqual([undefined, 'old', 'old']);
  });

  it('comes in fragments where the watcher allows them', () => {
    const shared = encoder(130);
    expect(shared.encode(batch(1n)).length).toBe(1);
    const messages = decoded(shared.encode(batch(1n, { fragment: true })));
    expect(messages.map(({ watchId, fragment, events: { length } }) => [watchId, fragment, length])).toEqual([
      [1n, true, 1],
      [1n, true, 1],
      [1n, false, 1],
    ]);
  });
});

it('whatever else is said is said as etcd says it', () => {
  const said: readonly WatchOutput[] = [
    { kind: 'created', watchId: 3n, revision: 2 },
    { kind: 'refused', reason: 'emptyRange', revision: 2 },
    { kind: 'progress', watchId: -1n, revision: 2 },
    { kind: 'canceled', watchId: 3n, revision: 2, compactRevision: 5 },
  ];
  expect(said.flatMap((output) => decoded(encoder().encode(output)))).toMatchObject([
    { header: { revision: 2n }, watchId: 3n, created: true, canceled: false },
    { watchId: -1n, created: true, canceled: true, cancelReason: 'mvcc: watcher range is empty' },
    { watchId: -1n, created: false, canceled: false, events: [] },
    { watchId: 3n, canceled: true, compactRevision: 5n },
  ]);
});
