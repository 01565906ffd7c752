/** Hand-made records, each with one thing wrong: the checker names the property, and nothing where all is well. */
import { describe, expect, it } from 'vitest';
import type { Event, KeyValue } from '../../server/state/result.js';
import type { WatchSpec } from '../../server/watch/watch-output.js';
import { spec } from '../watch/hub-kit.js';
import { checkWatches } from './watch-checker.js';
import type { WatchRecord, WatchSaid } from './watch-record.js';

function put(key: string, main: number, prev?: KeyValue, sub = 0): Event {
  const [createRevision, version] = prev === undefined ? [main, 1] : [prev.createRevision, prev.version + 1];
  const kv = { key, value: `${key}${main}`, createRevision, modRevision: main, version, lease: 0n };
  return { type: 'put', kv, revision: { main, sub }, prevKv: prev };
}

function del(key: string, main: number, prev: KeyValue, sub = 0): Event {
  const kv = { key, value: '', createRevision: 0, modRevision: main, version: 0, lease: 0n };
  return { type: 'delete', kv, revision: { main, sub }, prevKv: prev };
}

const a2 = put('a', 2);
const b3 = put('b', 3);
const a4 = put('a', 4, a2.kv);
/** One transaction. */
const a5 = del('a', 5, a4.kv, 0);
const b5 = put('b', 5, b3.kv, 1);
const a6 = put('a', 6);
const events = [a2, b3, a4, a5, b5, a6];

const everything: WatchSpec = spec('a', { rangeEnd: 'z', startRevision: 2, prevKv: true });
const created: WatchSaid = { kind: 'created', revision: 1 };
const batch = (...list: readonly Event[]): WatchSaid => ({
  kind: 'events',
  revision: list.at(-1)?.revision.main ?? 0,
  events: list,
});
const progress = (revision: number): WatchSaid => ({ kind: 'progress', revision });

type Rest = { readonly spec?: WatchSpec; readonly demandedUpTo?: number | undefined };

function found(said: readonly WatchSaid[], rest: Rest = {}, compactedRevision = -1): string[] {
  const { spec: asked = everything, demandedUpTo } = { demandedUpTo: 6, ...rest };
  const record: WatchRecord = { name: 'w', spec: asked, said, ...(demandedUpTo === undefined ? {} : { demandedUpTo }) };
  const properties = checkWatches({ events, compactedRevision }, [record]).map(({ property }) => property);
  return [...new Set(properties)].sort();
}

const good = [created, batch(a2), batch(b3, a4), progress(4), batch(a5, b5), batch(a6)];

describe('a record of a watcher that was told the truth', () => {
  it.each([
    ['live', good, {}],
    ['in one batch', [created, batch(...events)], {}],
    ['of the deletes alone', [created, batch(a5)], { spec: { ...everything, noPut: true } }],
    ['of the puts alone', [created, batch(a2, b3, a4), batch(b5, a6)], { spec: { ...everything, noDelete: true } }],
    ['of one key', [created, batch(b3), batch(b5)], { spec: spec('b', { startRevision: 1, prevKv: true }) }],
    ['from a key on', [created, batch(b3, b5)], { spec: { ...everything, key: 'b', rangeEnd: '\0' } }],
    [
      'from now on',
      [{ kind: 'created', revision: 4 }, batch(a5, b5), batch(a6)],
      { spec: { ...everything, startRevision: 0 } },
    ],
    ['from the future', [{ kind: 'created', revision: 1 }, batch(a6)], { spec: { ...everything, startRevision: 6 } }],
    ['canceled early', [created, batch(a2), { kind: 'canceled', compactRevision: 0 }], {}],
    ['not yet told all', [created, batch(a2)], { demandedUpTo: undefined }],
  ] as const)('%s', (_, said, rest) => {
    expect(found(said, rest)).toEqual([]);
  });

  it('in fragments that were asked for', () => {
    const part: WatchSaid = { kind: 'events', revision: 5, events: [a5], isFragment: true };
    const said = [created, batch(a2, b3, a4), part, batch(b5), batch(a6)];
    expect(found(said, { spec: { ...everything, fragment: true } })).toEqual([]);
  });

  it('without what was before, where a compaction took it', () => {
    expect(found([created, batch(a2, b3), batch({ ...a4, prevKv: undefined })], { demandedUpTo: 4 }, 4)).toEqual([]);
  });

  it('ended by a compaction', () => {
    expect(found([created, batch(a2), { kind: 'canceled', compactRevision: 5 }], {}, 5)).toEqual([]);
  });
});

