/**
 * The lock service of the members. It waits in line, under a lease of its own each time; a call that takes long or fails
 * is given up and made again at another member under the same lease, which has its place already.
 */
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { KVDefinition, RangeRequest } from '@quorate/proto/etcd/kv.js';
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import type { Random } from '../../../server/lib/random.js';
import { callOn } from '../../rpc/call-on.js';
import { type ExclusiveLock, type Held, pause } from './locks.js';

const callMs = 3_000;
/** How long a call waits in line, at most: often less than it takes. */
const waitMsMax = 400;
const retryMsMax = 25;

const { leaseGrant, leaseRevoke } = LeaseDefinition.methods;
const { lock, unlock } = LockDefinition.methods;

/** The lease is over, or the place is gone: another attempt needs another lease. */
const fromTheStart = /requested lease not found|session is expired/;

export class ServiceLock implements ExclusiveLock {
  readonly #clients: readonly Client[];
  readonly #random: Random;
  #place: number;

  constructor(endpoints: readonly string[], random: Random) {
    const options = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 100 };
    this.#clients = endpoints.map((endpoint) => new Client(endpoint, credentials.createInsecure(), options));
    this.#random = random;
    this.#place = random.below(endpoints.length);
  }

  async acquire({ ttlSeconds }: { readonly ttlSeconds: number }): Promise<Held> {
    for (;;) {
      const grantedMs = performance.now();
      const lease = await this.#untilDone(
        async (client) =>
          (await callOn(client, LeaseDefinition, leaseGrant, { ID: 0n, TTL: BigInt(ttlSeconds) }, callMs)).ID,
      );
      const key = await this.#enter(lease);
      const token = key && (await this.#tokenOf(key));
      if (key !== undefined && token !== undefined) {
        return {
          token,
          endsAtMs: grantedMs + ttlSeconds * 1000,
          release: () => this.#release(key, lease),
          abandon: () => undefined,
        };
      }
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  /** Undefined when the lease is over. */
  async #enter(lease: bigint): Promise<Buffer | undefined> {
    try {
      return await this.#untilDone(async (client) => {
        const waitMs = 20 + this.#random.below(waitMsMax);
        return (await callOn(client, LockDefinition, lock, { name: Buffer.from('mutex'), lease }, waitMs)).key;
      });
    } catch (error) {
      if (fromTheStart.test(String(error))) return undefined;
      throw error;
    }
  }

  /** Create revision of the key; undefined when it is gone. */
  async #tokenOf(key: Buffer): Promise<number | undefined> {
    const request = RangeRequest.fromPartial({ key });
    const { kvs } = await this.#untilDone((client) =>
      callOn(client, KVDefinition, KVDefinition.methods.range, request, callMs),
    );
    return kvs[0] && Number(kvs[0].createRevision);
  }

  /** By the one way or the other. */
  async #release(key: Buffer, ID: bigint): Promise<void> {
    if (this.#random.below(2) === 0) {
      await this.#untilDone((client) => callOn(client, LockDefinition, unlock, { key }, callMs));
    }
    await this.#untilDone((client) => callOn(client, LeaseDefinition, leaseRevoke, { ID }, callMs)).catch(
      (error: unknown) => {
        if (!fromTheStart.test(String(error))) throw error;
      },
    );
  }

  /** At one member after the other, until one answers. Rejects with what another member would say, too. */
  async #untilDone<T>(call: (client: Client) => Promise<T>): Promise<T> {
    for (;;) {
      const client = this.#clients[this.#place % this.#clients.length];
      if (client === undefined) throw new Error('no members');
      try {
        return await call(client);
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#place += 1;
        await pause(this.#random, retryMsMax);
      }
    }
  }
}

/** Too late, no connection, no leader: it may go better elsewhere. etcd's lock service says the last with code 2. */
function isPassing(error: unknown): boolean {
  const { code, details } = error as ServiceError;
  return code === 4 || code === 14 || code === 1 || /request timed out|leader changed|^context /.test(details);
}
