/** A number outside the cluster that any process may read and write, and that protects itself from nothing. */
import { readFileSync, writeFileSync } from 'node:fs';

/** So that no write leaves a part of the one before. */
const digits = 12;

export class OutsideRegister {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  read(): number {
    return Number(readFileSync(this.#file, 'latin1'));
  }

  write(value: number): void {
    // In place: never empty for whoever reads at the same time.
    writeFileSync(this.#file, String(value).padStart(digits, '0'), { flag: 'r+' });
  }

  /** Creates it, with 0. */
  static create(file: string): OutsideRegister {
    writeFileSync(file, '0'.repeat(digits));
    return new OutsideRegister(file);
  }
}
