/**
 * A transaction over two or three lists: reads them all at one revision, then appends to some of them provided that none
 * has changed since. So what it read of the others is part of the transaction as well.
 */
import { type AppendOp, decodeList } from '../../checkers/append-op.js';
import { appendTxn, type SeenList } from '../../checkers/append-txn.js';
import type { Operation, Txn } from '../../checkers/operation.js';
import { chance } from './draw.js';
import { type Play, succeeded, type Turn, txnResults } from './turn.js';

export const append: Play = async (turn) => {
  const { client, random, keys, tally, appends } = turn;
  const names = keys.lists(random);
  const read = await turn.insist(() => readTxn(names));
  const seen = seenLists(names, read);
  if (read === undefined || seen === undefined) return;
  const readOps = seen.map(({ key, list }): AppendOp => ({ kind: 'read', key, list }));
  appends.push({ client, ops: readOps, outcome: 'ok', startMs: read.startMs, endMs: read.endMs });
  const targets = seen.filter((_, place) => place === 0 || chance(random, 60));
  const added = targets.map((list) => ({ ...list, element: element(turn) }));
  const written = await turn.ask(appendTxn(seen, added));
  if (written === undefined) return;
  if (succeeded(written)) tally.add('appends');
  appends.push({
    client,
    ops: [...readOps, ...added.map(({ key, element }): AppendOp => ({ kind: 'append', key, element }))],
    outcome: outcomeOf(written),
    startMs: written.startMs,
    endMs: written.endMs,
  });
};

function readTxn(names: readonly string[]): Txn {
  const success = names.map((key) => ({ kind: 'range', key, revision: 0, limit: 0 }) as const);
  return { kind: 'txn', compares: [], success, failure: [] };
}

function seenLists(names: readonly string[], read: Operation | undefined): readonly SeenList[] | undefined {
  const results = txnResults(read);
  if (results.length === 0) return undefined;
  return names.map((key, place) => {
    const result = results[place];
    const kv = result?.kind === 'range' ? result.kvs[0] : undefined;
    return { key, modRevision: kv?.modRevision ?? 0, list: decodeList(kv?.value ?? '') };
  });
}

/** Without filler: the lists are long enough. */
function element({ client, values }: Turn): string {
  return values.token(client);
}

function outcomeOf(written: Operation): 'ok' | 'failed' | 'unknown' {
  if (written.outcome.kind !== 'ok') return written.outcome.kind;
  return succeeded(written) ? 'ok' : 'failed';
}
