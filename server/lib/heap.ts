/** A binary heap: whatever compares lowest comes out first. Among equals any. */
export class Heap<T> {
  #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  /** What comes out next. Undefined: it is empty. */
  get first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = items[parentAt];
      if (parent === undefined || this.#compare(parent, item) <= 0) break;
      items[at] = parent;
      at = parentAt;
    }
    items[at] = item;
  }

  /** Undefined: it is empty. */
  pop(): T | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      const childAt = this.#lowerChild(at);
      const child = items[childAt];
      if (child === undefined || this.#compare(child, last) >= 0) break;
      items[at] = child;
      at = childAt;
    }
    items[at] = last;
    return top;
  }

  /** Drops everything else. */
  retain(isKept: (item: T) => boolean): void {
    // A sorted list is a heap.
    this.#items = this.#items.filter(isKept).sort(this.#compare);
  }

  /** Outside of the heap when there is none. */
  #lowerChild(at: number): number {
    const leftAt = 2 * at + 1;
    const left = this.#items[leftAt];
    const right = this.#items[leftAt + 1];
    return left !== undefined && right !== undefined && this.#compare(right, left) < 0 ? leftAt + 1 : leftAt;
  }
}
