/** The graph of a history of list transactions. Node n is the n-th transaction that happened; others only pass edges on. */
import { Graph } from './append-graph.js';
import type { KeyOrder } from './append-cycles-orders.js';
import type { Seen } from './append-cycles-seen.js';
import type { AppendRecord } from './append-op.js';

export function graphOf({ appended, happened }: Seen, orders: readonly KeyOrder[]): Graph {
  const graph = new Graph();
  const nodes = new Map(happened.map((record) => [record, graph.addNode()]));
  const nodeOf = (record: AppendRecord | undefined): number => (record && nodes.get(record)) ?? -1;
  const appenderOf = (element: string | undefined): number => nodeOf(appended.get(element ?? '')?.record);
  for (const order of orders) addDependencies(graph, order, nodeOf, appenderOf);
  addClock(graph, happened, nodeOf);
  addClients(graph, happened, nodeOf);
  return graph;
}

function addDependencies(
  graph: Graph,
  { key, elements, claims, unseen }: KeyOrder,
  nodeOf: (record: AppendRecord) => number,
  appenderOf: (element: string | undefined) => number,
): void {
  // All that is unseen comes after all that was seen, in whatever order.
  const later = unseen.length === 0 ? undefined : graph.addNode();
  for (const { element, record } of unseen) graph.addEdge(later ?? -1, nodeOf(record), 'on', `${key} ${element}`);
  if (later !== undefined && elements.length > 0) graph.addEdge(appenderOf(elements.at(-1)), later, 'ww');
  for (const [place, element] of elements.entries()) {
    if (place > 0) graph.addEdge(appenderOf(elements[place - 1]), appenderOf(element), 'ww', `${key} ${element}`);
  }
  for (const { record, baseLength } of claims) {
    const reader = nodeOf(record);
    const seen = elements[baseLength - 1];
    if (seen !== undefined) graph.addEdge(appenderOf(seen), reader, 'wr', `${key} ${seen}`);
    const next = elements[baseLength];
    if (next !== undefined) graph.addEdge(reader, appenderOf(next), 'rw', `${key} ${next}`);
    else if (later !== undefined) graph.addEdge(reader, later, 'rw');
  }
}

/**
 * A chain of all ends keeps the edges few. Whoever ends leads into the chain where it ends, and the chain leads to
 * whoever begins at the last end before that. An unknown record has no end.
 *
 *   a  |--|             a -> end of a -> end of b -> c
 *   b    |---|          b -> end of b
 *   c         |----|
 */
function addClock(graph: Graph, happened: readonly AppendRecord[], nodeOf: (record: AppendRecord) => number): void {
  const byEnd = happened.filter(({ outcome }) => outcome === 'ok').sort((a, b) => a.endMs - b.endMs);
  let ended = 0;
  let last: { readonly node: number; readonly endMs: number } | undefined;
  for (const record of happened.toSorted((a, b) => a.startMs - b.startMs)) {
    for (let end = byEnd[ended]; end !== undefined && end.endMs < record.startMs; end = byEnd[ended]) {
      if (last?.endMs !== end.endMs) {
        const node = graph.addNode();
        if (last !== undefined) graph.addEdge(last.node, node, 'on');
        last = { node, endMs: end.endMs };
      }
      graph.addEdge(nodeOf(end), last.node, 'clock');
      ended += 1;
    }
    if (last !== undefined) graph.addEdge(last.node, nodeOf(record), 'on');
  }
}

/** Calls of one client follow each other even when the clock did not move in between. */
function addClients(graph: Graph, happened: readonly AppendRecord[], nodeOf: (record: AppendRecord) => number): void {
  const last = new Map<number, AppendRecord>();
  for (const record of happened.toSorted((a, b) => a.startMs - b.startMs)) {
    const before = last.get(record.client);
    if (before?.endMs === record.startMs) graph.addEdge(nodeOf(before), nodeOf(record), 'client');
    if (record.outcome === 'ok') last.set(record.client, record);
  }
}
