/** Watch streams of members that break their word now and then, one way each: what a judge must find out. */
import type { WatchTarget, WatchTold } from '../watch-ports.js';

/** What reaches the client of each thing that was said. One for each stream. */
export type WatchLie = () => (told: WatchTold) => readonly WatchTold[];

type Batch = Extract<WatchTold, { kind: 'events' }>;

export function lyingWatches(honest: WatchTarget, lie: WatchLie): WatchTarget {
  return {
    open: (listener, wish) => {
      const change = lie();
      const told = (one: WatchTold): void => change(one).forEach((each) => listener.told(each));
      return honest.open({ told, broken: (why) => listener.broken(why) }, wish);
    },
    get watchers() {
      return honest.watchers;
    },
  };
}

/** Of batches alone, every third of each stream. */
const ofBatches =
  (change: (batch: Batch) => readonly WatchTold[]): WatchLie =>
  () => {
    let batches = 0;
    return (told) => {
      if (told.kind !== 'events') return [told];
      batches += 1;
      return batches % 3 === 0 ? change(told) : [told];
    };
  };

export const losesEvents = ofBatches(() => []);

export const repeatsEvents = ofBatches((batch) => [batch, batch]);

export const tellsHalfARevision = ofBatches((batch) => {
  const { events } = batch;
  return events.length < 2 ? [batch] : [{ ...batch, events: events.slice(0, 1) }];
});

export const marksTooEarly = ofBatches((batch) => {
  const { watchId, revision } = batch;
  return [{ kind: 'progress', watchId, revision }, batch];
});

export const mixesValuesUp = ofBatches((batch) => {
  const events = batch.events.map((event) => ({ ...event, kv: { ...event.kv, value: 'nobody wrote this' } }));
  return [{ ...batch, events }];
});

export const forgetsWhatWasBefore = ofBatches((batch) => {
  return [{ ...batch, events: batch.events.map((event) => ({ ...event, prevKv: undefined })) }];
});

export const speaksOfNobody = ofBatches((batch) => [{ ...batch, watchId: 12_345n }]);

export const endsForACompaction = ofBatches(({ watchId, revision }) => [
  { kind: 'canceled', watchId, revision: 0, compactRevision: revision },
]);

export const fallsSilent: WatchLie = () => {
  let said = 0;
  return (told) => {
    said += 1;
    return said < 5 ? [told] : [];
  };
};
