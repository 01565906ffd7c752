/** Which member to turn to: the leader where it is known, else the next one that did not fail just now. Pure. */
import { assert } from '../lib/assert.js';
import type { Random } from '../lib/random.js';

export class MemberRotation {
  readonly addresses: readonly string[];
  #current: number;

  /** Begins anywhere, so that the clients of a cluster spread. */
  constructor(addresses: readonly string[], random: Random) {
    assert(addresses.length > 0, 'there is a member to turn to');
    this.addresses = addresses;
    this.#current = random.below(addresses.length);
  }

  get current(): string {
    return this.addresses[this.#current] as string;
  }

  /** `address` did not do its job. Many calls that fail at the same member move on by one, not by many. */
  failed(address: string): void {
    if (address === this.current) this.#current = (this.#current + 1) % this.addresses.length;
  }

  /** Somebody said where the leader is. Undefined when that is none of the members that were named to this client. */
  prefer(hints: readonly (string | undefined)[]): string | undefined {
    const place = this.addresses.findIndex((address) => hints.includes(address));
    if (place === -1) return undefined;
    this.#current = place;
    return this.addresses[place];
  }
}
