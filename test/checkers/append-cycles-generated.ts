/** Valid histories of list transactions: a store that takes them one after the other, at times between start and end. */
import type { Random } from '../../server/lib/random.js';
import type { AppendOp, AppendRecord } from './append-op.js';

export interface Shape {
  readonly records: number;
  readonly clients: number;
  /** How many keys are in use at a time. */
  readonly keys: number;
  /** A key is retired when its list is so long. */
  readonly lengthMax: number;
}

interface Draft {
  readonly client: number;
  readonly startMs: number;
  readonly endMs: number;
  /** When it takes effect, if ever. */
  readonly effectMs: number;
  readonly outcome: AppendRecord['outcome'];
}

const callMsMax = 30;
const pauseMsMax = 10;
/** An unknown transaction may happen so long after its client has given up. */
const lateMsMax = 200;

export function generatedHistory(
  random: Random,
  { records, clients, keys, lengthMax }: Shape,
): readonly AppendRecord[] {
  const store = new Store(random, keys, lengthMax);
  const drafts: Draft[] = [];
  const freeMs = Array.from({ length: clients }, () => 0);
  while (drafts.length < records) {
    const client = random.below(clients);
    const draft = draftFrom(
      random,
      client,
      (freeMs[client] ?? 0) + Math.max(0, random.below(pauseMsMax * 2) - pauseMsMax),
    );
    freeMs[client] = draft.endMs;
    drafts.push(draft);
  }
  const done = new Map<Draft, readonly AppendOp[]>();
  for (const draft of drafts.toSorted((a, b) => a.effectMs - b.effectMs)) {
    done.set(draft, store.run(draft.outcome !== 'failed' && draft.effectMs < Infinity));
  }
  return drafts.map((draft) => {
    const { client, startMs, endMs, outcome } = draft;
    return { client, startMs, endMs, outcome, ops: done.get(draft) ?? [] };
  });
}

function draftFrom(random: Random, client: number, startMs: number): Draft {
  const endMs = startMs + random.below(callMsMax);
  const effectMs = startMs + random.below(endMs - startMs + 1);
  const draw = random.below(100);
  if (draw >= 10) return { client, startMs, endMs, effectMs, outcome: 'ok' };
  if (draw >= 5) return { client, startMs, endMs, effectMs, outcome: 'failed' };
  const lateMs = startMs + random.below(lateMsMax);
  return { client, startMs, endMs, effectMs: draw >= 2 ? lateMs : Infinity, outcome: 'unknown' };
}

class Store {
  readonly #random: Random;
  readonly #lengthMax: number;
  readonly #names: string[];
  readonly #lists = new Map<string, readonly string[]>();
  #keysUsed: number;
  #elements = 0;

  constructor(random: Random, keys: number, lengthMax: number) {
    this.#random = random;
    this.#lengthMax = lengthMax;
    this.#names = Array.from({ length: keys }, (_, place) => `k${place}`);
    this.#keysUsed = keys;
  }

  /** One that does not happen reads what is there and leaves no trace. */
  run(happens: boolean): readonly AppendOp[] {
    const lists = happens ? this.#lists : new Map(this.#lists);
    return Array.from({ length: 1 + this.#random.below(4) }, (): AppendOp => {
      const key = this.#key();
      const list = lists.get(key) ?? [];
      if (this.#random.below(2) === 0) return { kind: 'read', key, list };
      this.#elements += 1;
      const element = `e${this.#elements}`;
      lists.set(key, [...list, element]);
      return { kind: 'append', key, element };
    });
  }

  #key(): string {
    const place = this.#random.below(this.#names.length);
    const key = this.#names[place] ?? '';
    if ((this.#lists.get(key)?.length ?? 0) < this.#lengthMax) return key;
    const fresh = `k${this.#keysUsed}`;
    this.#keysUsed += 1;
    this.#names[place] = fresh;
    return fresh;
  }
}