describe('a record with one lie', () => {
  it.each([
    ['events swapped', 'ordered', [created, batch(a2), batch(a4), batch(b3), batch(a5, b5), batch(a6)]],
    [
      'an event of a transaction before the one before it',
      'ordered',
      [created, batch(a2, b3, a4), batch(b5, a5), batch(a6)],
    ],
    ['an event twice', 'unique', [created, batch(a2), batch(a2, b3, a4), batch(a5, b5), batch(a6)]],
    ['an event left out', 'reliable', [created, batch(a2), batch(a4), batch(a5, b5), batch(a6)]],
    ['the last event left out', 'reliable', [created, batch(a2), batch(b3, a4), batch(a5, b5)]],
    ['another value', 'reliable', [created, batch({ ...a2, kv: { ...a2.kv, value: 'x' } }), batch(b3, a4, a5, b5, a6)]],
    ['another cause', 'reliable', [created, batch(a2, b3, a4, { ...a5, cause: 'leaseExpired' }, b5, a6)]],
    ['a revision in two batches', 'atomic', [created, batch(a2, b3, a4), batch(a5), batch(b5), batch(a6)]],
    ['half a revision', 'atomic', [created, batch(a2, b3, a4), batch(a5), batch(a6)]],
    ['the first event left out', 'resumable', [created, batch(b3, a4), batch(a5, b5), batch(a6)]],
    ['progress before the events', 'bookmarkable', [created, batch(a2), progress(4), batch(b3, a4), batch(a5, b5, a6)]],
    [
      'progress that goes back',
      'bookmarkable',
      [created, batch(a2, b3, a4), progress(4), progress(3), batch(a5, b5, a6)],
    ],
    [
      'a header ahead of its events',
      'bookmarkable',
      [created, { kind: 'events', revision: 6, events: [a2] }, batch(b3, a4, a5, b5, a6)],
    ],
    ['a prevKv too old', 'prevKv', [created, batch(a2, b3, a4), batch({ ...a5, prevKv: a2.kv }, b5), batch(a6)]],
    ['a prevKv of nothing', 'prevKv', [created, batch({ ...a2, prevKv: b3.kv }, b3, a4), batch(a5, b5), batch(a6)]],
    ['no prevKv', 'prevKv', [created, batch(a2, b3, { ...a4, prevKv: undefined }), batch(a5, b5), batch(a6)]],
    [
      'a creation that is none',
      'isCreate',
      [
        created,
        batch(a2, b3, { ...a4, kv: { ...a4.kv, createRevision: 4 }, prevKv: undefined }),
        batch(a5, b5),
        batch(a6),
      ],
    ],
    ['events before its creation', 'protocol', [batch(a2), created, batch(b3, a4, a5, b5, a6)]],
    ['a second creation', 'protocol', [created, batch(a2), created, batch(b3, a4, a5, b5, a6)]],
    [
      'an empty batch',
      'protocol',
      [...good.slice(0, 3), { kind: 'events', revision: 4, events: [] }, ...good.slice(3)],
    ],
    ['events after the end', 'protocol', [...good, { kind: 'canceled', compactRevision: 0 }, progress(6)]],
    [
      'an end by a compaction that never was',
      'protocol',
      [created, batch(a2), { kind: 'canceled', compactRevision: 5 }],
    ],
  ] as const)('%s', (_, property, said) => {
    expect(found(said)).toContain(property);
  });

  it('events of another key, or of a kind that was not asked for', () => {
    expect(found(good, { spec: { ...everything, rangeEnd: 'b' } })).toContain('filtered');
    expect(found(good, { spec: { ...everything, noDelete: true } })).toContain('filtered');
  });

  it('events before the start, from the past and from the future', () => {
    expect(found(good, { spec: { ...everything, startRevision: 5 } })).toContain('resumable');
    expect(
      found([{ kind: 'created', revision: 4 }, batch(a4), batch(a5, b5, a6)], {
        spec: { ...everything, startRevision: 0 },
      }),
    ).toContain('resumable');
  });

  it('progress before a start in the future', () => {
    expect(found([created, progress(4), batch(a6)], { spec: { ...everything, startRevision: 6 } })).toEqual([
      'bookmarkable',
    ]);
  });

  it('a delete at the compacted revision left out', () => {
    const deletes = { ...everything, noPut: true, startRevision: 5 };
    expect(found([{ kind: 'created', revision: 4 }], { spec: deletes }, 5)).toEqual(['reliable']);
    expect(
      found(
        [
          { kind: 'created', revision: 4 },
          { kind: 'canceled', compactRevision: 5 },
        ],
        { spec: deletes },
        5,
      ),
    ).toEqual(['reliable']);
  });

  it('a fragment that nobody asked for, and one without its end', () => {
    const part: WatchSaid = { kind: 'events', revision: 5, events: [a5], isFragment: true };
    expect(found([created, batch(a2, b3, a4), part, batch(b5), batch(a6)])).toContain('atomic');
    const unfinished = { spec: { ...everything, fragment: true }, demandedUpTo: 4 };
    expect(found([created, batch(a2, b3, a4), part], unfinished)).toContain('atomic');
  });
});
