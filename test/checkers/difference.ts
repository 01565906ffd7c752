/** Two answers side by side. */
import { describeKeyValue } from './describe.js';
import type { Answer, KeyValue, RangeAnswer } from './operation.js';

/** The first difference in words, undefined when there is none. */
export function differenceOf(actual: Answer, expected: Answer): string | undefined {
  if (actual.kind === 'range' && expected.kind === 'range') return rangeDifference(actual, expected);
  if (actual.kind === 'deleteRange' && expected.kind === 'deleteRange') {
    return actual.deleted === expected.deleted ? undefined : `deleted is ${actual.deleted}, not ${expected.deleted}`;
  }
  if (actual.kind === 'txn' && expected.kind === 'txn') {
    if (actual.succeeded !== expected.succeeded) return `succeeded is ${actual.succeeded}, not ${expected.succeeded}`;
    if (actual.results.length !== expected.results.length) {
      return `there are ${actual.results.length} results, not ${expected.results.length}`;
    }
    for (const [index, result] of actual.results.entries()) {
      const wanted = expected.results[index];
      const difference = wanted && differenceOf(result, wanted);
      if (difference !== undefined) return `in result ${index + 1}, ${difference}`;
    }
    return undefined;
  }
  if (actual.kind === 'leaseEnd' && expected.kind === 'leaseEnd') {
    const [is, wanted] = [actual.keys.join(', '), expected.keys.join(', ')];
    return is === wanted ? undefined : `its keys are ${is || 'none'}, not ${wanted || 'none'}`;
  }
  return actual.kind === expected.kind ? undefined : `the answer is a ${actual.kind}, not a ${expected.kind}`;
}

function rangeDifference(actual: RangeAnswer, expected: RangeAnswer): string | undefined {
  for (let index = 0; index < Math.max(actual.kvs.length, expected.kvs.length); index += 1) {
    const [is, wanted] = [actual.kvs[index], expected.kvs[index]];
    if (!isSame(is, wanted)) return `it shows ${describeKeyValue(is)}, not ${describeKeyValue(wanted)}`;
  }
  if (actual.count !== expected.count) return `count is ${actual.count}, not ${expected.count}`;
  return actual.more === expected.more ? undefined : `more is ${actual.more}, not ${expected.more}`;
}

function isSame(a: KeyValue | undefined, b: KeyValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const { key, value, createRevision, modRevision, version, lease } = a;
  return (
    key === b.key &&
    value === b.value &&
    createRevision === b.createRevision &&
    modRevision === b.modRevision &&
    version === b.version &&
    lease === b.lease
  );
}
