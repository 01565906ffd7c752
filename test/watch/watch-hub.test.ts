import { describe, expect, it } from 'vitest';
import type { WatchOutput } from '../../server/watch/watch-output.js';
import type { WatchStream } from '../../server/watch/watch-stream.js';
import { compact, del, put, txn } from '../state/commands.js';
import { HubKit, spec } from './hub-kit.js';

function read(stream: WatchStream): WatchOutput[] {
  const outputs: WatchOutput[] = [];
  for (let output = stream.take(); output !== undefined; output = stream.take()) outputs.push(output);
  return outputs;
}

/** Kind, id, revision and the revisions of the events. */
function brief(outputs: readonly WatchOutput[]): string[] {
  return outputs.map((output) => {
    if (output.kind === 'refused') return `refused ${output.reason}`;
    const events = output.kind === 'events' ? output.events.map(({ revision }) => revision.main).join() : '';
    return `${output.kind} ${output.watchId} @${output.revision} ${events}`.trim();
  });
}

function catchUp(kit: HubKit): void {
  while (kit.feedOnce(1000));
}

describe('a watcher from now on', () => {
  it('is registered at exactly the revision that its creation shows', () => {
    const kit = new HubKit();
    kit.apply(put('a', '1'));
    const stream = kit.open();
    stream.create(spec('a'));
    kit.apply(put('a', '2'));
    kit.apply(put('b', '2'));
    const first = brief(read(stream));
    kit.apply(put('a', '3'));
    expect([first, brief(read(stream))]).toEqual([['created 0 @2', 'events 0 @3 3'], ['events 0 @5 5']]);
  });

  it('shares the events with every other one', () => {
    const kit = new HubKit();
    const streams = [kit.open(), kit.open()];
    for (const stream of streams)
      for (let count = 0; count < 3; count += 1) stream.create(spec('a', { rangeEnd: '\0' }));
    kit.apply(put('a', '1'));
    kit.apply(put('b', '1'));
    const told = streams.flatMap(read).flatMap((output) => (output.kind === 'events' ? [output.events] : []));
    expect([told.length, new Set(told).size, new Set(told.flat()).size]).toEqual([6, 1, 2]);
  });
});

describe('batches of one watcher that wait', () => {
  it('become one, with the revision of the last, and stay apart from those of others', () => {
    const kit = new HubKit();
    const stream = kit.open();
    for (const end of ['\0', '', '\0']) stream.create(spec('a', { rangeEnd: end }));
    read(stream);
    for (const command of [put('a', '1'), put('b', '1'), txn([put('c', '1'), put('a', '2')]), put('c', '2')]) {
      kit.apply(command);
    }
    expect(brief(read(stream))).toEqual(['events 1 @4 2,4', 'events 0 @5 2,3,4,4,5', 'events 2 @5 2,3,4,4,5']);
    kit.apply(put('a', '3'));
    expect(brief(read(stream))).toEqual(['events 1 @6 6', 'events 0 @6 6', 'events 2 @6 6']);
  });

  it('overtake nothing else that was said', () => {
    const kit = new HubKit();
    const stream = kit.open();
    stream.create(spec('a'));
    kit.apply(put('a', '1'));
    stream.requestProgress();
    kit.apply(put('a', '2'));
    kit.apply(put('a', '3'));
    stream.create(spec('b'));
    kit.apply(put('a', '4'));
    expect(brief(read(stream))).toEqual([
      'created 0 @1',
      'events 0 @2 2',
      'progress -1 @2',
      'events 0 @4 3,4',
      'created 1 @4',
      'events 0 @5 5',
    ]);
  });

  it('become no larger than they may be, in events and in bytes', () => {
    const revisions = (kit: HubKit, value: string): string[] => {
      const stream = kit.open();
      stream.create(spec('a'));
      for (let count = 0; count < 7; count += 1) kit.apply(put('a', value));
      return brief(read(stream)).slice(1);
    };
    expect(revisions(new HubKit({ joinedEventsMax: 3 }), '')).toEqual([
      'events 0 @4 2,3,4',
      'events 0 @7 5,6,7',
      'events 0 @8 8',
    ]);
    expect(revisions(new HubKit({ joinedBytesMax: 500 }), 'x'.repeat(100))).toEqual([
      'events 0 @3 2,3',
      'events 0 @5 4,5',
      'events 0 @7 6,7',
      'events 0 @8 8',
    ]);
  });

  it('count each event in the bytes that wait, and none once they are read', () => {
    const kit = new HubKit();
    const stream = kit.open();
    for (const prevKv of [false, true]) stream.create(spec('a', { prevKv }));
    read(stream);
    for (let count = 0; count < 3; count += 1) kit.apply(put('a', 'x'.repeat(1_000)));
    expect(stream.queued).toEqual({ outputs: 2, bytes: 2 * 64 + 6 * (96 + 1_001) + 2 * 1_001 });
    read(stream);
    expect(stream.queued).toEqual({ outputs: 0, bytes: 0 });
  });
});

