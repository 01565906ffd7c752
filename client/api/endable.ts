/**
 * A generator whose `return` works also while `next` waits: by itself a generator would first wait for what may never
 * come. `end` must make the waiting `next` return.
 */
export function endable<Item>(
  generator: AsyncGenerator<Item, void, undefined>,
  end: () => void,
): AsyncIterableIterator<Item> {
  return {
    next: () => generator.next(),
    return: () => {
      end();
      return generator.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
