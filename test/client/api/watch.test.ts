import { describe, expect, it } from 'vitest';
import { Watch, type WatchBatch, type WatchOptions } from '../../../client/api/watch.js';
import type { StreamNews } from '../../../client/calls/watch-stream.js';
import { type Revision, revision } from '../../../client/core/ids.js';
import { QuorateError } from '../../../client/core/quorate-error.js';
import type { KeyRange } from '../../../client/wire/key-range.js';
import { KeyValue } from '../../../client/wire/key-value.js';
import type { RangeResult } from '../../../client/wire/kv-answers.js';

const kv = (key: string, at = 1): KeyValue =>
  new KeyValue(Buffer.from(key), new Uint8Array(0), revision(at), revision(at), 1, undefined);
const page = (keys: readonly string[], at: number, more = false): RangeResult => ({
  entries: keys.map((key) => kv(key)),
  more,
  count: keys.length,
  revision: revision(at),
});
const events = (at: number, ...keys: readonly string[]): StreamNews => ({
  kind: 'events',
  events: keys.map((key) => ({ kind: 'put', kv: kv(key, at) })),
  revision: revision(at),
});
const began = (at: number): StreamNews => ({ kind: 'began', revision: revision(at) });
const compacted = (at: number): StreamNews => ({ kind: 'compacted', revision: revision(at) });

function told(batch: WatchBatch): string {
  if (batch.kind === 'initial') return `initial ${batch.entries.map(({ key }) => key).join(' ')} @${batch.revision}`;
  if (batch.kind !== 'events') return `${batch.kind} @${batch.revision}`;
  return batch.events.map((event) => (event.kind === 'put' ? event.kv.key : event.key)).join(' ');
}

class Setup {
  readonly opened: string[] = [];
  readonly read: string[] = [];
  readonly pauses: number[] = [];
  ended = 0;
  isOver = false;

  /** The news of one source after the other, and the pages of the range in turn. */
  constructor(
    readonly sources: readonly (readonly StreamNews[])[],
    readonly pages: readonly (RangeResult | QuorateError)[] = [],
  ) {}

  watch(options: WatchOptions, range: KeyRange = { prefix: '' }): Watch {
    return new Watch(range, options, {
      open: (_range, from) => {
        const news = [...(this.sources[this.opened.length] ?? [])];
        this.opened.push(String(from));
        return {
          next: () => Promise.resolve(news.shift()),
          end: () => {
            this.ended += 1;
          },
        };
      },
      read: async (asked, consistency) => {
        const answer = this.pages[this.read.length];
        this.read.push(JSON.stringify([asked, consistency]));
        if (answer === undefined || answer instanceof QuorateError) throw answer ?? new Error('no such page');
        return answer;
      },
      pause: async (failures) => {
        this.pauses.push(failures);
      },
      onBegin: () => true,
      onOver: () => {
        this.isOver = true;
      },
    });
  }

  async all(options: WatchOptions): Promise<readonly string[]> {
    const batches: string[] = [];
    for await (const batch of this.watch(options)) batches.push(told(batch));
    return batches;
  }
}

