/** What a client that loses its place may do to what it gives its reader: each must be found out by the judge. */
import type { Told } from './watched.js';

type Batch = Extract<Told, { readonly kind: 'events' }>;

/** Undefined: there is nothing in it that could be spoiled that way. */
export type Mutation = (told: readonly Told[]) => readonly Told[] | undefined;

/** In the middle of all that fit. */
function placeOf(told: readonly Told[], fits: (one: Told, next: Told | undefined) => boolean): number {
  const places = told.flatMap((one, place) => (fits(one, told[place + 1]) ? [place] : []));
  return places[Math.floor(places.length / 2)] ?? -1;
}

function changed<Kind extends Told['kind']>(
  kind: Kind,
  fits: (one: Extract<Told, { readonly kind: Kind }>) => boolean,
  change: (one: Extract<Told, { readonly kind: Kind }>) => readonly Told[],
): Mutation {
  type One = Extract<Told, { readonly kind: Kind }>;
  return (told) => {
    const place = placeOf(told, (one) => one.kind === kind && fits(one as One));
    return place < 0 ? undefined : told.flatMap((one, at) => (at === place ? change(one as One) : [one]));
  };
}

const always = (): boolean => true;
const isMultiple = ({ events }: Batch): boolean => events.length > 1;
/** More than one change of its last revision. */
const isTxn = ({ events }: Batch): boolean => events.at(-1)?.kv.modRevision === events.at(-2)?.kv.modRevision;

const swapped: Mutation = (told) => {
  const at = placeOf(told, (one, next) => one.kind === 'events' && next?.kind === 'events');
  if (at < 0) return undefined;
  return [...told.slice(0, at), ...told.slice(at + 1, at + 2), ...told.slice(at, at + 1), ...told.slice(at + 2)];
};

export const mutations: Readonly<Record<string, Mutation>> = {
  'a batch is lost': changed('events', always, () => []),
  'a batch comes twice': changed('events', always, (batch) => [batch, batch]),
  'two batches change places': swapped,
  'the first event of a batch is lost': changed('events', isMultiple, (batch) => [
    { ...batch, events: batch.events.slice(1) },
  ]),
  'the last event of a batch is lost': changed('events', isMultiple, (batch) => [
    { ...batch, events: batch.events.slice(0, -1) },
  ]),
  'an event comes twice': changed('events', always, (batch) => [
    { ...batch, events: [...batch.events, ...batch.events.slice(-1)] },
  ]),
  'the events of a batch are turned round': changed('events', isMultiple, (batch) => [
    { ...batch, events: batch.events.toReversed() },
  ]),
  'a revision is split in two': changed('events', isTxn, (batch) => [
    { ...batch, events: batch.events.slice(0, -1) },
    { ...batch, events: batch.events.slice(-1) },
  ]),
  'a batch says that it goes further': changed('events', always, (batch) => [
    { ...batch, revision: batch.revision + 200 },
  ]),
  'an event of another key': changed('events', always, (batch) => [
    { ...batch, events: batch.events.map((event) => ({ ...event, kv: { ...event.kv, key: 'elsewhere' } })) },
  ]),
  'another value': changed(
    'events',
    ({ events }) => events[0]?.type === 'put',
    (batch) => [{ ...batch, events: batch.events.map((event) => ({ ...event, kv: { ...event.kv, value: 'else' } })) }],
  ),
  'a change that claims to be a creation': changed(
    'events',
    ({ events }) => events.some(({ kv }) => kv.version > 1),
    (batch) => [
      {
        ...batch,
        events: batch.events.map((event) => ({ ...event, kv: { ...event.kv, createRevision: event.kv.modRevision } })),
      },
    ],
  ),
  'what was before is that of another time': changed(
    'events',
    ({ events }) => events.some(({ prevKv }) => prevKv !== undefined),
    (batch) => [
      {
        ...batch,
        events: batch.events.map(({ prevKv, ...event }) => ({
          ...event,
          prevKv: prevKv === undefined ? undefined : { ...prevKv, version: prevKv.version + 1 },
        })),
      },
    ],
  ),
  'the mark is too high': changed('synced', always, (mark) => [{ ...mark, revision: mark.revision + 1_000 }]),
  'a mark amid events': changed('events', always, (batch) => [
    batch,
    { kind: 'synced', revision: batch.revision, compactedRevision: batch.compactedRevision },
  ]),
  'a key of the state is lost': changed('initial', always, (state) => [{ ...state, entries: state.entries.slice(1) }]),
  'a key of the state is old': changed('initial', always, (state) => [
    { ...state, entries: state.entries.map((entry) => ({ ...entry, version: entry.version + 1 })) },
  ]),
  'a compaction is not told': changed('resync', always, () => []),
  'a compaction that never was': changed('events', always, (batch) => [
    batch,
    { kind: 'resync', revision: batch.revision + 1_000, compactedRevision: batch.compactedRevision },
  ]),
  'the end is lost': (told) => told.slice(0, -1),
};
