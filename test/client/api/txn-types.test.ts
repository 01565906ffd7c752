/** What the compiler says of transactions and keyspaces; nothing of it needs a cluster. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Client } from '../../../client/api/client.js';
import type { Entry } from '../../../client/api/keyspace.js';
import type { StandardSchema } from '../../../client/api/standard-schema.js';
import { cmp, del, get, type Op, put, Txn } from '../../../client/api/txn.js';
import { Requests } from '../../../client/api/requests.js';
import type { KeyValue } from '../../../client/wire/key-value.js';
import type { DeleteResult, PutResult, RangeResult } from '../../../client/wire/kv-answers.js';

const nobody = { call: () => Promise.reject(new Error('nobody')), close: () => Promise.resolve() };
const txn = (): Txn => new Txn(nobody, new Requests(undefined));

describe('a transaction', () => {
  it('has results typed by place', () => {
    const built = txn()
      .if(cmp('k').exists())
      .then(put('k', 'v'), get('x'), get({ prefix: 'a/' }), del('y'))
      .else(get('k'));
    type Result = Awaited<ReturnType<(typeof built)['commit']>>;
    expectTypeOf<Extract<Result, { ok: true }>['results']>().toEqualTypeOf<
      [PutResult, KeyValue | null, RangeResult, DeleteResult]
    >();
    expectTypeOf<Extract<Result, { ok: false }>['results']>().toEqualTypeOf<[KeyValue | null]>();
    const empty = txn().if(cmp('k').absent());
    type Empty = Awaited<ReturnType<(typeof empty)['commit']>>;
    expectTypeOf<Empty['results']>().toEqualTypeOf<[]>();
  });

  it('that is awaited without being committed says so', async () => {
    const careless = async (): Promise<unknown> => txn().then(put('k', 'v')) as unknown;
    await expect(careless()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('refuses what is no operation, and keys that are none', async () => {
    expect(() => txn().then({} as Op<unknown>)).toThrow('INVALID_ARGUMENT');
    await expect(txn().then(put('', 'v')).commit()).rejects.toMatchObject({ code: 'EMPTY_KEY' });
    await expect(txn().if(cmp('').exists()).commit()).rejects.toMatchObject({ code: 'EMPTY_KEY' });
    await expect(
      txn()
        .then(put('k', 1 as never))
        .commit(),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('a keyspace', () => {
  it('is typed by its schema', () => {
    interface User {
      readonly name: string;
    }
    const use = (
      client: Pick<Client, 'keyspace'>,
      schema: StandardSchema<{ name: string; age?: number }, User>,
    ): void => {
      const users = client.keyspace('users/', { value: schema });
      expectTypeOf(users.get('a')).resolves.toEqualTypeOf<Entry<string, User> | null>();
      expectTypeOf<Parameters<(typeof users)['put']>[1]>().toEqualTypeOf<{ name: string; age?: number }>();
      const numbered = client.keyspace('n/', {
        value: schema,
        key: { encode: (id: number) => String(id), decode: Number },
      });
      expectTypeOf<Parameters<(typeof numbered)['get']>[0]>().toEqualTypeOf<number>();
    };
    // It is there to be compiled.
    expect(use).toBeTypeOf('function');
  });
});