describe('a watch', () => {
  it('from now on, begins with the mark and goes on with what happens', async () => {
    const setup = new Setup([[began(7), events(8, 'a', 'b'), events(9, 'c')]]);
    expect(await setup.all({})).toEqual(['synced @7', 'a b', 'c']);
    expect(setup.opened).toEqual(['undefined']);
    expect([setup.ended > 0, setup.isOver]).toEqual([true, true]);
  });

  it('from a revision, has no mark, and tells of a compaction on the way', async () => {
    const setup = new Setup([[began(7), events(5, 'a'), compacted(20), events(20, 'b')]]);
    expect(await setup.all({ from: revision(5) })).toEqual(['a', 'resync @20', 'b']);
    expect(setup.opened).toEqual(['5']);
  });

  it('with the state, tells all of it as of one moment, then what came after', async () => {
    const setup = new Setup([[began(9), events(8, 'z')]], [page(['a', 'b'], 7, true), page(['c'], 9)]);
    expect(await setup.all({ initial: true })).toEqual(['initial a b @7', 'initial c @7', 'synced @7', 'z']);
    expect(setup.read).toEqual([
      '[{"prefix":""},"linearizable"]',
      `[${JSON.stringify({ start: Buffer.from('b\0') })},{"revision":7}]`,
    ]);
    expect(setup.opened).toEqual(['8']);
  });

  it('with a state of nothing, begins with the mark', async () => {
    expect(await new Setup([[]], [page([], 7)]).all({ initial: true })).toEqual(['synced @7']);
  });

  it('with the state, tells it anew after a compaction', async () => {
    const setup = new Setup([[events(8, 'x'), compacted(20)], [events(31, 'y')]], [page(['a'], 7), page(['b'], 30)]);
    expect(await setup.all({ initial: true })).toEqual([
      'initial a @7',
      'synced @7',
      'x',
      'resync @20',
      'initial b @30',
      'synced @30',
      'y',
    ]);
    expect(setup.opened).toEqual(['8', '31']);
  });

  it('with the state, begins anew when a compaction comes between its pages', async () => {
    const pages = [page(['a'], 7, true), new QuorateError('COMPACTED'), page(['b'], 30)];
    expect(await new Setup([[]], pages).all({ initial: true })).toEqual([
      'initial a @7',
      'resync @7',
      'initial b @30',
      'synced @30',
    ]);
  });

  it('ends with what its state cannot be read for', async () => {
    const setup = new Setup([], [new QuorateError('PERMISSION_DENIED')]);
    await expect(setup.all({ initial: true })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(setup.isOver).toBe(true);
  });

  it('goes on when no member could be asked for the state for a while', async () => {
    const late = new QuorateError('DEADLINE_EXCEEDED', { outcome: 'notApplied', retryable: true });
    const pages = [late, late, page(['a'], 7, true), new QuorateError('UNAVAILABLE'), page(['b'], 7)];
    const setup = new Setup([[]], pages);
    expect(await setup.all({ initial: true })).toEqual(['initial a @7', 'initial b @7', 'synced @7']);
    expect(setup.pauses).toEqual([1, 2, 1]);
    // The same page.
    expect(setup.read[4]).toBe(setup.read[3]);
  });

  it('ends when its loop is left, its signal aborted, or it is closed', async () => {
    const news = [began(7), events(8, 'a'), events(9, 'b')];
    const left = new Setup([news]);
    for await (const batch of left.watch({})) if (batch.kind === 'events') break;
    expect([left.ended > 0, left.isOver]).toEqual([true, true]);

    const aborted = new Setup([news]);
    const controller = new AbortController();
    for await (const _batch of aborted.watch({ signal: controller.signal })) controller.abort();
    expect(aborted.isOver).toBe(true);
    expect(await new Setup([news]).all({ signal: AbortSignal.abort() })).toEqual([]);

    const closed = new Setup([news]);
    const watch = closed.watch({});
    watch.close();
    for await (const _batch of watch) throw new Error('nothing comes of a closed watch');
    expect(closed.opened).toEqual([]);
  });

  it('ends quietly when it is closed in the middle of a read', async () => {
    const setup = new Setup([], [new QuorateError('CANCELED')]);
    const watch = setup.watch({ initial: true });
    const batches = watch[Symbol.asyncIterator]();
    const next = batches.next();
    watch.close();
    expect((await next).done).toBe(true);
  });

  it('can be left while it waits', async () => {
    const setup = new Setup([]);
    let wake = (): void => undefined;
    const watch = new Watch(
      'k',
      {},
      {
        open: () => ({
          next: () => new Promise((resolve) => (wake = () => resolve(undefined))),
          end: () => wake(),
        }),
        read: () => Promise.reject(new Error('nothing is read')),
        pause: () => Promise.reject(new Error('nothing is tried again')),
        onBegin: () => true,
        onOver: () => {
          setup.isOver = true;
        },
      },
    );
    const batches = watch[Symbol.asyncIterator]();
    const next = batches.next();
    await batches.return?.();
    expect((await next).done).toBe(true);
    expect(setup.isOver).toBe(true);
  });

  it('is iterated once', () => {
    const watch = new Setup([]).watch({});
    watch[Symbol.asyncIterator]();
    expect(() => watch[Symbol.asyncIterator]()).toThrow('only once');
    const both = { initial: true, from: 1 as Revision };
    expect(() => new Setup([]).watch(both)[Symbol.asyncIterator]()).toThrow('INVALID_ARGUMENT');
  });
});
