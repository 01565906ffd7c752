/** A candidate that loses its place again and again, on a clock that stands still until it is told to go on. */
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../../client/api/lease.js';
import type { ObserveStream } from '../../../client/calls/observe-stream.js';
import type { Caller } from '../../../client/calls/caller.js';
import { BACKOFF_CAP_MS } from '../../../client/core/backoff.js';
import { Election } from '../../../client/grant/election.js';
import { LeasePool } from '../../../client/grant/lease-pool.js';
import { isQuorateError, QuorateError } from '../../../client/index.js';
import type { Place } from '../../../client/wire/grant-wire.js';
import type { Request } from '../../../client/wire/request.js';
import { seededRandom } from '../../../server/lib/random.js';
import { VirtualClock } from '../../node/virtual-clock.js';

const LATENCY_MS = 1;

class Rig {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(7);
  /** When it campaigned. */
  readonly campaigns: number[] = [];
  /** So often it loses its place before it is granted. */
  losses = Infinity;
  readonly election: Election;

  constructor() {
    const caller: Caller = { call: (request) => this.#answer(request), close: async () => undefined };
    const pool = new LeasePool({ grant: async () => lease() }, this.clock, 5_000);
    const name = Buffer.from('election/n');
    const ports = { caller, pool, clock: this.clock, random: this.random, timeoutMs: 5_000, nameOf: () => name };
    this.election = new Election(ports, name, () => undefined as unknown as ObserveStream);
  }

  #answer<Answer>({ kind }: Request<unknown>): Promise<Answer> {
    if (kind === 'grantAcquire') this.campaigns.push(this.clock.now());
    const token = this.campaigns.length > this.losses ? 9 : 0;
    const place: Place = { place: 1, token, slots: [], change: 1 };
    return new Promise((resolve, reject) => {
      this.clock.setTimer(() => {
        if (kind === 'grantAwait') reject(new QuorateError('GRANT_NOT_FOUND'));
        else resolve((kind === 'grantRelease' ? true : place) as Answer);
      }, LATENCY_MS);
    });
  }

  /** Of each campaign after the first one: how long it came after the one before had failed. */
  get pauses(): readonly number[] {
    return this.campaigns.slice(1).map((at, index) => at - (this.campaigns[index] ?? 0) - 2 * LATENCY_MS);
  }
}

function lease(): Lease {
  const { signal } = new AbortController();
  return {
    id: 1n,
    signal,
    state: 'held',
    assertAlive: () => undefined,
    revoke: async () => undefined,
  } as unknown as Lease;
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (isQuorateError(error) ? error.code : String(error)),
  );

describe('a candidate that loses its place again and again', () => {
  it('waits longer each time, at most a second, and not as long as others do', async () => {
    const rig = new Rig();
    const aborter = new AbortController();
    const leading = codeOf(rig.election.lead(() => undefined, { signal: aborter.signal }));
    await rig.clock.advance(60_000);
    const { pauses } = rig;
    // Half a second each, about, once the limit is reached.
    expect(pauses.length).toBeGreaterThan(60);
    expect(pauses.length).toBeLessThan(200);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(BACKOFF_CAP_MS);
    for (const [place, limit] of [50, 100, 200, 400, 800].entries()) expect(pauses[place]).toBeLessThanOrEqual(limit);
    expect(new Set(pauses.slice(10)).size).toBeGreaterThan(20);
    aborter.abort();
    await rig.clock.advance(0);
    expect(await leading).toBe('CANCELED');
  });

  it('is a candidate until it leads', async () => {
    const rig = new Rig();
    rig.losses = 3;
    const leading = rig.election.lead((term) => term.token);
    await rig.clock.advance(1_000);
    expect(await leading).toBe(9);
    expect(rig.campaigns).toHaveLength(4);
  });
});
