/** Watches, beside the member and with nothing of the client's, when the keys of leases go because their lease expired. */
import { once } from 'node:events';
import { Client, credentials } from '@grpc/grpc-js';
import { Event_DeleteCause } from '@quorate/proto/etcd/mvcc.js';
import { WatchCreateRequest, WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';
import { monotonicMs } from '../../harness/monotonic.js';

const passBytes = (bytes: Buffer): Buffer => bytes;

export class LeaseWitness {
  readonly #goneAt = new Map<string, number>();
  readonly #end: () => void;

  private constructor(end: () => void) {
    this.#end = end;
  }

  /** Of the keys `PREFIX + lease`. Resolves once nothing is missed. */
  static async start(endpoint: string, prefix: string): Promise<LeaseWitness> {
    const client = new Client(endpoint, credentials.createInsecure());
    const call = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', passBytes, passBytes);
    const witness = new LeaseWitness(() => {
      call.cancel();
      client.close();
    });
    call.on('error', () => undefined);
    const key = Buffer.from(prefix);
    const rangeEnd = Buffer.from(key);
    rangeEnd[key.length - 1] = (key.at(-1) ?? 0) + 1;
    const value = WatchCreateRequest.fromPartial({ key, rangeEnd });
    call.write(Buffer.from(WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish()));
    await once(call, 'data');
    call.on('data', (bytes: Buffer) => {
      const now = monotonicMs();
      for (const { kv, deleteCause } of WatchResponse.decode(bytes).events) {
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
    this.#end();
  }
}
