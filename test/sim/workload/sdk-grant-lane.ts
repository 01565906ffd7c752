/** One thing after the other that a process does with grants: it gets one, works under it, and gives it back. */
import type { Lease } from '../../../client/api/lease.js';
import { put } from '../../../client/api/txn.js';
import { isQuorateError } from '../../../client/core/quorate-error.js';
import type { AcquireOptions } from '../../../client/grant/acquire.js';
import type { Term } from '../../../client/grant/election.js';
import type { Grant } from '../../../client/grant/grant.js';
import type { Random } from '../../../server/lib/random.js';
import type { Room } from '../workload-ports.js';
import { between, chance, pick } from './draw.js';
import type { GuardedAsk } from './sdk-grant-told.js';
import type { SdkGrantLife, SdkHolding } from './sdk-grant-life.js';

/** Keys that nobody else has, and nobody deletes. */
const KEY = 'c';
const ROUNDS_MAX = 3;
const CALL_MS = [300, 5000] as const;
const CANCELED_AFTER_MS = 2000;
/** After its patience is over a call may take as long as the turn of a paused process. */
const SLACK_MS = 200;
const TOLD_PAUSE_MS = 500;

/** What is asked for, and how. */
export interface Wanted {
  readonly what: string;
  readonly names: readonly string[];
  readonly room: Room;
  readonly ask: (options: AcquireOptions) => Promise<Grant | null>;
}

export class SdkGrantLane {
  readonly life: SdkGrantLife;
  readonly random: Random;
  readonly #who: string;
  readonly #client: number;

  constructor(life: SdkGrantLife, random: Random) {
    this.life = life;
    this.random = random;
    this.#client = life.parts.nextClient();
    this.#who = `c${this.#client} of ${life.process.name}`;
  }

  get isOver(): boolean {
    return this.life.isOver || this.life.quieted.aborted;
  }

  get who(): string {
    return this.#who;
  }

