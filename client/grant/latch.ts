/** Opens once each of those named at the beginning has counted down. Each has a key, so none counts twice. */
import { cmp, del, put, type Txn } from '../api/txn.js';
import type { CallOptions } from '../calls/caller.js';
import { QuorateError } from '../core/quorate-error.js';
import { type RangeWait, untilRange } from './until-range.js';

export interface LatchPorts extends Pick<RangeWait, 'watch' | 'clock'> {
  readonly txn: () => Txn;
}

/** One transaction sets a latch up. */
const PARTICIPANTS_MAX = 100;

export class Latch {
  readonly #ports: LatchPorts;
  readonly #root: string;
  readonly #prefix: string;
  readonly #ids: readonly string[];

  /** @internal */
  constructor(ports: LatchPorts, name: string, ids: readonly string[]) {
    const distinct = [...new Set(ids)].sort();
    if (distinct.length === 0 || distinct.length > PARTICIPANTS_MAX) {
      const detail = `a latch is for 1 to ${PARTICIPANTS_MAX} participants, not ${distinct.length}`;
      throw new QuorateError('INVALID_ARGUMENT', { detail });
    }
    this.#ports = ports;
    this.#root = `latch/${name}`;
    this.#prefix = `latch/${name}/`;
    this.#ids = distinct;
  }

  /** True: it counted; false: it had before. INVALID_ARGUMENT: nobody of that name takes part. */
  async countDown(id: string, options: CallOptions = {}): Promise<boolean> {
    if (!this.#ids.includes(id)) {
      throw new QuorateError('INVALID_ARGUMENT', { detail: `${id} does not take part in the latch` });
    }
    await this.#setUp(options);
    const key = `${this.#prefix}${id}`;
    const { ok } = await this.#ports.txn().if(cmp(key).exists()).then(del(key)).commit(options);
    return ok;
  }

  /** Resolves once all have counted down. */
  async wait({ timeout = Infinity, signal }: CallOptions = {}): Promise<void> {
    await this.#setUp({ signal });
    const range = { prefix: this.#prefix };
    await untilRange({ ...this.#ports, range, timeout, signal }, (keys) => (keys.size === 0 ? true : undefined));
  }

  /** Whoever comes first; the others must name the same participants. */
  async #setUp(options: CallOptions): Promise<void> {
    const list = JSON.stringify(this.#ids);
    const keys = this.#ids.map((id) => put(`${this.#prefix}${id}`, ''));
    const { ok } = await this.#ports
      .txn()
      .if(cmp(this.#root).absent())
      .then(put(this.#root, list), ...keys)
      .commit(options);
    if (ok) return;
    const same = await this.#ports.txn().if(cmp(this.#root).value.equals(list)).commit(options);
    if (!same.ok) throw new QuorateError('INVALID_ARGUMENT', { detail: 'others name other participants of the latch' });
  }
}
