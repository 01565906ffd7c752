/** Watches, beside the member and with nothing of the client's, when the keys of leases go because their lease expired. */
import { Event_DeleteCause } from '@quorate/proto/etcd/mvcc.js';
import { monotonicMs } from '../../harness/monotonic.js';
import { prefixEnd, type RawWatch, startRawWatch } from '../../harness/raw-watch.js';

export class LeaseWitness {
  readonly #goneAt = new Map<string, number>();
  #watch: RawWatch | undefined;

  /** Of the keys `PREFIX + lease`. Resolves once nothing is missed. */
  static async start(endpoint: string, prefix: string): Promise<LeaseWitness> {
    const witness = new LeaseWitness();
    const range = { key: Buffer.from(prefix), rangeEnd: prefixEnd(prefix) };
    witness.#watch = await startRawWatch(endpoint, range, ({ events }) => {
      const now = monotonicMs();
      for (const { kv, deleteCause } of events) {
        const lease = kv?.key.toString().slice(prefix.length) ?? '';
        if (deleteCause === Event_DeleteCause.LEASE_EXPIRED) witness.#goneAt.set(lease, now);
      }
    });
    return witness;
  }

  /** When it was told; a little after it happened. */
  goneAt(lease: string): number | undefined {
    return this.#goneAt.get(lease);
  }

  end(): void {
    this.#watch?.end();
  }
}
