/** Who wants to know when the holders or waiters of a name are not what they were. They look for themselves then. */
import type { ByteString } from '../lib/bytes.js';

export class GrantListeners {
  readonly #byName = new Map<ByteString, Set<() => void>>();

  get size(): number {
    return this.#byName.size;
  }

  /** Returns how to stop. */
  add(name: ByteString, listener: () => void): () => void {
    const listeners = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byName.get(name) === listeners) this.#byName.delete(name);
    };
  }

  tell(names: readonly ByteString[]): void {
    for (const name of names) for (const listener of [...(this.#byName.get(name) ?? [])]) listener();
  }

  /** A snapshot became the state: anything may be different. */
  tellAll(): void {
    this.tell([...this.#byName.keys()]);
  }
}
