/** So many permits, and as many holders as they are enough for. */
import { QuorateError } from '../core/quorate-error.js';
import { acquireGrant, type AcquireOptions, type GrantPorts } from './acquire.js';
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
  async acquire(options: PermitOptions = {}): Promise<Grant> {
    const grant = await this.#acquire(options, true);
    if (grant === null) throw new QuorateError('UNRECOGNIZED', { detail: 'neither granted nor waiting' });
    return grant;
  }

  /** Null: there are not enough permits now, or others wait for them. */
  tryAcquire(options: PermitOptions = {}): Promise<Grant | null> {
    return this.#acquire(options, false);
  }

  #acquire({ weight = 1, ...options }: PermitOptions, mayWait: boolean): Promise<Grant | null> {
    const common = { names: [this.#name], owner: '', mode: 'shared', value: Buffer.alloc(0) } as const;
    return acquireGrant(this.#ports, { ...common, weight, capacity: this.#permits, mayWait }, options);
  }
}
