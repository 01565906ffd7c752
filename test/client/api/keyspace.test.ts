import { describe, expect, it } from 'vitest';
import { Keyspace, type KeyspaceOptions } from '../../../client/api/keyspace.js';
import type { Kv } from '../../../client/api/kv.js';
import type { StandardSchema } from '../../../client/api/standard-schema.js';
import type { Watch, WatchBatch } from '../../../client/api/watch.js';
import { revision } from '../../../client/core/ids.js';
import { KeyValue } from '../../../client/wire/key-value.js';

interface User {
  readonly name: string;
}

/** Takes objects with a name, and gives them back with the name in capitals. */
const schema: StandardSchema<User, User> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) =>
      typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
        ? { value: { name: value.name.toUpperCase() } }
        : { issues: [{ message: 'a name is missing' }] },
  },
};

const kv = (key: string, text: string): KeyValue =>
  new KeyValue(Buffer.from(key), Buffer.from(text), revision(2), revision(3), 1, undefined);

class Setup {
  readonly puts: unknown[] = [];
  stored: readonly KeyValue[] = [];
  batches: readonly WatchBatch[] = [];

  users(options: Partial<KeyspaceOptions<User, User, string>> = {}): Keyspace<User, User, string> {
    const fake = {
      get: async () => this.stored[0] ?? null,
      list: async () => ({ entries: this.stored, more: false, count: 1, revision: revision(9) }),
      scan: async function* (this: void) {
        yield kv('users/a', '{"name":"a"}');
      },
      put: async (key: string, value: string) => {
        this.puts.push([key, value]);
        return { revision: revision(4) };
      },
      delete: async (key: string) => ({ revision: revision(4), deleted: key === 'users/a' ? 1 : 0 }),
      compareAndSwap: async () => ({ ok: false, revision: revision(4), current: this.stored[0] ?? null }),
      update: async (_key: string, change: (current: KeyValue | null) => Promise<unknown>) => {
        this.puts.push(await change(this.stored[0] ?? null));
        return { revision: revision(4), isWritten: true };
      },
    };
    const { batches } = this;
    const watch = async function* (): AsyncGenerator<WatchBatch> {
      yield* batches;
    };
    return new Keyspace(fake as unknown as Kv, watch as unknown as () => Watch, 'users/', {
      value: schema,
      ...options,
    });
  }
}

describe('a keyspace', () => {
  it('writes JSON that fits, under its prefix', async () => {
    const setup = new Setup();
    await setup.users().put('a', { name: 'ann' });
    expect(setup.puts).toEqual([['users/a', '{"name":"ann"}']]);
    await expect(setup.users().put('a', {} as User)).rejects.toMatchObject({
      code: 'INVALID_VALUE',
      outcome: 'notApplied',
      cause: [{ message: 'a name is missing' }],
    });
    expect(setup.puts.length).toBe(1);
  });

  it('reads what fits, as its schema makes it', async () => {
    const setup = new Setup();
    setup.stored = [kv('users/a', '{"name":"ann"}')];
    expect(await setup.users().get('a')).toEqual({
      key: 'a',
      value: { name: 'ANN' },
      createRevision: 2,
      modRevision: 3,
      version: 1,
      lease: undefined,
    });
    expect((await setup.users().list()).entries.map(({ value }) => value)).toEqual([{ name: 'ANN' }]);
    for await (const { key, value } of setup.users().scan()) expect([key, value]).toEqual(['a', { name: 'A' }]);
    expect(await setup.users().compareAndSwap('a', 'absent', { name: 'b' })).toMatchObject({
      ok: false,
      current: { value: { name: 'ANN' } },
    });
    setup.stored = [];
    expect(await setup.users().get('a')).toBeNull();
    expect(await setup.users().delete('a')).toMatchObject({ deleted: 1 });
  });

  it('refuses what does not fit, and what is no JSON', async () => {
    const setup = new Setup();
    setup.stored = [kv('users/a', '{}')];
    await expect(setup.users().get('a')).rejects.toMatchObject({ code: 'INVALID_VALUE' });
    setup.stored = [kv('users/a', 'no json')];
    await expect(setup.users().get('a')).rejects.toMatchObject({ code: 'INVALID_VALUE' });
  });

  it('updates', async () => {
    const setup = new Setup();
    setup.stored = [kv('users/a', '{"name":"ann"}')];
    await setup.users().update('a', (current) => ({ name: `${current?.value.name} B.` }));
    await setup.users().update('a', () => undefined);
    expect(setup.puts).toEqual(['{"name":"ANN B."}', undefined]);
  });

  it('watches, and tells what does not fit for what it is', async () => {
    const setup = new Setup();
    const at = revision(5);
    setup.batches = [
      { kind: 'initial', entries: [kv('users/a', '{"name":"a"}')], revision: at },
      { kind: 'synced', revision: at },
      {
        kind: 'events',
        revision: at,
        events: [
          { kind: 'put', kv: kv('users/b', '{"name":"b"}'), prev: kv('users/b', '{"name":"old"}') },
          { kind: 'put', kv: kv('users/c', '{}') },
          { kind: 'delete', key: 'users/b', keyBytes: Buffer.from('users/b'), revision: at, cause: 'leaseExpired' },
        ],
      },
      { kind: 'resync', revision: at },
    ];
    const told = [];
    for await (const batch of setup.users().watch()) told.push(batch);
    expect(told).toMatchObject([
      { kind: 'initial', entries: [{ key: 'a', value: { name: 'A' } }] },
      { kind: 'synced' },
      {
        kind: 'events',
        events: [
          { kind: 'put', entry: { key: 'b', value: { name: 'B' } }, prev: { value: { name: 'OLD' } } },
          { kind: 'invalid', error: { code: 'INVALID_VALUE' } },
          { kind: 'delete', key: 'b', cause: 'leaseExpired' },
        ],
      },
      { kind: 'resync' },
    ]);
  });

  it('makes keys and values as it is told', async () => {
    const setup = new Setup();
    const users = setup.users({
      key: {
        encode: (key) => key.toUpperCase(),
        decode: (path) => {
          if (path === 'BAD') throw new Error('bad');
          return path.toLowerCase();
        },
      },
      codec: {
        encode: (value) => (value as User).name,
        decode: (bytes) => ({ name: Buffer.from(bytes).toString() }),
      },
    });
    await users.put('a', { name: 'ann' });
    expect(setup.puts).toEqual([['users/A', 'ann']]);
    setup.stored = [kv('users/A', 'ann')];
    expect(await users.get('a')).toMatchObject({ key: 'a', value: { name: 'ANN' } });
    setup.stored = [kv('users/BAD', 'ann')];
    await expect(users.get('a')).rejects.toMatchObject({ code: 'INVALID_VALUE' });
  });
});
