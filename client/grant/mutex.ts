/** One at a time, for one name or several together. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { QuorateError } from '../core/quorate-error.js';
import { acquireGrant, type AcquireOptions, type GrantPorts, tryGrant, type Wanted } from './acquire.js';
import type { Grant } from './grant.js';

/** What the code that runs now holds by `run`, as names in hex: taking it once more would wait for itself. */
const held = new AsyncLocalStorage<ReadonlySet<string>>();

export class Mutex {
  readonly #ports: GrantPorts;
  readonly #wanted: Wanted;

  /** @internal */
  constructor(ports: GrantPorts, names: readonly Buffer[], owner: string) {
    this.#ports = ports;
    const sorted = [...names].sort((a, b) => a.compare(b));
    this.#wanted = { names: sorted, owner, mode: 'exclusive', weight: 1, capacity: 0, value: Buffer.alloc(0) };
  }

  /**
   * Waits for it. Rejects with GRANT_OWNED at once when it is taken or waited for through this very object, or from inside
   * its own `run`; with LEASE_LOST or GRANT_LOST when the place in the queue is lost; with DEADLINE_EXCEEDED, CANCELED.
   */
  async acquire(options: AcquireOptions = {}): Promise<Grant> {
    this.#assertOutside();
    return acquireGrant(this.#ports, this.#wanted, options);
  }

  /** Null: somebody else has it, or waits for it. Nobody is kept waiting by the question. */
  async tryAcquire(options: AcquireOptions = {}): Promise<Grant | null> {
    this.#assertOutside();
    return tryGrant(this.#ports, this.#wanted, options);
  }

  /**
   * Runs `body` while it holds, and releases when `body` has settled, never before. What `body` throws is thrown, whatever
   * becomes of the release. A body that returns although the grant was lost meanwhile ends in GRANT_LOST.
   */
  async run<Result>(body: (grant: Grant) => Promise<Result> | Result, options: AcquireOptions = {}): Promise<Result> {
    const grant = await this.acquire(options);
    const names = new Set([...(held.getStore() ?? []), ...this.#keys]);
    let result: Result;
    try {
      result = await held.run(names, async () => body(grant));
    } catch (error) {
      await grant.release().catch(() => undefined);
      throw error;
    }
    if (grant.state === 'lost') throw new QuorateError('GRANT_LOST', { detail: 'while the body ran' });
    await grant.release();
    return result;
  }

  #assertOutside(): void {
    const inside = held.getStore();
    if (inside !== undefined && this.#keys.some((key) => inside.has(key))) {
      throw new QuorateError('GRANT_OWNED', { detail: 'from inside its own run()' });
    }
  }

  get #keys(): readonly string[] {
    return this.#wanted.names.map((name) => name.toString('hex'));
  }
}
