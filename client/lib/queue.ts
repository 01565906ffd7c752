/** First in, first out, without moving everything for each that leaves. */
export class Queue<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  toArray(): readonly Item[] {
    return this.#items.slice(this.#head) as Item[];
  }

  /** Everything, in order; the queue is empty afterwards. */
  drain(): readonly Item[] {
    const items = this.toArray();
    this.#items = [];
    this.#head = 0;
    return items;
  }

  /** Puts items before everything else, in their order. */
  unshift(items: readonly Item[]): void {
    if (items.length > 0) this.#items = [...items, ...this.drain()];
  }
}
