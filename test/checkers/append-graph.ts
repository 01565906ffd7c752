/** A directed graph of what came before what, and the parts of it in which things come before themselves. */

/**
 * `ww`: appended right after. `wr`: read what the other appended last. `rw`: read the list before the other's append.
 * `clock`: had ended before the other began. `client`: the calls of one client. `on`: goes on from a node that stands for
 * no transaction but for many edges.
 */
export type EdgeKind = 'ww' | 'wr' | 'rw' | 'clock' | 'client' | 'on';

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: EdgeKind;
  /** What it is about: `x 3`. Empty where the kind says it all. */
  readonly about: string;
}

export class Graph {
  readonly #out: Edge[][] = [];

  addNode(): number {
    return this.#out.push([]) - 1;
  }

  /** Not from a node to itself: nothing waits for itself. */
  addEdge(from: number, to: number, kind: EdgeKind, about = ''): void {
    if (from !== to) this.#out[from]?.push({ from, to, kind, about });
  }

  get size(): number {
    return this.#out.length;
  }

  from(node: number): readonly Edge[] {
    return this.#out[node] ?? [];
  }
}

interface Visit {
  readonly node: number;
  nextEdge: number;
}

/**
 * The strongly connected components of at least two nodes, by edges of some kinds, among `nodes` (Tarjan 1972). Without
 * recursion: chains are as long as histories.
 */
export function cyclicParts(graph: Graph, kinds: ReadonlySet<EdgeKind>, nodes: Iterable<number>): readonly number[][] {
  const unvisited = -1;
  const order = new Int32Array(graph.size).fill(unvisited);
  const low = new Int32Array(graph.size);
  const isOpen = new Uint8Array(graph.size);
  const open: number[] = [];
  const parts: number[][] = [];
  let count = 0;

  const enter = (node: number): Visit => {
    order[node] = count;
    low[node] = count;
    count += 1;
    open.push(node);
    isOpen[node] = 1;
    return { node, nextEdge: 0 };
  };
  const lower = (node: number, to: number): void => {
    low[node] = Math.min(low[node] ?? 0, to);
  };
  const close = (node: number): void => {
    const part = open.splice(open.lastIndexOf(node));
    for (const member of part) isOpen[member] = 0;
    if (part.length > 1) parts.push(part);
  };

  for (const root of nodes) {
    if (order[root] !== unvisited) continue;
    const path = [enter(root)];
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const { node } = visit;
      const edge = graph.from(node)[visit.nextEdge];
      visit.nextEdge += 1;
      if (edge === undefined) {
        path.pop();
        if (low[node] === order[node]) close(node);
        const parent = path.at(-1);
        if (parent !== undefined) lower(parent.node, low[node] ?? 0);
      } else if (kinds.has(edge.kind)) {
        if (order[edge.to] === unvisited) path.push(enter(edge.to));
        else if (isOpen[edge.to] === 1) lower(node, order[edge.to] ?? 0);
      }
    }
  }
  return parts;
}
