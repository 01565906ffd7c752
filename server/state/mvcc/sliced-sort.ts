/**
 * A merge sort that can stop at any time: sorting a million versions at once would hold everything else up. With
 * `keepMax` only the first so many of the sorted list are kept, and whatever cannot be among them is dropped early.
 */
export class SlicedSort<T> {
  readonly #items: readonly T[];
  readonly #compare: (a: T, b: T) => number;
  readonly #keepMax: number;
  #taken = 0;
  /** Sorted lists, merged two at a time until one is left: the first two in line, the result at the end. */
  #runs: T[][] = [];
  #merge: Merge<T> | undefined;

  /** `compare` must tell any two items apart: then the result does not depend on how the work was sliced. */
  constructor(items: readonly T[], compare: (a: T, b: T) => number, keepMax: number) {
    this.#items = items;
    this.#compare = compare;
    this.#keepMax = keepMax;
  }

  /** Works on up to `max` items. Returns the sorted list once it stands, undefined before. */
  step(max: number): T[] | undefined {
    if (this.#taken < this.#items.length) {
      const run = this.#items.slice(this.#taken, this.#taken + max).sort(this.#compare);
      this.#taken += run.length;
      this.#runs.push(cut(run, this.#keepMax));
    } else {
      this.#mergeStep(max);
    }
    const isDone = this.#taken >= this.#items.length && this.#merge === undefined && this.#runs.length <= 1;
    return isDone ? (this.#runs[0] ?? []) : undefined;
  }

  #mergeStep(max: number): void {
    if (this.#merge === undefined) {
      const [a, b] = this.#runs.splice(0, 2);
      if (a === undefined || b === undefined) return;
      this.#merge = new Merge(a, b, this.#compare, this.#keepMax);
    }
    const merged = this.#merge.step(max);
    if (merged === undefined) return;
    this.#runs.push(merged);
    this.#merge = undefined;
  }
}

class Merge<T> {
  readonly #merged: T[] = [];
  readonly #size: number;
  #atA = 0;
  #atB = 0;

  constructor(
    readonly a: readonly T[],
    readonly b: readonly T[],
    readonly compare: (a: T, b: T) => number,
    keepMax: number,
  ) {
    this.#size = Math.min(a.length + b.length, keepMax);
  }

  step(max: number): T[] | undefined {
    const { a, b } = this;
    const until = Math.min(this.#size, this.#merged.length + max);
    while (this.#merged.length < until) {
      const fromA = a[this.#atA];
      const fromB = b[this.#atB];
      if (fromB === undefined || (fromA !== undefined && this.compare(fromA, fromB) <= 0)) {
        if (fromA !== undefined) this.#merged.push(fromA);
        this.#atA += 1;
      } else {
        this.#merged.push(fromB);
        this.#atB += 1;
      }
    }
    return this.#merged.length === this.#size ? this.#merged : undefined;
  }
}

function cut<T>(items: T[], max: number): T[] {
  if (items.length > max) items.length = max;
  return items;
}
