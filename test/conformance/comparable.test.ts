import type { KeyValue } from '@quorate/proto/etcd/mvcc.js';
import { describe, expect, it } from 'vitest';
import type { Answer, Call } from './call.js';
import { areEqual } from './comparable.js';
import { noBytes } from './key-space.js';
import { plainRange } from './range-generator.js';
import { plainPut } from './txn-generator.js';

const header = { clusterId: 11n, memberId: 22n, revision: 33n, raftTerm: 44n };
const innerHeader = { clusterId: 0n, memberId: 0n, revision: 33n, raftTerm: 0n };

function keyValue(key: string, overrides: Partial<KeyValue> = {}): KeyValue {
  const revisions = { createRevision: 5n, modRevision: 7n, version: 3n };
  return { key: Buffer.from(key), value: Buffer.from('v'), lease: 9n, ...revisions, ...overrides };
}

const rangeCall = { kind: 'range', request: plainRange(Buffer.from('a')) } as const;
const putCall = { kind: 'put', request: plainPut(Buffer.from('a'), noBytes) } as const;
const deleteCall = {
  kind: 'deleteRange',
  request: { key: Buffer.from('a'), rangeEnd: noBytes, prevKv: true },
} as const;
const compactCall = { kind: 'compact', request: { revision: 3n, physical: false } } as const;
const txnCall: Call = {
  kind: 'txn',
  request: {
    compare: [],
    success: [
      { request: { $case: 'requestRange', value: rangeCall.request } },
      { request: { $case: 'requestPut', value: putCall.request } },
      { request: { $case: 'requestDeleteRange', value: deleteCall.request } },
      {
        request: {
          $case: 'requestTxn',
          value: {
            compare: [],
            success: [{ request: { $case: 'requestRange', value: rangeCall.request } }],
            failure: [],
          },
        },
      },
    ],
    failure: [],
  },
};

const rangeMessage = { header, kvs: [keyValue('a'), keyValue('b')], more: true, count: 4n };
const innerRange = { ...rangeMessage, header: innerHeader };

const answers: readonly (readonly [string, Call, Answer])[] = [
  ['range', rangeCall, { ok: true, response: { kind: 'range', message: rangeMessage } }],
  ['put', putCall, { ok: true, response: { kind: 'put', message: { header, prevKv: keyValue('a') } } }],
  [
    'deleteRange',
    deleteCall,
    { ok: true, response: { kind: 'deleteRange', message: { header, deleted: 1n, prevKvs: [keyValue('a')] } } },
  ],
  ['compact', compactCall, { ok: true, response: { kind: 'compact', message: { header } } }],
  [
    'txn',
    txnCall,
    {
      ok: true,
      response: {
        kind: 'txn',
        message: {
          header,
          succeeded: true,
          responses: [
            { response: { $case: 'responseRange', value: innerRange } },
            { response: { $case: 'responsePut', value: { header: innerHeader, prevKv: keyValue('a') } } },
            {
              response: {
                $case: 'responseDeleteRange',
                value: { header: innerHeader, deleted: 1n, prevKvs: [keyValue('a')] },
              },
            },
            {
              response: {
                $case: 'responseTxn',
                value: {
                  header: { ...innerHeader, revision: 0n },
                  succeeded: true,
                  responses: [{ response: { $case: 'responseRange', value: innerRange } }],
                },
              },
            },
          ],
        },
      },
    },
  ],
  ['error', putCall, { ok: false, code: 3, text: 'etcdserver: key is not provided' }],
];

/** Every copy of `value` in which one leaf has another value, or one list is shorter or longer: of the same shape. */
function alterations<T>(value: T, path = ''): readonly { readonly path: string; readonly altered: T }[] {
  const given = (altered: unknown): { path: string; altered: T } => ({ path, altered: altered as T });
  if (Buffer.isBuffer(value)) return [given(Buffer.concat([value, Buffer.from([0])]))];
  if (typeof value === 'bigint') return [given(value + 1n)];
  if (typeof value === 'number') return [given(value + 1)];
  if (typeof value === 'boolean') return [given(!value)];
  if (typeof value === 'string') return [given(`${value}.`)];
  if (typeof value !== 'object' || value === null) return [];
  const copy = (key: string, replaced: unknown): T =>
    (Array.isArray(value) ? value.with(Number(key), replaced) : { ...value, [key]: replaced }) as T;
  const nested = Object.entries(value).flatMap(([key, field]) =>
    alterations(field, `${path}.${key}`).map((one) => ({ path: one.path, altered: copy(key, one.altered) })),
  );
  return Array.isArray(value) ? [given(value.slice(0, -1)), given([...value, value[0]]), ...nested] : nested;
}

const freePaths = ['clusterId', 'memberId', 'raftTerm'].map((field) => `.response.message.header.${field}`);
const discriminants = /\.(kind|ok|\$case)$/;

