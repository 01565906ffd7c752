/** Calls and outcomes as the readable story of a run shows them. */
import type { Call, Compare, Outcome, RangeAnswer, TxnOp } from '../../checkers/operation.js';
import { shortOf } from './values.js';

const KVS_SHOWN = 4;
const VALUE_SHOWN = 24;

export function describeCall(call: Call): string {
  switch (call.kind) {
    case 'compact':
      return `compact ${call.revision}`;
    case 'txn': {
      const compares = call.compares.map(describeCompare).join(', ');
      return `txn if ${compares || 'true'} then ${describeOps(call.success)} else ${describeOps(call.failure)}`;
    }
    case 'range':
      return `${describeOp(call)}${call.read === 'serializable' ? ' serializable' : ''}`;
    default:
      return describeOp(call);
  }
}

export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'ok') return `${outcome.kind} ${outcome.code}`;
  const { revision, answer } = outcome;
  const start = `ok revision ${revision}`;
  switch (answer.kind) {
    case 'range':
      return `${start} ${describeRange(answer)}`;
    case 'deleteRange':
      return `${start} deleted ${answer.deleted}`;
    case 'txn':
      return `${start} ${answer.succeeded ? 'then' : 'else'}${answer.results
        .map((result) => (result.kind === 'range' ? ` ${describeRange(result)}` : ''))
        .join('')}`;
    default:
      return start;
  }
}

function describeRange({ kvs, count, more }: RangeAnswer): string {
  const shown = kvs
    .slice(0, KVS_SHOWN)
    .map(({ key, value, modRevision }) => `${print(key)}=${brief(value)}@${modRevision}`);
  if (kvs.length > shown.length) shown.push('…');
  return `[${shown.join(' ')}]${kvs.length === count && !more ? '' : ` of ${count}`}`;
}

function describeOps(ops: readonly TxnOp[]): string {
  return `(${ops.map(describeOp).join(', ')})`;
}

function describeOp(op: TxnOp): string {
  if (op.kind === 'put')
    return `put ${print(op.key)}=${brief(op.value)}${op.lease === undefined ? '' : ` on ${op.lease}`}`;
  const where = op.rangeEnd === undefined ? print(op.key) : `${print(op.key)}..${print(op.rangeEnd)}`;
  if (op.kind === 'deleteRange') return `delete ${where}`;
  const at = op.revision > 0 ? ` at ${op.revision}` : '';
  return `get ${where}${at}${op.limit > 0 ? ` limit ${op.limit}` : ''}`;
}

const SIGNS = { equal: '=', greater: '>', less: '<' } as const;

function describeCompare(compare: Compare): string {
  const operand = compare.target === 'value' ? brief(compare.operand) : compare.operand;
  return `${compare.target} ${print(compare.key)} ${SIGNS[compare.is]} ${operand}`;
}

/** The end of a long one: of a list, its last elements. */
function brief(value: string): string {
  const short = shortOf(value);
  return short.length <= VALUE_SHOWN ? print(short) : `…${print(short.slice(-VALUE_SHOWN))}`;
}

function print(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return text.replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
