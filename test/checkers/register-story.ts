/**
 * Histories of registers, drawn. One line is one client, one column one millisecond; a call lasts from `[` to `]`, or to
 * `?` when its outcome is unknown and to `X` when it failed.
 *
 *     [put a]  [put b     ]       client 1 writes a, then b
 *                 [get a]         client 2 reads a while b is being written
 *
 *     put a                       writes a to r1, the key unless another is named: `r2 put a`
 *     get a     get -             reads a, reads that nothing is there
 *     peek a    past a            the same, serializable, and of an old revision
 *     del 1     r0..r9 del 3      deletes so many
 *     put a; k1 get -             a transaction without guards
 *     if a put b                  if the value is a: it was
 *     if a put b ! get c          it was not: the other branch read c
 *     if - & k1 @5 put b          if there is nothing, and the mod revision of k1 is 5
 *     if version>0 put b          mod, create, version; =, >, <
 *     put a @7  get a @7          revision 7 in the header of a put, or as the mod revision of what was read; else 1
 */
import type { Answer, Call, Compare, KeyValue, OpAnswer, Operation, Outcome, TxnOp } from './operation.js';

const usualKey = 'r1';
const usualRevision = 1;
const drawnCall = /\[([^\]?X]*)([\]?X])/g;

export function story(text: string): readonly Operation[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.flatMap((line, place) => {
    if (line.replaceAll(drawnCall, '').trim() !== '') throw new Error(`this is no line of a story: ${line}`);
    const calls = [...line.matchAll(drawnCall)];
    return calls.map(({ 0: drawn, 1: said = '', 2: end = '', index }): Operation => {
      const { call, answer, revision } = read(said.trim());
      const outcome = outcomeOf(end, answer, revision);
      return { client: place + 1, member: 'm1', call, outcome, startMs: index, endMs: index + drawn.length - 1 };
    });
  });
}

function outcomeOf(end: string, answer: Answer, revision: number): Outcome {
  if (end === '?') return { kind: 'unknown', code: 'OUTCOME_UNKNOWN' };
  return end === 'X' ? { kind: 'failed', code: 'NO_LEADER' } : { kind: 'ok', revision, answer };
}

interface Told {
  readonly call: Call;
  readonly answer: Answer;
  readonly revision: number;
}

interface Step {
  readonly op: TxnOp;
  readonly answer: OpAnswer;
  readonly revision: number;
  readonly isSerializable: boolean;
}

function read(said: string): Told {
  const [, guards, rest = ''] = /^(?:if (.+?) (?=(?:[kr]\d\S* )?(?:put|get|del)\b))?(.*)$/.exec(said) ?? [];
  const [success, failure] = rest.split('!').map(readSteps);
  const [only, ...others] = success ?? [];
  if (only === undefined) throw new Error(`this is no call of a story: ${said}`);
  if (guards === undefined && others.length === 0) return readOne(only);
  const taken = failure ?? success ?? [];
  const call: Call = {
    kind: 'txn',
    compares: guards?.split('&').map((guard) => readGuard(guard.trim())) ?? [],
    success: (success ?? []).map(({ op }) => op),
    failure: (failure ?? []).map(({ op }) => op),
  };
  const answer: Answer = { kind: 'txn', succeeded: failure === undefined, results: taken.map((step) => step.answer) };
  return { call, answer, revision: Math.max(usualRevision, ...taken.map(({ revision }) => revision)) };
}

function readOne({ op, answer, revision, isSerializable }: Step): Told {
  const call: Call = op.kind === 'range' ? { ...op, read: isSerializable ? 'serializable' : 'linearizable' } : op;
  return { call, answer, revision };
}

function readSteps(said: string): readonly Step[] {
  const steps = said.split(';').map((step) => step.trim());
  return steps.filter((step) => step !== '').map(readStep);
}

function readStep(said: string): Step {
  const match = /^(?:([kr]\d+)(?:\.\.([kr]\d+))? )?(put|get|peek|past|del)(?: ([a-z]|-|\d+))?(?: @(\d+))?$/.exec(said);
  const [, key = usualKey, rangeEnd, verb, argument = '-', at] = match ?? [];
  const named = rangeEnd === undefined ? { key } : { key, rangeEnd };
  const revision = at === undefined ? usualRevision : Number(at);
  const told = { revision: usualRevision, isSerializable: verb === 'peek' };
  switch (verb) {
    case 'put':
      return { ...told, op: { kind: 'put', key, value: argument }, answer: { kind: 'put' }, revision };
    case 'del': {
      const deleted = argument === '-' ? 0 : Number(argument);
      return { ...told, op: { kind: 'deleteRange', ...named }, answer: { kind: 'deleteRange', deleted } };
    }
    case 'get':
    case 'peek':
    case 'past': {
      const kv: KeyValue = { key, value: argument, createRevision: 1, modRevision: revision, version: 1 };
      const kvs = argument === '-' ? [] : [kv];
      const op: TxnOp = { kind: 'range', ...named, revision: verb === 'past' ? usualRevision : 0, limit: 0 };
      return { ...told, op, answer: { kind: 'range', kvs, more: false, count: kvs.length } };
    }
    default:
      throw new Error(`this is no step of a story: ${said}`);
  }
}

function readGuard(said: string): Compare {
  const match = /^(?:([kr]\d+) )?(?:([a-z])|(-)|@(\d+)|(mod|create|version)([=<>])(\d+))$/.exec(said);
  if (match === null) throw new Error(`this is no guard of a story: ${said}`);
  const [, key = usualKey, value, nothing, at, target, sign, operand] = match;
  if (value !== undefined) return { key, target: 'value', is: 'equal', operand: value };
  if (nothing !== undefined) return { key, target: 'mod', is: 'equal', operand: 0 };
  if (at !== undefined) return { key, target: 'mod', is: 'equal', operand: Number(at) };
  const is = sign === '=' ? 'equal' : sign === '>' ? 'greater' : 'less';
  return { key, target: target === 'create' || target === 'version' ? target : 'mod', is, operand: Number(operand) };
}
