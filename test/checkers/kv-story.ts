/**
 * Histories of the store as text, a call in a line, one after the other unless a line gives its times.
 *
 *   put a=x -> 2                           revision 2 in the header
 *   get a -> 2 [a=x@2]                     written at 2, and for the first time
 *   get a -> 9 [a=y@5/2/3]                 mod and create revision, version
 *   get a..d at 5 limit 1 -> 9 [a=x@2] of 2   count is 2, so there are more (`no more` says the contrary)
 *   peek a -> 2 []                         serializable
 *   del a..d -> 4 del 2                    deleted two
 *   txn if mod(a)=2 & value(b)=x then put a=y; get a else - -> 5 yes ok; [a=y@5/2/2]
 *   compact 3 -> 5
 *   put a=x#7 -> 2                         hangs on lease 7; `[a=x@2#7]` shows it
 *   end 7 -> 3 took a b                    the store ends lease 7, and its keys go
 *   put a=x -> ?                           unknown outcome
 *   put a=x -> NO_LEADER                   failed
 *   c2 15-40 get a -> 2 [a=x@2]            client 2, from 15 to 40 ms; else client 1, line n from 10n to 10n+5 ms
 *   first 10                               the revision of the empty store, if not 1
 *   final 3 [b=x@3] past [a=w@2]           what a member holds at the end
 *
 * Histories that differ in one fact are written as one: `{2|3|4}` is 2 in the good one, 3 and 4 in the bad ones.
 */
import { describe, expect, test } from 'vitest';
import type { FinalHistory } from './final-history.js';
import type { Answer, Compare, KeyValue, OpAnswer, Operation, Outcome, TxnOp } from './operation.js';
import { checkRevisionOrder, type RevisionOrderContext } from './revision-order.js';

export interface Neighbours {
  /** Why the good one is good. */
  readonly good: string;
  readonly history: string;
  /** Why each of the bad ones is bad, and part of a sentence that is said about it. */
  readonly bad: Readonly<Record<string, string>>;
}

export interface Story extends RevisionOrderContext {
  readonly history: readonly Operation[];
}

export function describeNeighbours(theme: string, all: readonly Neighbours[]): void {
  const bad = all.flatMap(({ history, bad: variants }) =>
    Object.entries(variants).map(([why, says], index) => ({ why, says, text: variant(history, index + 1) })),
  );
  describe(theme, () => {
    test.each(all)('accepted: $good', ({ history }) => {
      expect(judge(variant(history, 0))).toEqual([]);
    });
    test.each(bad)('rejected: $why', ({ text, says }) => {
      expect(judge(text)).toContainEqual(expect.stringContaining(says));
    });
  });
}

export function parseStory(text: string): Story {
  const history: Operation[] = [];
  let firstRevision: number | undefined;
  let finalHistory: FinalHistory | undefined;
  for (const line of text.split('\n').map((each) => each.trim())) {
    const [, first] = /^first (\d+)$/.exec(line) ?? [];
    const [, revision, current = '', past = ''] = /^final (\d+) \[(.*?)\](?: past \[(.*)\])?$/.exec(line) ?? [];
    if (first !== undefined) firstRevision = Number(first);
    else if (revision !== undefined) {
      finalHistory = { revision: Number(revision), current: keyValues(current), past: keyValues(past) };
    } else if (line !== '') history.push(operation(line, history.length));
  }
  return { history, firstRevision, finalHistory };
}

function judge(text: string): readonly string[] {
  const { history, ...context } = parseStory(text);
  return checkRevisionOrder(history, context);
}

function variant(text: string, index: number): string {
  return text.replaceAll(/\{([^{}]*)\}/g, (_, all: string) => {
    const choices = all.split('|');
    return choices[index] ?? choices[0] ?? '';
  });
}

function operation(line: string, place: number): Operation {
  const [, client = '1', start, end, said = '', outcome = ''] = matched(
    /^(?:c(\d+) )?(?:(\d+)-(\d+) )?(.+?) -> (.+)$/,
    line,
  );
  const call = callFrom(said);
  const times = { startMs: Number(start ?? place * 10), endMs: Number(end ?? place * 10 + 5) };
  return { client: Number(client), member: 'm1', call, outcome: outcomeFrom(call, outcome), ...times };
}

