/** lock() of the etcd3 package from npm: it takes the lock or fails, so whoever wants it tries again and again. */
import { Etcd3, EtcdLockFailedError, type Lock } from 'etcd3';
import type { Random } from '../../../server/lib/random.js';
import { type ExclusiveLock, type Held, pause } from './locks.js';

const callMs = 3_000;
/** An attempt that fails costs the cluster three writes. */
const retryMsMax = 100;

export class NpmLock implements ExclusiveLock {
  readonly #client: Etcd3;
  readonly #random: Random;

  constructor(endpoints: readonly string[], random: Random) {
    this.#client = new Etcd3({
      hosts: endpoints.map((endpoint) => `http://${endpoint}`),
      defaultCallOptions: (call) => (call.isStream ? {} : { deadline: Date.now() + callMs }),
    });
    this.#random = random;
  }

  async acquire({ ttlSeconds }: { readonly ttlSeconds: number }): Promise<Held> {
    for (;;) {
      const lock = this.#client.lock('mutex').ttl(ttlSeconds);
      const endsAtMs = performance.now() + ttlSeconds * 1000;
      try {
        await lock.acquire();
        return { token: undefined, endsAtMs, release: () => this.#release(lock), abandon: undefined };
      } catch (error) {
        // Unless it says that it failed, it may hold the lock without a word.
        if (!(error instanceof EtcdLockFailedError)) await this.#release(lock);
      }
      await pause(this.#random, retryMsMax);
    }
  }

  close(): void {
    this.#client.close();
  }

  async #release(lock: Lock): Promise<void> {
    for (;;) {
      try {
        await lock.release();
        return;
      } catch {
        await pause(this.#random, retryMsMax);
      }
    }
  }
}
