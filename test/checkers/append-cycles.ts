/**
 * Whether transactions over lists took place one after the other, each at a time between its start and its end. After
 * Elle (Kingsbury and Alvaro, VLDB 2020): elements are unique, so lists tell who came after whom, and a cycle of that
 * is a violation; names of cycles are Adya's.
 */
import { type Claim, claimsOf } from './append-cycles-claims.js';
import { describeRecord } from './append-cycles-describe.js';
import { Findings } from './append-cycles-findings.js';
import { withoutMissing } from './append-cycles-missing.js';
import { ordersOf } from './append-cycles-orders.js';
import { lookAt } from './append-cycles-seen.js';
import type { Edge } from './append-graph.js';
import { type Cycle, shortCycles } from './append-graph-cycles.js';
import { graphOf } from './append-graph-edges.js';
import type { AppendRecord } from './append-op.js';

/** Of a long cycle, what comes first will do. */
const cycleTextMax = 4_000;

/** Nothing when all is well; otherwise a sentence for each thing that cannot be. */
export function checkAppendCycles(records: readonly AppendRecord[]): readonly string[] {
  const findings = new Findings();
  for (const [place, record] of records.entries()) {
    if (record.endMs >= record.startMs) continue;
    findings.add(`time ${place}`, () => `the history itself is wrong, ${describeRecord(record)} ends before it starts`);
  }
  const seen = lookAt(records, findings);
  const claims: Claim[] = [];
  for (const record of seen.happened) claims.push(...claimsOf(record, seen, findings));
  const orders = withoutMissing(ordersOf(seen, claims, findings), seen, findings);
  const graph = graphOf(seen, orders);
  const startOf = (node: number): number => seen.happened[node]?.startMs ?? 0;
  // An edge that leads far back in time is the likeliest to be wrong.
  const cycles = shortCycles(graph, ({ from, to }) => startOf(to) - startOf(from));
  return [...findings.messages, ...cycles.map((cycle) => describeCycle(cycle, seen.happened))];
}

function describeCycle(cycle: Cycle, happened: readonly AppendRecord[]): string {
  const edges = joined(cycle);
  const names = new Map(edges.map(({ from }, place) => [from, `T${place + 1}`]));
  const steps = edges.map(({ kind, about, to }) => `-${[kind, about].join(' ').trimEnd()}-> ${names.get(to)}`);
  const meanings = [...names].map(([node, name]) => {
    const record = happened[node];
    return `${name} = ${record === undefined ? '?' : describeRecord(record)}`;
  });
  const text = `${nameOf(edges)}: T1 ${steps.join(' ')}; ${meanings.join('; ')}`;
  return text.length > cycleTextMax ? `${text.slice(0, cycleTextMax)}...` : text;
}

/** Without the nodes that are no transactions: an edge that goes on from there belongs to the one that led there. */
function joined(cycle: Cycle): readonly Edge[] {
  const edges: Edge[] = [];
  for (const edge of cycle) {
    const before = edges.at(-1);
    if (edge.kind !== 'on' || before === undefined) edges.push(edge);
    else edges[edges.length - 1] = { ...before, to: edge.to, about: edge.about || before.about };
  }
  return edges;
}

function nameOf(edges: Cycle): string {
  const has = (...kinds: readonly string[]): number => edges.filter(({ kind }) => kinds.includes(kind)).length;
  const withReads = has('wr') > 0 ? 'G1c' : 'G0';
  const name = has('rw') === 0 ? withReads : has('rw') === 1 ? 'G-single' : 'G2';
  return has('clock', 'client') > 0 ? `${name} in real time` : name;
}