function callFrom(said: string): Operation['call'] {
  if (said.startsWith('end ')) return { kind: 'leaseEnd', lease: said.slice('end '.length) };
  if (said.startsWith('compact ')) return { kind: 'compact', revision: Number(said.slice('compact '.length)) };
  if (said.startsWith('txn ')) {
    const [, guards = '', success = '', failure = ''] = matched(/^txn (?:if (.+?) )?then (.+?) else (.+)$/, said);
    const compares = guards === '' ? [] : guards.split(' & ').map(compareFrom);
    return { kind: 'txn', compares, success: opsFrom(success), failure: opsFrom(failure) };
  }
  const op = opFrom(said);
  if (op.kind !== 'range') return op;
  return { ...op, read: said.startsWith('peek') ? 'serializable' : 'linearizable' };
}

function opsFrom(said: string): readonly TxnOp[] {
  return said === '-' ? [] : said.split('; ').map(opFrom);
}

function opFrom(said: string): TxnOp {
  const [, put, value = '', lease] = /^put (\w+)=(\w+)(?:#(\d+))?$/.exec(said) ?? [];
  if (put !== undefined) return { kind: 'put', key: put, value, ...hangingOn(lease) };
  const [, verb, key = '', rangeEnd, revision = 0, limit = 0] = matched(
    /^(get|peek|del) (\w+)(?:\.\.(\w+))?(?: at (\d+))?(?: limit (\d+))?$/,
    said,
  );
  const interval = rangeEnd === undefined ? { key } : { key, rangeEnd };
  if (verb === 'del') return { kind: 'deleteRange', ...interval };
  return { kind: 'range', ...interval, revision: Number(revision), limit: Number(limit) };
}

function compareFrom(said: string): Compare {
  const [, target, key = '', sign, operand = ''] = matched(/^(\w+)\((\w+)\)([=<>])(\w+)$/, said);
  if (target === 'value') return { key, target, is: 'equal', operand };
  if (target !== 'mod' && target !== 'create' && target !== 'version') throw new Error(`not a target: ${said}`);
  return { key, target, is: sign === '=' ? 'equal' : sign === '>' ? 'greater' : 'less', operand: Number(operand) };
}

function outcomeFrom(call: Operation['call'], said: string): Outcome {
  if (said === '?') return { kind: 'unknown', code: 'OUTCOME_UNKNOWN' };
  if (/^[A-Z_]+$/.test(said)) return { kind: 'failed', code: said };
  const [, revision, rest = ''] = matched(/^(\d+)(?: (.+))?$/, said);
  return { kind: 'ok', revision: Number(revision), answer: answerFrom(call, rest) };
}

function answerFrom(call: Operation['call'], said: string): Answer {
  if (call.kind === 'leaseEnd') {
    const keys = said === '' ? [] : said.slice('took '.length).split(' ');
    return { kind: 'leaseEnd', keys };
  }
  if (said === '' && call.kind === 'compact') return { kind: 'compact' };
  if (call.kind !== 'txn') return opAnswerFrom(said);
  const [, branch, results] = matched(/^(yes|no)(?: (.+))?$/, said);
  return { kind: 'txn', succeeded: branch === 'yes', results: results?.split('; ').map(opAnswerFrom) ?? [] };
}

function opAnswerFrom(said: string): OpAnswer {
  if (said === '' || said === 'ok') return { kind: 'put' };
  const [, deleted] = /^del (\d+)$/.exec(said) ?? [];
  if (deleted !== undefined) return { kind: 'deleteRange', deleted: Number(deleted) };
  const [, shown = '', total, no] = matched(/^\[(.*)\](?: of (\d+))?(?: (no )?more)?$/, said);
  const kvs = keyValues(shown);
  const count = Number(total ?? kvs.length);
  return { kind: 'range', kvs, count, more: no === undefined && (count > kvs.length || said.endsWith(' more')) };
}

function keyValues(said: string): readonly KeyValue[] {
  return said
    .split(' ')
    .filter((each) => each !== '')
    .map(keyValue);
}

function keyValue(said: string): KeyValue {
  const [, key = '', value = '', mod, create = mod, version = 1, lease] = matched(
    /^(\w+)=(\w+)@(\d+)(?:\/(\d+)\/(\d+))?(?:#(\d+))?$/,
    said,
  );
  return {
    key,
    value,
    createRevision: Number(create),
    modRevision: Number(mod),
    version: Number(version),
    ...hangingOn(lease),
  };
}

function hangingOn(lease: string | undefined): { readonly lease?: string } {
  return lease === undefined ? {} : { lease };
}

function matched(pattern: RegExp, said: string): readonly (string | undefined)[] {
  const found = pattern.exec(said);
  if (found === null) throw new Error(`not a story: ${said}`);
  return found;
}
