import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  Command,
  Compare as CommandCompare,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
} from '../../server/state/command.js';
import type { KeyValue as ModelKeyValue } from '../../server/state/result.js';
import { checkTxn, KvModel, type ModelResult } from '../state/kv-model.js';
import { compact, del, put, range, txn } from '../state/commands.js';
import { KvSpec } from './kv-spec.js';
import type { Call, Compare, KeyValue, TxnOp } from './operation.js';

const keys = ['\0', 'a', 'a\0', 'ab', 'b', '\xff'];
const key = fc.constantFrom(...keys);
const rangeEnd = fc.constantFrom('', '', '\0', ...keys);
const revision = fc.integer({ min: -1, max: 14 });
const value = fc.constantFrom('', 'x', 'y', 'z');

const putCall = fc.record({ kind: fc.constant('put' as const), key, value });
const deleteCall = fc.record({ kind: fc.constant('deleteRange' as const), key, rangeEnd });
const rangeQuery = fc.record({
  kind: fc.constant('range' as const),
  key,
  rangeEnd,
  revision: fc.oneof(fc.constant(0), fc.nat({ max: 14 })),
  limit: fc.nat({ max: 3 }),
});
const comparison: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ key, target: fc.constant('value' as const), is: fc.constant('equal' as const), operand: value }),
  fc.record({
    key,
    target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const),
    is: fc.constantFrom('equal' as const, 'greater' as const, 'less' as const),
    operand: fc.nat({ max: 6 }),
  }),
);
const ops: fc.Arbitrary<TxnOp[]> = fc.array(fc.oneof(putCall, deleteCall, rangeQuery), { maxLength: 4 });
const txnCall = fc.record({
  kind: fc.constant('txn' as const),
  compares: fc.array(comparison, { maxLength: 2 }),
  success: ops,
  failure: ops,
});
const readCall = rangeQuery.map((query) => ({ ...query, read: 'linearizable' as const }));
const compactCall = fc.record({ kind: fc.constant('compact' as const), revision });
const calls = fc.array(fc.oneof(putCall, putCall, deleteCall, txnCall, readCall, compactCall), { maxLength: 40 });

describe('the specification of the store', () => {
  it('is that of the model, request by request, whether or not requests were taken back before', () => {
    fc.assert(
      fc.property(calls, (sequence) => {
        const [spec, model] = [new KvSpec(), new KvModel()];
        for (const call of sequence) {
          const expected = fromModel(model, call);
          if (expected === 'malformed') continue;
          const before = [spec.revision, spec.compacted] as const;
          if (call.kind !== 'range') {
            fromSpec(spec, call);
            spec.moveTo(...before);
          }
          expect(fromSpec(spec, call)).toEqual(expected);
          expect(spec.revision).toBe(model.revision);
          for (const name of keys) expect(spec.get(name)?.version).toEqual(model.get(name)?.version);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('names what was written at a revision', () => {
    const spec = new KvSpec(10);
    for (const name of ['b', 'a']) spec.apply({ kind: 'put', key: name, value: '' });
    spec.apply({ kind: 'deleteRange', key: 'a', rangeEnd: '\0' });
    expect([10, 11, 12, 13, 14].map((at) => spec.writtenAt(at))).toEqual([[], ['b'], ['a'], ['a', 'b'], []]);
  });

  it('leaves a revision out when told to', () => {
    const spec = new KvSpec();
    spec.moveTo(5);
    spec.apply({ kind: 'put', key: 'a', value: '' });
    expect(spec.get('a')?.modRevision).toBe(6);
  });
});

function fromSpec(spec: KvSpec, call: Call): object | string | undefined {
  if (call.kind === 'compact') return spec.compact(call.revision);
  return call.kind === 'range' ? spec.range(call) : spec.apply(call);
}

function fromModel(model: KvModel, call: Call): object | string | undefined {
  const command = commandFrom(call);
  if (command.kind === 'txn' && checkTxn(command, 128, 16) !== undefined) return 'malformed';
  const answer = command.kind === 'range' ? model.range(command) : model.apply(command, 1);
  if (!answer.ok) return answer.code;
  return answer.result.kind === 'compact' ? undefined : inCommonWords(answer.result);
}

function commandFrom(call: Call): Command | RangeQuery {
  switch (call.kind) {
    case 'compact':
      return compact(call.revision);
    case 'txn':
      return txn(call.success.map(opFrom), call.failure.map(opFrom), call.compares.map(comparisonFrom));
    default:
      return opFrom(call);
  }
}

function opFrom(op: TxnOp): PutCommand | DeleteRangeCommand | RangeQuery {
  switch (op.kind) {
    case 'put':
      return put(op.key, op.value);
    case 'deleteRange':
      return del(op.key, op.rangeEnd);
    case 'range':
      return range(op.key, op.rangeEnd, { revision: op.revision, limit: op.limit });
  }
}

function comparisonFrom(compare: Compare): CommandCompare {
  const common = { key: compare.key, rangeEnd: '', result: compare.is };
  return compare.target === 'value'
    ? { ...common, target: compare.target, operand: compare.operand }
    : { ...common, target: compare.target, operand: compare.operand };
}

/** The model tells more than clients of this kind ask for. */
function inCommonWords(result: ModelResult): object {
  switch (result.kind) {
    case 'range': {
      const { kvs, more, count } = result.answer;
      return { kind: 'range', kvs: kvs.map(withoutLease), more, count };
    }
    case 'deleteRange':
      return { kind: 'deleteRange', deleted: result.deleted };
    case 'txn':
      return { kind: 'txn', succeeded: result.succeeded, results: result.results.map(inCommonWords) };
    default:
      return { kind: result.kind };
  }
}

function withoutLease({ key, value, createRevision, modRevision, version }: ModelKeyValue): KeyValue {
  return { key, value, createRevision, modRevision, version };
}
