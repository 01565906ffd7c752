/** Many that read, or one that writes. Who came first goes first, so nobody waits for ever. */
import { acquireGrant, type AcquireOptions, type GrantPorts } from './acquire.js';
import type { Grant } from './grant.js';

export class RwLock {
  readonly #ports: GrantPorts;
  readonly #name: Buffer;
  readonly #owner: string;

  /** @internal */
  constructor(ports: GrantPorts, name: Buffer, owner: string) {
    this.#ports = ports;
    this.#name = name;
    this.#owner = owner;
  }

  /** Beside others that read. Rejects as `Mutex.acquire` does; GRANT_OWNED: this object waits to write, or does. */
  read(options: AcquireOptions = {}): Promise<Grant> {
    return this.#acquire('shared', options);
  }

  /** Alone. GRANT_OWNED: this object has the lock, or waits for it; a reader does not become a writer. */
  write(options: AcquireOptions = {}): Promise<Grant> {
    return this.#acquire('exclusive', options);
  }

  #acquire(mode: 'shared' | 'exclusive', options: AcquireOptions): Promise<Grant> {
    const value = Buffer.alloc(0);
    const wanted = { names: [this.#name], owner: this.#owner, mode, weight: 1, capacity: 0, value };
    return acquireGrant(this.#ports, wanted, options);
  }
}