describe('a watcher from the future', () => {
  it('hears nothing older than its start, no progress before it, and nothing of a state that jumps past it twice', () => {
    const kit = new HubKit();
    const stream = kit.open();
    stream.create(spec('a', { startRevision: 4, progressNotify: true }));
    kit.apply(put('a', '2'));
    stream.requestProgress();
    stream.notifyProgress();
    kit.apply(put('a', '3'));
    expect(brief(read(stream))).toEqual(['created 0 @1']);
    kit.applyUnseen(put('a', '4'));
    kit.applyUnseen(put('a', '5'));
    kit.hub.reload(5);
    expect(brief(read(stream))).toEqual([]);
    catchUp(kit);
    stream.requestProgress();
    expect(brief(read(stream))).toEqual(['events 0 @5 4,5', 'progress -1 @5']);
  });
});

describe('a watcher from the past', () => {
  it('gets its history first, in batches that show how far they came', () => {
    const kit = new HubKit({ recentRevisionsMax: 1, sliceRevisionsMax: 2 });
    for (let count = 0; count < 5; count += 1) kit.apply(put('a', 'x'));
    const stream = kit.open();
    stream.create(spec('a', { startRevision: 2 }));
    stream.requestProgress();
    kit.feedOnce(2);
    const first = brief(read(stream));
    kit.apply(put('a', 'y'));
    catchUp(kit);
    stream.requestProgress();
    expect([first, brief(read(stream))]).toEqual([
      ['created 0 @1', 'events 0 @3 2,3'],
      ['events 0 @7 4,5,6,7', 'progress -1 @7'],
    ]);
  });

  it('is ended when a compaction was faster, and not when it begins at the compacted revision', () => {
    const kit = new HubKit();
    for (const command of [put('a', '1'), put('a', '2'), del('a'), put('b', '1')]) kit.apply(command);
    kit.apply(compact(4));
    const stream = kit.open();
    stream.create(spec('a', { startRevision: 3 }));
    stream.create(spec('a', { startRevision: 4 }));
    catchUp(kit);
    const outputs = read(stream);
    expect(brief(outputs)).toEqual(['created 0 @2', 'created 1 @3', 'canceled 0 @0', 'events 1 @4 4']);
    expect(outputs.find(({ kind }) => kind === 'canceled')).toMatchObject({ compactRevision: 4 });
  });

  it('does not hold up others that are less far behind', () => {
    const kit = new HubKit({ recentRevisionsMax: 1 });
    for (let count = 0; count < 100; count += 1) kit.apply(put('a', 'x'));
    const [far, near] = [kit.open(), kit.open()];
    far.create(spec('a', { startRevision: 2 }));
    near.create(spec('a', { startRevision: 99 }));
    for (let slices = 0; slices < 4; slices += 1) kit.feedOnce(3);
    expect(brief(read(near))).toEqual(['created 0 @98', 'events 0 @101 99,100,101']);
  });
});

describe('a transaction', () => {
  it('comes in one batch, in the order of its operations, filtered', () => {
    const kit = new HubKit();
    kit.apply(put('a', '1'));
    const stream = kit.open();
    stream.create(spec('a', { rangeEnd: '\0' }));
    stream.create(spec('a', { rangeEnd: '\0', noDelete: true }));
    stream.create(spec('a', { rangeEnd: '\0', noDelete: true, noPut: true }));
    kit.apply(txn([put('c', '1'), put('b', '1'), del('a')]));
    expect(brief(read(stream)).slice(3)).toEqual(['events 0 @3 3,3,3', 'events 1 @3 3,3']);
    kit.apply(del('b'));
    expect(brief(read(stream))).toEqual(['events 0 @4 4']);
  });

  it('shows what a key was before all of it', () => {
    const kit = new HubKit();
    kit.apply(put('k', 'old'));
    const stream = kit.open();
    stream.create(spec('k', { prevKv: true }));
    kit.apply(txn([txn([put('k', 'between')]), del('a', '\0')]));
    const told = read(stream).flatMap((output) => (output.kind === 'events' ? output.events : []));
    expect(told.map(({ type, prevKv }) => [type, prevKv?.value])).toEqual([
      ['put', 'old'],
      ['delete', 'old'],
    ]);
  });
});

