/** Operations in one line, for the sentences of checkers. */
import { finalClient } from './final-history.js';
import { logClient } from './lease-ends.js';
import type { Answer, Compare, KeyValue, Operation, Outcome, TxnOp } from './operation.js';

const lengthMax = 300;

export function describeOperation({ client, call, outcome, startMs, endMs }: Operation): string {
  const said = `${describeCall(call)} -> ${describeOutcome(outcome)}`;
  if (client === finalClient) return shortened(`at the end: ${said}`);
  return shortened(`${client === logClient ? 'the log' : `client ${client}`}: ${said} (${startMs}-${endMs} ms)`);
}

export function describeCall(call: Operation['call'] | TxnOp): string {
  switch (call.kind) {
    case 'put':
      return `put ${call.key}=${call.value}${onLease(call)}`;
    case 'range': {
      const at = call.revision === 0 ? '' : ` at ${call.revision}`;
      const limit = call.limit === 0 ? '' : ` limit ${call.limit}`;
      const read = 'read' in call && call.read === 'serializable' ? ' serializable' : '';
      return `range ${interval(call)}${at}${limit}${read}`;
    }
    case 'deleteRange':
      return `delete ${interval(call)}`;
    case 'compact':
      return `compact ${call.revision}`;
    case 'leaseEnd':
      return `end of lease ${call.lease}`;
    case 'txn': {
      const branches = [call.success, call.failure].map((ops) => ops.map(describeCall).join('; '));
      return `txn if ${call.compares.map(describeCompare).join(' and ')} then [${branches[0]}] else [${branches[1]}]`;
    }
  }
}

function interval({ key, rangeEnd = '' }: { readonly key: string; readonly rangeEnd?: string }): string {
  return rangeEnd === '' ? key : `${key}..${rangeEnd}`;
}

function describeCompare({ key, target, is, operand }: Compare): string {
  return `${target}(${key})${{ equal: '=', greater: '>', less: '<' }[is]}${operand}`;
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'ok') return `${outcome.kind} ${outcome.code}`;
  const said = describeAnswer(outcome.answer);
  return `${said === '' ? 'ok' : said} at ${outcome.revision}`;
}

function describeAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'put':
    case 'compact':
      return '';
    case 'deleteRange':
      return `deleted ${answer.deleted}`;
    case 'leaseEnd':
      return `deleted ${answer.keys.join(', ')}`;
    case 'range':
      return `[${answer.kvs.map(describeKeyValue).join(', ')}]`;
    case 'txn': {
      const results = answer.results.map(describeAnswer).filter((said) => said !== '');
      return [answer.succeeded ? 'succeeded' : 'not succeeded', ...results].join(', ');
    }
  }
}

export function describeKeyValue(kv: KeyValue | undefined): string {
  if (kv === undefined) return 'nothing';
  const { key, value, modRevision, createRevision, version } = kv;
  return `${key}=${value}${onLease(kv)} (mod ${modRevision}, create ${createRevision}, version ${version})`;
}

function onLease({ lease }: { readonly lease?: string }): string {
  return lease === undefined ? '' : ` on lease ${lease}`;
}

function shortened(text: string): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}...` : text;
}
