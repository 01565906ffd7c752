/** List transactions in one line, for the sentences of their checker: `client 1 (0-10 ms): r x [1 2], a x 3`. */
import type { AppendOp, AppendRecord } from './append-op.js';

const elementsMax = 8;

export function describeRecord({ client, ops, outcome, startMs, endMs }: AppendRecord): string {
  const end = outcome === 'unknown' ? '?' : endMs;
  const failed = outcome === 'failed' ? ', failed' : '';
  return `client ${client} (${startMs}-${end} ms${failed}): ${ops.map(describeOp).join(', ')}`;
}

/** The end of a long list says the most. */
export function describeList(list: readonly string[]): string {
  const shown = list.length > elementsMax ? [`(${list.length - elementsMax} more)`, ...list.slice(-elementsMax)] : list;
  return `[${shown.join(' ')}]`;
}

function describeOp(op: AppendOp): string {
  return op.kind === 'append' ? `a ${op.key} ${op.element}` : `r ${op.key} ${describeList(op.list)}`;
}
