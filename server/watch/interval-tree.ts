/**
 * Half-open intervals [start, end) of byte strings with a set of items each, asked which of them hold a key. A balanced
 * tree (AVL) by (start, end), in which every node knows the highest end below it.
 */
import { type ByteString, compareByteStrings } from '../lib/bytes.js';

/** Above every byte string. */
export const NO_END = '\uffff';

interface Node<T> {
  readonly start: ByteString;
  readonly end: string;
  readonly items: Set<T>;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
  height: number;
  maxEnd: string;
}

export class IntervalTree<T> {
  #root: Node<T> | undefined;
  #size = 0;

  /** How many different intervals there are. */
  get size(): number {
    return this.#size;
  }

  add(start: ByteString, end: string, item: T): void {
    this.#root = this.#insert(this.#root, start, end, item);
  }

  remove(start: ByteString, end: string, item: T): void {
    const node = this.#find(start, end);
    node?.items.delete(item);
    if (node === undefined || node.items.size > 0) return;
    this.#root = remove(this.#root, start, end);
    this.#size -= 1;
  }

  /** Visits every item whose interval holds `key`. `visit` must not add or remove. */
  forEachAt(key: ByteString, visit: (item: T) => void): void {
    visitAt(this.#root, key, visit);
  }

  /** For tests: that the tree is balanced and every node is right about what is below it. */
  get height(): number {
    return this.#root?.height ?? 0;
  }

  #find(start: ByteString, end: string): Node<T> | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(start, end, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  #insert(node: Node<T> | undefined, start: ByteString, end: string, item: T): Node<T> {
    if (node === undefined) {
      this.#size += 1;
      return { start, end, items: new Set([item]), left: undefined, right: undefined, height: 1, maxEnd: end };
    }
    const order = compare(start, end, node);
    if (order === 0) {
      node.items.add(item);
      return node;
    }
    if (order < 0) node.left = this.#insert(node.left, start, end, item);
    else node.right = this.#insert(node.right, start, end, item);
    return balanced(node);
  }
}

function visitAt<T>(node: Node<T> | undefined, key: ByteString, visit: (item: T) => void): void {
  if (node === undefined || node.maxEnd <= key) return;
  visitAt(node.left, key, visit);
  if (node.start > key) return;
  if (key < node.end) for (const item of node.items) visit(item);
  visitAt(node.right, key, visit);
}

function compare<T>(start: ByteString, end: string, node: Node<T>): number {
  return compareByteStrings(start, node.start) || compareByteStrings(end, node.end);
}

function remove<T>(node: Node<T> | undefined, start: ByteString, end: string): Node<T> | undefined {
  if (node === undefined) return undefined;
  const order = compare(start, end, node);
  if (order < 0) node.left = remove(node.left, start, end);
  else if (order > 0) node.right = remove(node.right, start, end);
  else {
    if (node.left === undefined) return node.right;
    if (node.right === undefined) return node.left;
    const next = lowest(node.right);
    const right = remove(node.right, next.start, next.end);
    next.left = node.left;
    next.right = right;
    return balanced(next);
  }
  return balanced(node);
}

function lowest<T>(node: Node<T>): Node<T> {
  let found = node;
  while (found.left !== undefined) found = found.left;
  return found;
}

function balanced<T>(node: Node<T>): Node<T> {
  const lean = heightOf(node.left) - heightOf(node.right);
  if (lean > 1 && node.left !== undefined) {
    if (heightOf(node.left.left) < heightOf(node.left.right)) node.left = rotatedLeft(node.left);
    return rotatedRight(node);
  }
  if (lean < -1 && node.right !== undefined) {
    if (heightOf(node.right.right) < heightOf(node.right.left)) node.right = rotatedRight(node.right);
    return rotatedLeft(node);
  }
  return refreshed(node);
}

function rotatedLeft<T>(node: Node<T>): Node<T> {
  const up = node.right;
  if (up === undefined) return refreshed(node);
  node.right = up.left;
  up.left = refreshed(node);
  return refreshed(up);
}

function rotatedRight<T>(node: Node<T>): Node<T> {
  const up = node.left;
  if (up === undefined) return refreshed(node);
  node.left = up.right;
  up.right = refreshed(node);
  return refreshed(up);
}

function refreshed<T>(node: Node<T>): Node<T> {
  const { left, right, end } = node;
  node.height = 1 + Math.max(heightOf(left), heightOf(right));
  let maxEnd = end;
  if (left !== undefined && left.maxEnd > maxEnd) maxEnd = left.maxEnd;
  if (right !== undefined && right.maxEnd > maxEnd) maxEnd = right.maxEnd;
  node.maxEnd = maxEnd;
  return node;
}

function heightOf<T>(node: Node<T> | undefined): number {
  return node === undefined ? 0 : node.height;
}
