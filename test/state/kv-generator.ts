/**
 * Draws random requests over a small, awkward set of keys, most of them valid. Revisions are drawn around the store's
 * own, so that reads meet the compacted, the current and the future side of history.
 */
import type { Random } from '../../server/lib/random.js';
import type {
  Command,
  Compare,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  TxnCommand,
  TxnOp,
} from '../../server/state/command.js';
import { checkpoint, compact, del, expire, grant, put, range, revoke, txn } from './commands.js';

const KEYS = ['\0', '\0\0', 'a', 'a\0', 'a\xff', 'b', 'b\0b', 'c', 'd', '\xff', '\xff\0', '\xff\xff'];
const VALUES = ['', 'v1', 'v2', 'v3', '\0', '\xff'];
const LEASES = [1n, 2n, 3n, -1n, 0x7fff_ffff_ffff_ffffn];
const TXN_DEPTH = 4;

export class KvGenerator {
  readonly #random: Random;
  /** The store's revision, to be kept up to date by the user. */
  revision = 1;
  /** The leases that exist, as well. */
  leases: readonly bigint[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  command(): Command {
    const roll = this.below(100);
    if (roll < 45) return this.put();
    if (roll < 57) return this.deleteRange();
    if (roll < 78) return this.txn(1);
    if (roll < 94) return this.#leaseCommand();
    return compact(this.revision - this.below(12) + this.below(2));
  }

  range(): RangeQuery {
    return range(this.key(), this.rangeEnd(), {
      limit: this.chance(50) ? 0 : this.below(6) - 1,
      revision: this.chance(50) ? 0 : this.chance(10) ? 0 - this.below(4) : this.#revisionNear(),
      sortOrder: this.pick(['none', 'ascend', 'descend']),
      sortTarget: this.pick(['key', 'version', 'create', 'mod', 'value']),
      serializable: this.chance(50),
      keysOnly: this.chance(15),
      countOnly: this.chance(10),
      minModRevision: this.#bound(),
      maxModRevision: this.#bound(),
      minCreateRevision: this.#bound(),
      maxCreateRevision: this.#bound(),
    });
  }

  put(): PutCommand {
    const ignoreValue = this.chance(8);
    return put(this.key(), ignoreValue && this.chance(90) ? '' : this.pick(VALUES), {
      lease: this.chance(35) ? this.#lease() : 0n,
      prevKv: this.chance(50),
      ignoreValue,
      ignoreLease: this.chance(6),
    });
  }

  /** Mostly one that exists. */
  #lease(): bigint {
    return this.leases.length > 0 && this.chance(85) ? this.pick(this.leases) : this.pick(LEASES);
  }

  /** Mostly of term 1. */
  #leaseCommand(): Command {
    const roll = this.below(100);
    const term = this.chance(85) ? 1 : 2;
    if (roll < 50) return grant(this.pick(LEASES), 1 + this.below(5) * 1000);
    if (roll < 65) return revoke(this.pick(LEASES));
    if (roll < 85) return expire(term, ...this.list(4, () => this.pick(LEASES)));
    const noted = () => ({ id: this.pick(LEASES), remainingMs: this.below(6) * 700 });
    return checkpoint(term, ...this.list(4, noted));
  }

  deleteRange(): DeleteRangeCommand {
    return del(this.key(), this.rangeEnd(), { prevKv: this.chance(50) });
  }

  txn(depth: number): TxnCommand {
    const lengthBound = depth === 1 ? 5 : 3;
    return txn(
      this.list(lengthBound, () => this.#op(depth)),
      this.list(lengthBound, () => this.#op(depth)),
      this.list(3, () => this.compare()),
    );
  }

  compare(): Compare {
    const common = {
      key: this.key(),
      rangeEnd: this.chance(70) ? '' : this.rangeEnd(),
      result: this.pick(['equal', 'greater', 'less', 'notEqual'] as const),
    };
    const target = this.pick(['version', 'create', 'mod', 'value', 'lease'] as const);
    if (target === 'value') return { ...common, target, operand: this.pick(VALUES) };
    if (target === 'lease') return { ...common, target, operand: BigInt(this.below(3) - 1) };
    return { ...common, target, operand: target === 'version' ? this.below(4) : this.#revisionNear() };
  }

  key(): string {
    return this.chance(1) ? '' : this.pick(KEYS);
  }

  rangeEnd(): string {
    if (this.chance(50)) return '';
    return this.chance(25) ? '\0' : this.pick(KEYS);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error('nothing to pick from');
    return choice;
  }

  list<T>(lengthBound: number, draw: () => T): T[] {
    return Array.from({ length: this.below(lengthBound) }, draw);
  }

  #op(depth: number): TxnOp {
    const roll = this.below(100);
    if (roll < 25) return this.range();
    if (roll < 60) return this.put();
    if (roll < 75 || depth >= TXN_DEPTH) return this.deleteRange();
    return this.txn(depth + 1);
  }

  #revisionNear(): number {
    return this.revision - this.below(15) + this.below(2);
  }

  #bound(): number {
    return this.chance(80) ? 0 : this.#revisionNear();
  }
}
