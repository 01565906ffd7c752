/** The history of a store: what it held at any revision, and where in a revision each change stands. */
import type { Event, KeyValue } from '../../../server/state/result.js';

export type Contents = ReadonlyMap<string, KeyValue>;

export class StoreHistory {
  readonly events: readonly Event[];
  readonly #places = new Map<string, number>();

  constructor(events: readonly Event[]) {
    this.events = events;
    for (const { kv, revision } of events) this.#places.set(`${revision.main} ${kv.key}`, revision.sub);
  }

  /** Which of the changes of `revision` is that of `key`: no request changes a key twice. Infinity: there is none. */
  placeOf(revision: number, key: string): number {
    return this.#places.get(`${revision} ${key}`) ?? Infinity;
  }

  contentsAt(revision: number): Contents {
    const contents = new Map<string, KeyValue>();
    for (const event of this.events) {
      if (event.revision.main > revision) break;
      applyTo(contents, event);
    }
    return contents;
  }
}

export function applyTo(contents: Map<string, KeyValue>, { type, kv }: Event): void {
  if (type === 'put') contents.set(kv.key, kv);
  else contents.delete(kv.key);
}
