import { describe, expect, it } from 'vitest';
import type { Event, KeyValue } from '../../../server/state/result.js';
import { judgeWatched } from './judge.js';
import { mutations } from './mutations.js';
import { StoreHistory } from './store-history.js';
import type { Asked, Told, ToldEvent } from './watched.js';

function put(key: string, main: number, prevKv?: KeyValue, sub = 0): Event {
  const [createRevision, version] = prevKv === undefined ? [main, 1] : [prevKv.createRevision, prevKv.version + 1];
  const kv = { key, value: `${key}${main}`, createRevision, modRevision: main, version, lease: 0n };
  return { type: 'put', kv, revision: { main, sub }, prevKv };
}

const a2 = put('a', 2);
const b3 = put('b', 3);
const a4 = put('a', 4, a2.kv);
const b4 = put('b', 4, b3.kv, 1);
const c5 = put('c', 5);
const a6 = put('a', 6, a4.kv);
const b7 = put('b', 7, b4.kv);
const history = new StoreHistory([a2, b3, a4, b4, c5, a6, b7]);

const told = ({ type, kv, prevKv }: Event): ToldEvent => ({ type, kv, prevKv });
const events = (...list: readonly Event[]): Told => ({
  kind: 'events',
  revision: list.at(-1)?.revision.main ?? 0,
  events: list.map(told),
  compactedRevision: -1,
});
const word = (kind: 'synced' | 'resync', revision: number, compactedRevision = -1): Told => ({
  kind,
  revision,
  compactedRevision,
});
const state = (revision: number, ...entries: readonly Event[]): Told => ({
  kind: 'initial',
  revision,
  entries: entries.map(({ kv }) => kv),
  compactedRevision: -1,
});

const all = { name: 'w', key: 'a', rangeEnd: 'z', prevKv: true };
const fromTheFirst: Asked = { ...all, from: 1, initial: false };
const live: Asked = { ...all, from: 0, initial: false };
const withState: Asked = { ...all, from: 0, initial: true };

const whole = [events(a2), events(b3, a4, b4), events(c5), events(a6), events(b7)];
const torn = [
  state(3, a2),
  state(3, b3),
  word('synced', 3),
  events(a4, b4),
  word('resync', 6, 6),
  state(6, a6, b4, c5),
  word('synced', 6, 6),
  events(b7),
];

const judge = (asked: Asked, list: readonly Told[]): readonly string[] =>
  judgeWatched(history, { asked, told: list }, 7);

describe('a watch of the client that told the truth', () => {
  it.each([
    ['from the first revision', fromTheFirst, whole],
    ['from now on', live, [word('synced', 4), events(c5, a6), events(b7)]],
    ['with the state, before and after a compaction', withState, torn],
    ['over a compaction', fromTheFirst, [events(a2), word('resync', 5, 5), events(c5, a6, b7)]],
    [
      'with a state that a compaction tore',
      withState,
      [state(3, a2), word('resync', 3, 4), state(6, a6, b4, c5), word('synced', 6, 4), events(b7)],
    ],
  ] as const)('%s', (_, asked, list) => {
    expect(judge(asked, list)).toEqual([]);
  });
});

describe('a watch of the client that was spoiled', () => {
  it.each(Object.keys(mutations))('%s', (name) => {
    const records = [
      [fromTheFirst, whole],
      [withState, torn],
    ] as const;
    const spoiled = records.flatMap(([asked, list]) => {
      const bad = mutations[name]?.(list);
      return bad === undefined ? [] : [judge(asked, bad)];
    });
    expect(spoiled.length).toBeGreaterThan(0);
    for (const complaints of spoiled) expect(complaints).not.toEqual([]);
  });

  it.each([
    [
      'a compaction of nothing that was needed',
      fromTheFirst,
      [...whole.slice(0, 3), word('resync', 4, 4), ...whole.slice(3)],
    ],
    ['an event before any mark', live, [events(c5), events(a6), events(b7)]],
    ['a state that nobody asked for', live, [state(4, a4, b4), word('synced', 4), events(c5, a6, b7)]],
    ['a state without its mark', withState, [state(7, a6, b7, c5)]],
  ] as const)('%s', (_, asked, list) => {
    expect(judge(asked, list)).not.toEqual([]);
  });
});
