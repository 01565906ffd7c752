/** So many permits, and as many holders as they are enough for. */
import { QuorateError } from '../core/quorate-error.js';
import { acquireGrant, type AcquireOptions, type GrantPorts, tryGrant, type Wanted } from './acquire.js';
import type { Grant } from './grant.js';

export interface PermitOptions extends AcquireOptions {
  /** Permits, all or none. Default: 1. */
  readonly weight?: number;
}

export class Semaphore {
  readonly #ports: GrantPorts;
  readonly #name: Buffer;
  readonly #permits: number;

  /** @internal */
  constructor(ports: GrantPorts, name: Buffer, permits: number) {
    if (!Number.isSafeInteger(permits) || permits < 1) {
      throw new QuorateError('INVALID_ARGUMENT', { detail: `permits must be a whole number from 1, not ${permits}` });
    }
    this.#ports = ports;
    this.#name = name;
    this.#permits = permits;
  }

  /**
   * Waits for the permits. INVALID_GRANT while others use the name with another number of permits. Rejects otherwise as
   * `Mutex.acquire` does.
   */
  acquire({ weight = 1, ...options }: PermitOptions = {}): Promise<Grant> {
    return acquireGrant(this.#ports, this.#wanted(weight), options);
  }

  /** Null: there are not enough permits now, or others wait for them. */
  tryAcquire({ weight = 1, ...options }: PermitOptions = {}): Promise<Grant | null> {
    return tryGrant(this.#ports, this.#wanted(weight), options);
  }

  #wanted(weight: number): Wanted {
    const value = Buffer.alloc(0);
    return { names: [this.#name], owner: '', mode: 'shared', weight, capacity: this.#permits, value };
  }
}