describe('comparable', () => {
  it.each(answers)('%s: an answer equals itself', (_name, call, answer) => {
    expect(areEqual(call, answer, answer)).toBe(true);
  });

  it.each(answers)('%s: any single altered field is a difference', (_name, call, answer) => {
    const altered = alterations(answer).filter(({ path }) => !freePaths.includes(path) && !discriminants.test(path));
    expect(altered.length).toBeGreaterThan(0);
    expect(altered.filter((one) => areEqual(call, answer, one.altered)).map((one) => one.path)).toEqual([]);
  });

  it.each(answers)('%s: ids and term of the header are free', (_name, call, answer) => {
    const free = alterations(answer).filter(({ path }) => freePaths.includes(path));
    expect(free).toHaveLength(answer.ok ? 3 : 0);
    for (const { path, altered } of free) expect(areEqual(call, answer, altered), path).toBe(true);
  });

  it('a missing header is not an empty one', () => {
    const message = { prevKv: undefined };
    const empty = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };
    const missing: Answer = { ok: true, response: { kind: 'put', message: { ...message, header: undefined } } };
    const present: Answer = { ok: true, response: { kind: 'put', message: { ...message, header: empty } } };
    expect(areEqual(putCall, missing, present)).toBe(false);
  });

  it('only the gRPC libraries may word a refusal differently, and only with the same sizes', () => {
    const refusal = (text: string): Answer => ({ ok: false, code: 8, text });
    const etcd = refusal('grpc: received message larger than max (9 vs. 8)');
    expect(areEqual(putCall, etcd, refusal('Received message larger than max (9 vs 8)'))).toBe(true);
    expect(areEqual(putCall, etcd, refusal('Received message larger than max (9 vs 7)'))).toBe(false);
    expect(areEqual(putCall, etcd, refusal('message larger than max: 9 of 8.'))).toBe(false);
  });

  it('an error is not a success', () => {
    for (const [, call, answer] of answers.filter(([, , one]) => one.ok)) {
      expect(areEqual(call, answer, { ok: false, code: 0, text: '' })).toBe(false);
    }
  });
});

describe('comparable: the order of ties', () => {
  const byVersion: Call = { kind: 'range', request: { ...plainRange(Buffer.from('a')), sortTarget: 1, sortOrder: 1 } };

  function answerOf(keys: string, versions: string, more = false, count = BigInt(keys.length)): Answer {
    const kvs = Array.from(keys, (key, n) => keyValue(key, { version: BigInt(versions[n] ?? 0) }));
    return { ok: true, response: { kind: 'range', message: { header, kvs, more, count } } };
  }

  it('is open among more than twelve keys', () => {
    expect(
      areEqual(byVersion, answerOf('abcdefghijklm', '1111112222222'), answerOf('fedcbagmlkjih', '1111112222222')),
    ).toBe(true);
  });

  it('is key order among up to twelve', () => {
    expect(
      areEqual(byVersion, answerOf('abcdefghijkl', '111111222222'), answerOf('bacdefghijkl', '111111222222')),
    ).toBe(false);
  });

  it('does not extend to keys that differ in what they are sorted by', () => {
    expect(
      areEqual(byVersion, answerOf('abcdefghijklm', '1111112222222'), answerOf('abcdeghijklmf', '1111122222221')),
    ).toBe(false);
  });

  it('does not extend to another target', () => {
    const byKey: Call = { kind: 'range', request: plainRange(Buffer.from('a')) };
    expect(
      areEqual(byKey, answerOf('abcdefghijklm', '1111112222222'), answerOf('bacdefghijklm', '1111112222222')),
    ).toBe(false);
  });

  it('lets the limit cut any of the last ties, but not one more or less', () => {
    const cut = answerOf('abcdef', '111222', true, 20n);
    expect(areEqual(byVersion, cut, answerOf('bacxyz', '111222', true, 20n))).toBe(true);
    expect(areEqual(byVersion, cut, answerOf('bacxy', '11122', true, 20n))).toBe(false);
    expect(areEqual(byVersion, cut, answerOf('abxdef', '111222', true, 20n))).toBe(false);
  });

  it('holds inside transactions', () => {
    const request = { ...plainRange(Buffer.from('a')), sortTarget: 1, sortOrder: 1 } as const;
    const txn: Call = {
      kind: 'txn',
      request: { compare: [], success: [], failure: [{ request: { $case: 'requestRange', value: request } }] },
    };
    const within = (answer: Answer): Answer => {
      if (!answer.ok || answer.response.kind !== 'range') throw new Error('a range is wanted');
      const responses = [{ response: { $case: 'responseRange', value: answer.response.message } } as const];
      return { ok: true, response: { kind: 'txn', message: { header, succeeded: false, responses } } };
    };
    const inOrder = within(answerOf('abcdefghijklm', '1111112222222'));
    expect(areEqual(txn, inOrder, within(answerOf('bacdefghijklm', '1111112222222')))).toBe(true);
    expect(areEqual(txn, inOrder, within(answerOf('abcdeghijklmf', '1111122222221')))).toBe(false);
  });
});
