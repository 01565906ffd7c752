/** What the grants of a client share, on a clock that stands still until it is told to go on. */
import { describe, expect, it } from 'vitest';
import type { Lease, Leases } from '../../../client/api/lease.js';
import { LeasePool } from '../../../client/grant/lease-pool.js';
import { isQuorateError, QuorateError } from '../../../client/index.js';
import { VirtualClock } from '../../node/virtual-clock.js';

class Rig {
  readonly clock = new VirtualClock();
  readonly revoked: number[] = [];
  /** When each lease was asked for, and for how long that is tried. */
  readonly asked: { readonly timeout: number | undefined; readonly answer: (lease: Lease | QuorateError) => void }[] =
    [];
  readonly pool: LeasePool;

  constructor() {
    const leases: Pick<Leases, 'grant'> = {
      grant: ({ timeout }) =>
        new Promise((resolve, reject) => {
          const answer = (lease: Lease | QuorateError): void =>
            lease instanceof QuorateError ? reject(lease) : resolve(lease);
          this.asked.push({ timeout, answer });
        }),
    };
    this.pool = new LeasePool(leases, this.clock, 5_000);
  }

  lease(number: number): Lease {
    const revoke = async (): Promise<void> => void this.revoked.push(number);
    return { state: 'held', assertAlive: () => undefined, revoke } as unknown as Lease;
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (isQuorateError(error) ? error.code : String(error)),
  );

describe('a shared lease', () => {
  it('is waited for by each for as long as it likes', async () => {
    const rig = new Rig();
    const { clock, pool, asked } = rig;
    const hasty = codeOf(pool.take(10_000, 50, undefined));
    const patient = codeOf(pool.take(10_000, 1_000, undefined));
    await clock.advance(60);
    expect(await hasty).toBe('DEADLINE_EXCEEDED');
    asked[0]?.answer(rig.lease(1));
    await clock.advance(1);
    expect(await patient).toBe('ok');
    expect(asked.map(({ timeout }) => timeout)).toEqual([5_000]);
  });

  it('that was not granted is asked for anew, and leaves no timer behind', async () => {
    const rig = new Rig();
    const { clock, pool, asked } = rig;
    const first = codeOf(pool.take(10_000, 1_000, undefined));
    asked[0]?.answer(new QuorateError('NO_LEADER'));
    await clock.advance(1);
    expect(await first).toBe('NO_LEADER');
    expect(clock.pendingTimers).toBe(0);
    const second = codeOf(pool.take(10_000, 1_000, undefined));
    asked[1]?.answer(rig.lease(2));
    await clock.advance(1);
    expect(await second).toBe('ok');
  });

  it('is revoked when nobody has used it for its ttl, and at once when something may hang on it', async () => {
    const rig = new Rig();
    const { clock, pool, asked, revoked } = rig;
    const taking = pool.take(10_000, 1_000, undefined);
    asked[0]?.answer(rig.lease(1));
    const use = await taking;
    use.end(true);
    await clock.advance(9_999);
    expect(revoked).toEqual([]);
    await clock.advance(1);
    expect(revoked).toEqual([1]);
    const again = pool.take(10_000, 1_000, undefined);
    asked[1]?.answer(rig.lease(2));
    (await again).end(false);
    await clock.advance(0);
    expect(revoked).toEqual([1, 2]);
  });
});