describe('a stream whose reader stopped', () => {
  it('holds no more than its limit, and loses nothing', () => {
    const kit = new HubKit({ streamBytesMax: 10_000, recentRevisionsMax: 50 });
    const [slow, quick] = [kit.open(), kit.open()];
    for (const stream of [slow, quick]) stream.create(spec('a'));
    const seen = { slow: 0, quick: 0 };
    for (let count = 0; count < 2_000; count += 1) {
      kit.apply(put('a', 'x'.repeat(1_000)));
      kit.feedOnce(100);
      seen.quick += brief(read(quick)).filter((line) => line.startsWith('events')).length;
      expect(slow.queued.bytes).toBeLessThan(12_500);
    }
    expect(seen.quick).toBe(2_000);
    const told: number[] = [];
    do {
      for (const output of read(slow)) {
        if (output.kind === 'events') told.push(...output.events.map(({ revision }) => revision.main));
      }
    } while (kit.feedOnce(7));
    for (const output of read(slow))
      if (output.kind === 'events') told.push(...output.events.map(({ revision }) => revision.main));
    expect(told).toEqual(Array.from({ length: 2_000 }, (_, at) => at + 2));
  });

  it('is told no progress while it is behind', () => {
    const kit = new HubKit({ streamBatchesMax: 2 });
    const stream = kit.open();
    stream.create(spec('a', { progressNotify: true }));
    for (let count = 0; count < 3; count += 1) kit.apply(put('a', 'x'));
    stream.requestProgress();
    stream.notifyProgress();
    expect(brief(read(stream))).toEqual(['created 0 @1', 'events 0 @2 2']);
  });
});

describe('progress', () => {
  it('is told to those who asked for it, have heard nothing and are told everything', () => {
    const kit = new HubKit();
    const stream = kit.open();
    stream.requestProgress();
    stream.create(spec('a', { progressNotify: true }));
    stream.create(spec('b', { progressNotify: true }));
    stream.create(spec('c'));
    stream.notifyProgress();
    kit.apply(put('a', 'x'));
    stream.notifyProgress();
    stream.notifyProgress();
    expect(brief(read(stream)).slice(3)).toEqual([
      'progress 0 @1',
      'progress 1 @1',
      'events 0 @2 2',
      'progress 1 @2',
      'progress 0 @2',
      'progress 1 @2',
    ]);
  });

  it('of the whole stream waits for nobody and comes behind the events', () => {
    const kit = new HubKit();
    const stream = kit.open();
    stream.create(spec('a'));
    kit.apply(put('a', 'x'));
    stream.requestProgress();
    stream.create(spec('a', { startRevision: 1 }));
    stream.requestProgress();
    expect(brief(read(stream))).toEqual(['created 0 @1', 'events 0 @2 2', 'progress -1 @2', 'created 1 @0']);
  });
});

describe('ids', () => {
  it('are given from 0 on, skip those in use, and are taken as they come', () => {
    const kit = new HubKit();
    const stream = kit.open();
    stream.create(spec('a'), 1n);
    stream.create(spec('a'));
    stream.create(spec('a'));
    stream.create(spec('a'), -7n);
    stream.create(spec('a'), 1n);
    stream.cancel(1n);
    stream.cancel(1n);
    stream.create(spec('a'), 1n);
    expect(brief(read(stream))).toEqual([
      'created 1 @1',
      'created 0 @1',
      'created 2 @1',
      'created -7 @1',
      'refused duplicateId',
      'canceled 1 @1',
      'created 1 @1',
    ]);
  });
});

describe('memory', () => {
  it('is free again after a watcher is gone', () => {
    const kit = new HubKit();
    const stream = kit.open();
    for (let count = 0; count < 10_000; count += 1) {
      stream.create(spec('a', { rangeEnd: count % 2 === 0 ? '' : 'b', startRevision: count % 3 }), 5n);
      stream.cancel(5n);
      read(stream);
    }
    expect([stream.watchers, kit.hub.watchers, kit.hub.isEmpty]).toEqual([0, 0, true]);
    stream.create(spec('a'));
    stream.close();
    stream.close();
    kit.apply(put('a', 'x'));
    expect([kit.hub.isEmpty, kit.hub.streams.length, stream.take()]).toEqual([true, 0, undefined]);
  });
});
