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

/** Longer cycles than that tell nobody anything, and are looked for only where there is nothing else. */
const lengthMax = 6;

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
  return [lengthMax, Infinity].flatMap((longest) =>
    stages.flatMap((stage) => {
      const parts = cyclicParts(graph, new Set([...stage.rest, stage.first]), suspects);
      return parts.flatMap((part) => {
        if (part.some((node) => explained.has(node))) return [];
        const cycle = shortestIn(graph, part, stage, order, longest);
        if (cycle === undefined) return [];
        for (const node of part) explained.add(node);
        return [cycle];
      });
    }),
  );
}

function shortestIn(
  graph: Graph,
  part: readonly number[],
  { first, rest }: Stage,
  order: (edge: Edge) => number,
  longest: number,
): Cycle | undefined {
  const within = new Set(part);
  const starts = part.flatMap((node) => graph.from(node).filter(({ kind, to }) => kind === first && within.has(to)));
  starts.sort((a, b) => order(a) - order(b));
  const search = new Search(graph, rest, within);
  let best: Cycle | undefined;
  let bestLength = longest + 1;
  for (const start of starts) {
    const path = search.shortestPath(start.to, start.from, bestLength - 2);
    if (path !== undefined) {
      best = [start, ...path];
      bestLength = lengthOf(best);
    }
    if (search.steps > stepsMax || bestLength === 2) break;
  }
  return best;
}

/** Edges that only go `on` count for nothing. */
function lengthOf(path: Cycle): number {
  return path.filter(({ kind }) => kind !== 'on').length;
}

class Search {
  readonly #graph: Graph;
  readonly #kinds: ReadonlySet<EdgeKind>;
  readonly #within: ReadonlySet<number>;
  /** How many edges were looked at so far. */
  steps = 0;

  constructor(graph: Graph, kinds: ReadonlySet<EdgeKind>, within: ReadonlySet<number>) {
    this.#graph = graph;
    this.#kinds = kinds;
    this.#within = within;
  }

  shortestPath(from: number, to: number, longest: number): Cycle | undefined {
    const via = new Map<number, Edge>();
    let level: Edge[] = [];
    let next: Edge[] = [];
    this.#expand(from, level, next);
    for (let length = 0; length <= longest && level.length + next.length > 0; length += 1) {
      // Grows while it is walked, by edges that count for nothing.
      for (const edge of level) {
        if (via.has(edge.to) || edge.to === from) continue;
        via.set(edge.to, edge);
        if (edge.to === to) return pathTo(to, from, via);
        this.#expand(edge.to, level, next);
      }
      level = next;
      next = [];
    }
    return undefined;
  }

  #expand(node: number, level: Edge[], next: Edge[]): void {
    const edges = this.#graph.from(node);
    this.steps += edges.length;
    for (const edge of edges) {
      if (this.#kinds.has(edge.kind) && this.#within.has(edge.to)) (edge.kind === 'on' ? level : next).push(edge);
    }
  }
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
