/**
 * Small writes at a fixed rate to some members in turn. Nobody waits for an earlier one, so that what they measure is
 * the cluster's own time and not that of a client's time-out.
 */
import type { ClusterMember } from '../harness/cluster.js';

const probeEveryMs = 10;
const probeTimeoutMs = 3_000;
const giveUpMs = 20_000;

/** Monotonic times. */
export interface AcknowledgedProbe {
  readonly sentMs: number;
  readonly endMs: number;
}

export class Probes {
  /** In order of their end. */
  readonly acknowledged: AcknowledgedProbe[] = [];
  readonly #timer: NodeJS.Timeout;
  #targets: readonly ClusterMember[];
  #sent = 0;
  #notify: (probe: AcknowledgedProbe) => void = () => undefined;

  constructor(targets: readonly ClusterMember[]) {
    this.#targets = targets;
    this.#timer = setInterval(() => void this.#probe(), probeEveryMs);
  }

  /** Where probes go from now on. */
  aim(targets: readonly ClusterMember[]): void {
    this.#targets = targets;
  }

  /** The next acknowledged probe of those that were sent at `sentSince` or later. One caller at a time. */
  untilAcknowledged(sentSince: number): Promise<AcknowledgedProbe> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no write was acknowledged for ${giveUpMs} ms`)), giveUpMs);
      this.#notify = (probe) => {
        if (probe.sentMs < sentSince) return;
        clearTimeout(timer);
        resolve(probe);
      };
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #probe(): Promise<void> {
    this.#sent += 1;
    const target = this.#targets[this.#sent % this.#targets.length];
    const sentMs = performance.now();
    const answer = await target?.client.put('probe', String(this.#sent), probeTimeoutMs).catch(() => undefined);
    if (answer === undefined) return;
    const probe = { sentMs, endMs: performance.now() };
    this.acknowledged.push(probe);
    this.#notify(probe);
  }
}
