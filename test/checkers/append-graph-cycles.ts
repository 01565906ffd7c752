/**
 * One short cycle out of every cyclic part of a graph, the worst kind first: a cycle of writes alone is found before one
 * that takes a read, and one of dependencies alone before one that takes the clock.
 */
import { cyclicParts, type Edge, type EdgeKind, type Graph } from './append-graph.js';

export type Cycle = readonly Edge[];

/** A cycle is looked for that has a `first` edge and goes on by `rest` edges. */
interface Stage {
  readonly first: EdgeKind;
  readonly rest: ReadonlySet<EdgeKind>;
}

const dependencies: readonly { readonly first: EdgeKind; readonly rest: readonly EdgeKind[] }[] = [
  { first: 'ww', rest: ['ww'] },
  { first: 'wr', rest: ['ww', 'wr'] },
  { first: 'rw', rest: ['ww', 'wr'] },
  { first: 'rw', rest: ['ww', 'wr', 'rw'] },
];

const stages: readonly Stage[] = [[], ['clock', 'client'] as const].flatMap((times) =>
  dependencies.map(({ first, rest }) => ({ first, rest: new Set<EdgeKind>([...rest, ...times, 'on']) })),
);

const allKinds: ReadonlySet<EdgeKind> = new Set(['ww', 'wr', 'rw', 'clock', 'client', 'on']);

/** How many edges are looked at in one part, after the first cycle was found, for a shorter one. */
const stepsMax = 2_000_000;

/** `order` says where a cycle best begins: edges with a small one are tried first. */
export function shortCycles(graph: Graph, order: (edge: Edge) => number): readonly Cycle[] {
  const suspects = cyclicParts(
    graph,
    allKinds,
    Array.from({ length: graph.size }, (_, node) => node),
  ).flat();
  if (suspects.length === 0) return [];
  const explained = new Set<number>();
  return stages.flatMap((stage) => {
    const parts = cyclicParts(graph, new Set([...stage.rest, stage.first]), suspects);
    return parts.flatMap((part) => {
      if (part.some((node) => explained.has(node))) return [];
      const cycle = shortestIn(graph, part, stage, order);
      if (cycle === undefined) return [];
      for (const node of part) explained.add(node);
      return [cycle];
    });
  });
}

function shortestIn(
  graph: Graph,
  part: readonly number[],
  { first, rest }: Stage,
  order: (edge: Edge) => number,
): Cycle | undefined {
  const within = new Set(part);
  const starts = part.flatMap((node) => graph.from(node).filter(({ kind, to }) => kind === first && within.has(to)));
  starts.sort((a, b) => order(a) - order(b));
  const budget = { steps: stepsMax };
  let best: Cycle | undefined;
  for (const start of starts) {
    const path = shortestPath(graph, start.to, start.from, rest, within, budget);
    if (path !== undefined && (best === undefined || costOf(path) + 1 < costOf(best))) best = [start, ...path];
    if (budget.steps < 0 || (best !== undefined && costOf(best) === 2)) break;
  }
  return best;
}

function costOf(path: Cycle): number {
  return path.filter(({ kind }) => kind !== 'on').length;
}

/** Edges that only go `on` cost nothing. */
function shortestPath(
  graph: Graph,
  from: number,
  to: number,
  kinds: ReadonlySet<EdgeKind>,
  within: ReadonlySet<number>,
  budget: { steps: number },
): Cycle | undefined {
  const via = new Map<number, Edge>();
  const expand = (node: number, free: Edge[], costly: Edge[]): void => {
    for (const edge of graph.from(node)) {
      if (kinds.has(edge.kind) && within.has(edge.to)) (edge.kind === 'on' ? free : costly).push(edge);
    }
    budget.steps -= graph.from(node).length;
  };
  let next: Edge[] = [];
  let level: Edge[] = [];
  expand(from, level, next);
  while (level.length + next.length > 0) {
    // Grows while it is walked, by edges that cost nothing.
    for (const edge of level) {
      if (via.has(edge.to) || edge.to === from) continue;
      via.set(edge.to, edge);
      if (edge.to === to) return pathTo(to, from, via);
      expand(edge.to, level, next);
    }
    level = next;
    next = [];
  }
  return undefined;
}

function pathTo(to: number, from: number, via: ReadonlyMap<number, Edge>): Cycle {
  const path: Edge[] = [];
  let node = to;
  while (node !== from) {
    const edge = via.get(node);
    if (edge === undefined) throw new Error('a path with a gap');
    path.unshift(edge);
    node = edge.from;
  }
  return path;
}
