/** What one client has written and seen so far, and so what no `session` read of it may fall behind. Pure. */

/** What a read promises, or not. */
export const brokenPromises = [
  /** It does not show what this client had written before it asked. */
  'ownWrite',
  /** It shows an older state, of the key or of the store, than this client had been shown before it asked. */
  'backwards',
  /** It does not show what the revision that it names holds. */
  'torn',
] as const;

export type BrokenPromise = (typeof brokenPromises)[number];

/** The state when a read was made. */
export interface Floor {
  readonly key: number;
  readonly storeRevision: number;
  readonly seenRevision: number;
  readonly writtenRevision: number;
}

export class SeenState {
  /** By key: the newest revision of it that any answer showed. */
  readonly #seen: number[];
  /** By key: the revision of this client's last write to it that was acknowledged. */
  readonly #written: number[];
  #storeRevision = 0;

  constructor(keys: number) {
    this.#seen = Array.from({ length: keys }, () => 0);
    this.#written = Array.from({ length: keys }, () => 0);
  }

  wrote(key: number, revision: number): void {
    this.#written[key] = revision;
    this.#storeRevision = Math.max(this.#storeRevision, revision);
  }

  /** To be taken when the read is made. */
  floor(key: number): Floor {
    return {
      key,
      storeRevision: this.#storeRevision,
      seenRevision: this.#seen[key] ?? 0,
      writtenRevision: this.#written[key] ?? 0,
    };
  }

  /** `modRevision` of the key, 0 when it does not exist; `revision` as of which the answer is. */
  read(floor: Floor, modRevision: number, revision: number): readonly BrokenPromise[] {
    const { key } = floor;
    const broken: BrokenPromise[] = [];
    if (modRevision < floor.writtenRevision) broken.push('ownWrite');
    if (modRevision < floor.seenRevision || revision < floor.storeRevision) broken.push('backwards');
    const written = this.#written[key] ?? 0;
    if (modRevision > revision || (written <= revision && modRevision < written)) broken.push('torn');
    this.#seen[key] = Math.max(this.#seen[key] ?? 0, modRevision);
    this.#storeRevision = Math.max(this.#storeRevision, revision);
    return broken;
  }
}
