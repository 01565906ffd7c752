import { describe, expect, it } from 'vitest';
import type { WatchBatch, WatchOutput } from '../../server/node/member.js';
import type { Event } from '../../server/state/result.js';
import { OutputBundle } from '../../server/rpc/output-bundle.js';
import { spec } from '../watch/hub-kit.js';

function batch(watchId: bigint, revisions: readonly number[], fragment = false, value = ''): WatchBatch {
  const events = revisions.map((main): Event => {
    const kv = { key: 'k', value, createRevision: main, modRevision: main, version: 1, lease: 0n };
    return { type: 'put', kv, revision: { main, sub: 0 }, prevKv: undefined };
  });
  return { kind: 'events', watchId, spec: spec('k', { fragment }), revision: revisions.at(-1) ?? 0, events };
}

function bundled(...outputs: readonly WatchOutput[]): readonly string[] {
  const bundle = new OutputBundle();
  for (const output of outputs) bundle.add(output);
  return bundle.outputs.map((output) => {
    const revisions =
      output.kind === 'events' ? output.events.map(({ revision }) => revision.main).join() : output.kind;
    return `${output.kind === 'refused' ? '' : output.watchId}@${output.revision} ${revisions}`;
  });
}

describe('what is said in one write', () => {
  it('has one message for the batches of each watcher, with the revision of the last', () => {
    expect(bundled(batch(0n, [2]), batch(1n, [2]), batch(0n, [3, 4]), batch(1n, [5]))).toEqual([
      '0@4 2,3,4',
      '1@5 2,5',
    ]);
  });

  it('lets no event overtake what was said before it', () => {
    const progress: WatchOutput = { kind: 'progress', watchId: -1n, revision: 2 };
    expect(bundled(batch(0n, [2]), progress, batch(0n, [3]), batch(0n, [4]))).toEqual([
      '0@2 2',
      '-1@2 progress',
      '0@4 3,4',
    ]);
  });

  it('leaves batches alone that may be split, and those that would become too large', () => {
    expect(bundled(batch(0n, [2], true), batch(0n, [3], true))).toEqual(['0@2 2', '0@3 3']);
    const long = Array.from({ length: 700 }, (_, at) => at + 2);
    expect(bundled(batch(0n, long), batch(0n, [702]), batch(0n, long)).map((line) => line.split(',').length)).toEqual([
      701, 700,
    ]);
  });

  it('is full in bytes and in messages', () => {
    const wide = new OutputBundle();
    wide.add(batch(0n, [2], false, 'x'.repeat(70_000)));
    expect(wide.isFull).toBe(true);
    const many = new OutputBundle();
    for (let id = 0n; !many.isFull; id += 1n) many.add(batch(id, [2]));
    expect(many.outputs.length).toBe(256);
  });
});