  options(): AcquireOptions {
    const { mix } = this.life.parts;
    const { random } = this;
    return {
      ttl: pick(random, mix.ttlsMs),
      timeout: pick(random, mix.timeoutsMs),
      priority: pick(random, mix.priorities),
      lockDelay: pick(random, mix.lockDelaysMs),
      ...(chance(random, mix.canceledPercent) ? { signal: this.#soon() } : {}),
    };
  }

  /** Whether it was had, and given back, in time. */
  async proves(wanted: Wanted, timeout: number): Promise<boolean> {
    const grant = await this.#asked(wanted, { ttl: 5000, timeout });
    if (grant === undefined) return false;
    const holding = this.life.hold(this.#who, wanted.names, grant, wanted.room.mode === 'exclusive');
    await this.#write(holding, grant);
    holding.isBusy = false;
    await this.#release(holding, grant);
    this.life.parts.ports.held.letGo(holding);
    return true;
  }

  /** From the asking to the giving back. */
  async take(wanted: Wanted): Promise<void> {
    const options = await this.#withLease(this.options());
    const grant = await this.#asked(wanted, options);
    if (grant === undefined) return;
    const holding = this.life.hold(this.#who, wanted.names, grant, wanted.room.mode === 'exclusive');
    await this.work(holding, grant);
    holding.isBusy = false;
    if (options.lease !== undefined && chance(this.random, 30)) await this.#revoke(holding, options.lease);
    else await this.#release(holding, grant);
    this.life.parts.ports.held.letGo(holding);
  }

  /** Rounds of what somebody does who holds something, until it is done, or lost and noticed. */
  async work(holding: SdkHolding, holder: Grant | Term): Promise<void> {
    const { life, random } = this;
    const { mix } = life.parts;
    const isStubborn = chance(random, mix.stubbornPercent);
    for (let rounds = between(random, 1, ROUNDS_MAX); rounds > 0 && !life.isOver; rounds -= 1) {
      await life.pause(random.below(2 * mix.holdMs));
      life.see(holding);
      if (holding.grant.signal.aborted && !isStubborn) return;
      if (chance(random, 60)) await this.#write(holding, holder);
      else if ('proclaim' in holder && 'resign' in holder) await this.#proclaim(holder);
    }
    await this.#untilTold(holding);
  }

  /** Whoever had it taken away hears of it, however long that takes. */
  async #untilTold({ grant }: SdkHolding): Promise<void> {
    const { ports } = this.life.parts;
    while (ports.held.endOf(grant.attempt) === 'forced' && !grant.signal.aborted && !this.life.isOver) {
      await this.life.pause(TOLD_PAUSE_MS);
    }
  }

  async #asked({ what, names, room, ask }: Wanted, options: AcquireOptions): Promise<Grant | undefined> {
    const { life } = this;
    const { ports, findings, tally } = life.parts;
    const { clock } = life.process;
    const startMs = ports.clock.now();
    const dueMs = clock.now() + (options.timeout ?? Infinity);
    const pausedBefore = life.pauses;
    ports.trace(`${this.#who} ${what} ${names.join()} for ${options.timeout} ms`);
    const patience = (): void => {
      const lateMs = Math.round(clock.now() - dueMs);
      if (lateMs <= SLACK_MS || life.pauses > pausedBefore) return;
      findings.add('sdk-patience', `${this.#who} ${what} ${names.join()}: told ${lateMs} ms after its patience`);
    };
    try {
      const grant = await ask(options);
      patience();
      if (grant !== null) return grant;
      tally.add('sdk grants not free');
      if (ports.held.wasTaken(names, room, startMs)) return undefined;
      findings.add('sdk-not-free', `${this.#who} ${what} ${names.join()}: told not free, which it was all the time`);
    } catch (error) {
      patience();
      life.rejected(`${this.#who} ${what}`, error);
      tally.add('sdk grants not acquired');
    }
    return undefined;
  }

  async #release(holding: SdkHolding, grant: Grant): Promise<void> {
    const { life } = this;
    const { ports, findings, tally } = life.parts;
    try {
      const wasHeld = await (chance(this.random, 80)
        ? grant.release()
        : grant.release({ timeout: pick(this.random, CALL_MS) }));
      const end = ports.held.endOf(grant.attempt);
      tally.add(wasHeld ? 'sdk grants released' : 'sdk grants found lost at their release');
      ports.trace(`${holding.who} has released token ${grant.token}: ${wasHeld}`);
      if (wasHeld === (end === 'released')) return;
      findings.add(
        'sdk-release',
        `${holding.who}: the release of token ${grant.token} says ${wasHeld}, the log ${end}`,
      );
    } catch (error) {
      life.rejected(`${holding.who} release`, error);
    }
  }

  /** A transaction that requires it. */
  async #write(holding: SdkHolding, holder: Grant | Term): Promise<void> {
    const { life, random } = this;
    const { ports, told, tally, values } = life.parts;
    const value = values.token(this.#client);
    const who = holding.who;
    const ask: GuardedAsk = {
      who,
      client: this.#client,
      process: holding.process,
      value,
      startMs: ports.clock.now(),
      told: undefined,
    };
    told.add(ask);
    const key = Buffer.from(`${KEY}.${holding.names[0]}`, 'latin1');
    const txn = life.client
      .txn()
      .require(holder)
      .then(put(key, Buffer.from(value, 'latin1')));
    try {
      const { revision } = await txn.commit({ timeout: pick(random, CALL_MS) });
      ask.told = { kind: 'ok', endMs: ports.clock.now(), revision };
      ports.trace(`${who} has written ${value} at revision ${revision}`);
      tally.add('sdk guarded writes');
    } catch (error) {
      const code = life.rejected(`${who} write of ${value}`, error, 'FENCED', 'REPLY_TOO_OLD');
      if (code === 'FENCED') tally.add('sdk guarded writes fenced');
      if (isQuorateError(error)) ask.told = { kind: 'rejected', error };
    }
  }

  async #proclaim(term: Term): Promise<void> {
    try {
      await term.proclaim(`v${this.random.below(100)}`, { timeout: pick(this.random, CALL_MS) });
      this.life.parts.tally.add('sdk proclamations');
    } catch (error) {
      this.life.rejected(`${this.#who} proclaim`, error, 'GRANT_NOT_FOUND');
    }
  }

  /** Now and then a lease of the caller's own. */
  async #withLease(options: AcquireOptions): Promise<AcquireOptions> {
    const { life, random } = this;
    if (!chance(random, life.parts.mix.ownLeasePercent)) return options;
    try {
      return { ...options, lease: await life.client.lease.grant({ ttl: options.ttl ?? 1000 }) };
    } catch (error) {
      life.rejected(`${this.#who} lease`, error);
      return options;
    }
  }

  async #revoke(holding: SdkHolding, lease: Lease): Promise<void> {
    holding.goodUntilMs = -Infinity;
    try {
      await lease.revoke();
      this.life.parts.tally.add('sdk leases revoked under a grant');
    } catch (error) {
      this.life.rejected(`${this.#who} revoke`, error);
    }
  }

  #soon(): AbortSignal {
    const controller = new AbortController();
    this.life.process.clock.setTimer(() => controller.abort(), this.random.below(CANCELED_AFTER_MS));
    return controller.signal;
  }
}
