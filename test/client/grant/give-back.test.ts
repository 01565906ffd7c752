/** What becomes of grants that were given up while the cluster did not answer. */
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../../client/api/lease.js';
import type { Caller } from '../../../client/calls/caller.js';
import { Grant } from '../../../client/grant/grant.js';
import { type GiveBackPorts, giveBack } from '../../../client/grant/give-back.js';
import type { LeaseUse } from '../../../client/grant/lease-pool.js';
import { type ErrorCode, isQuorateError, QuorateError } from '../../../client/index.js';
import { seededRandom } from '../../../server/lib/random.js';
import { VirtualClock } from '../../node/virtual-clock.js';

type Answer = ErrorCode | boolean;

/** A cluster that answers releases as it is told, and nothing else; and a lease that others keep alive. */
class Rig {
  readonly ends: boolean[] = [];
  readonly clock = new VirtualClock();
  releases = 0;
  /** How often it was asked whether the grant is lost. */
  awaits = 0;
  leaseState = 'held';
  readonly lease: Lease;
  readonly #answers: Answer[];

  constructor(...answers: readonly Answer[]) {
    this.#answers = [...answers];
    this.lease = { signal: new AbortController().signal } as Lease;
    Object.defineProperty(this.lease, 'state', { get: () => this.leaseState });
  }

  readonly caller = {
    call: ({ kind }: { readonly kind: string }) => {
      if (kind === 'grantAwait') this.awaits += 1;
      if (kind !== 'grantRelease') return new Promise(() => undefined);
      this.releases += 1;
      const answer = this.#answers.shift();
      if (answer === undefined) return new Promise(() => undefined);
      return typeof answer === 'string' ? Promise.reject(new QuorateError(answer)) : Promise.resolve(answer);
    },
  } as unknown as Caller;

  get ports(): GiveBackPorts {
    return { caller: this.caller, clock: this.clock, random: seededRandom(1) };
  }

  get use(): LeaseUse {
    return { lease: this.lease, end: (isClean) => this.ends.push(isClean) };
  }

  grant(): Grant {
    const { ports, use } = this;
    return new Grant({
      ports,
      use,
      names: [Buffer.from('n')],
      attempt: 'a',
      token: 1,
      slots: [],
      change: 1,
    });
  }
}

const codeOf = (error: unknown): string => (isQuorateError(error) ? error.code : String(error));

describe('a grant that is given up', () => {
  it('while nobody answers is given back as soon as somebody does, though others keep its lease alive', async () => {
    const rig = new Rig('DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'SESSION_EXPIRED', true);
    expect(await rig.grant().release().catch(codeOf)).toBe('DEADLINE_EXCEEDED');
    // Not at once, and not for long either.
    await rig.clock.advance(0);
    expect(rig.releases).toBeLessThan(4);
    await rig.clock.advance(50 + 100 + 200);
    expect([rig.releases, rig.ends]).toEqual([4, [true]]);
  });

  it('is left to its lease once that is over', async () => {
    const rig = new Rig('DEADLINE_EXCEEDED', true);
    rig.leaseState = 'lost';
    await giveBack(rig.ports, 'a', rig.use);
    expect([rig.releases, rig.ends]).toEqual([0, [false]]);
  });

  it('is left to its lease when the client is closed', async () => {
    const rig = new Rig('CLOSED', true);
    await giveBack(rig.ports, 'a', rig.use);
    expect([rig.releases, rig.ends]).toEqual([1, [false]]);
  });

  it('leaves nothing at its lease, which others share', async () => {
    const rig = new Rig(true);
    const { signal } = rig.lease;
    const grant = rig.grant();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await grant.release();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('soon after it was got is never asked about', async () => {
    const rig = new Rig(true);
    const grant = rig.grant();
    await rig.clock.advance(99);
    await grant.release();
    await rig.clock.advance(60_000);
    expect(rig.awaits).toBe(0);
    rig.grant();
    await rig.clock.advance(100);
    expect(rig.awaits).toBe(1);
  });
});
