/** One leader at a time, chosen among whoever campaigns; and who it is, for everybody else. */
import { endable } from '../api/endable.js';
import { pause } from '../api/pause.js';
import type { CallOptions } from '../calls/caller.js';
import type { ObserveStream } from '../calls/observe-stream.js';
import { backoffMs } from '../core/backoff.js';
import { isQuorateError, QuorateError } from '../core/quorate-error.js';
import { type Bytes, bufferFrom } from '../wire/bytes.js';
import type { Guard } from '../wire/txn-wire.js';
import { acquireGrant, type AcquireOptions, type GrantPorts } from './acquire.js';
import type { Grant, GrantState } from './grant.js';

export interface LeadOptions extends Omit<AcquireOptions, 'timeout'> {
  /** What observers are told of this leader, at most 4,096 bytes. Default: empty. */
  readonly value?: Bytes;
  /** How long the work of a term that was lost may take to settle, in milliseconds. Default: 5,000. */
  readonly stopTimeout?: number;
}

const STOP_MS = 5_000;

/** One leadership. */
export class Term {
  readonly #grant: Grant;

  /** @internal */
  constructor(grant: Grant) {
    this.#grant = grant;
  }

  /** Higher than that of every term before it. */
  get token(): number {
    return this.#grant.token;
  }
  /** Aborted when the term is lost; its reason is a GRANT_LOST. */
  get signal(): AbortSignal {
    return this.#grant.signal;
  }
  get state(): GrantState {
    return this.#grant.state;
  }
  get remainingMs(): number {
    return this.#grant.remainingMs;
  }
  /** Names this candidate: what another leader may resign to. */
  get attempt(): string {
    return this.#grant.attempt;
  }
  /** As `Grant.assertHeld`. */
  assertHeld(): void {
    this.#grant.assertHeld();
  }
  /** Tells observers something new. Rejects with GRANT_LOST or GRANT_NOT_FOUND when the term is over. */
  proclaim(value: Bytes, options: CallOptions = {}): Promise<void> {
    return this.#grant.proclaim(bufferFrom(value), options);
  }
  /** Ends the term; `to`: the attempt of a candidate that waits, which leads next. */
  resign({ to = '', ...options }: { readonly to?: string } & CallOptions = {}): Promise<boolean> {
    return to === '' ? this.#grant.release(options) : this.#grant.handOver(to, options);
  }
  /** @internal */
  get guards(): readonly Guard[] {
    return this.#grant.guards;
  }
}

/** Who leads. */
export interface Leader {
  readonly value: Uint8Array;
  readonly attempt: string;
}

export type Observation = { readonly leader: Leader; readonly term: number } | null;

export class Election {
  readonly #ports: GrantPorts;
  readonly #name: Buffer;
  readonly #openStream: () => ObserveStream;
  /** Work of a term that was lost and does not settle: until it does, no other term begins here. */
  #overrun: Promise<unknown> | undefined;
  #isLeading = false;

  /** @internal */
  constructor(ports: GrantPorts, name: Buffer, openStream: () => ObserveStream) {
    this.#ports = ports;
    this.#name = name;
    this.#openStream = openStream;
  }

  /**
   * Campaigns, runs `body` for as long as this candidate leads, and campaigns again when a term was lost, until `body`
   * returns in a term that holds, throws, or the signal is aborted between terms. A term begins only when the body of the one before has
   * settled: where that takes longer than `stopTimeout` it rejects with TERM_OVERRUN. Rejects with what `body` throws in a
   * term that holds, with GRANT_OWNED while this object leads already, with CANCELED.
   */
  async lead<Result>(body: (term: Term) => Promise<Result> | Result, options: LeadOptions = {}): Promise<Result> {
    if (this.#isLeading || this.#overrun !== undefined) {
      throw new QuorateError('GRANT_OWNED', { detail: 'this object leads, or its work has not ended' });
    }
    this.#isLeading = true;
    try {
      for (;;) {
        const outcome = await this.#term(body, options);
        if (outcome.kind === 'done') return outcome.result;
      }
    } finally {
      this.#isLeading = false;
    }
  }

  async #term<Result>(
    body: (term: Term) => Promise<Result> | Result,
    options: LeadOptions,
  ): Promise<{ readonly kind: 'done'; readonly result: Result } | { readonly kind: 'lost' }> {
    const term = await this.#campaign(options);
    const work = (async () => body(term))();
    try {
      const result = await this.#settled(work, term, options);
      if (term.state === 'lost') return { kind: 'lost' };
      await term.resign();
      return { kind: 'done', result };
    } catch (error) {
      // What goes wrong in a body whose term was lost is most likely the loss itself.
      if (term.state === 'lost' && !isQuorateError(error, 'TERM_OVERRUN') && options.signal?.aborted !== true) {
        return { kind: 'lost' };
      }
      await term.resign().catch(() => undefined);
      throw error;
    }
  }

  async #campaign({ value = '', ...options }: LeadOptions): Promise<Term> {
    const common = { names: [this.#name], owner: '', mode: 'exclusive', weight: 1, capacity: 0 } as const;
    for (let losses = 1; ; losses += 1) {
      try {
        return new Term(await acquireGrant(this.#ports, { ...common, value: bufferFrom(value) }, options));
      } catch (error) {
        // The place in the queue was lost, which is no reason to stop being a candidate. Others have lost theirs with it.
        const isLoss = isQuorateError(error, 'LEASE_LOST') || isQuorateError(error, 'GRANT_LOST');
        if (!isLoss || options.lease !== undefined) throw error;
        const { clock, random } = this.#ports;
        await pause(clock, backoffMs(losses, random), options.signal);
      }
    }
  }

  /** The work's own end; or after the loss of the term so much time and no more. */
  #settled<Result>(work: Promise<Result>, term: Term, { stopTimeout = STOP_MS }: LeadOptions): Promise<Result> {
    const { clock } = this.#ports;
    return new Promise((resolve, reject) => {
      const overrun = (): void => {
        const forget = (): void => {
          this.#overrun = undefined;
        };
        this.#overrun = work.then(forget, forget);
        reject(new QuorateError('TERM_OVERRUN', { detail: `not settled ${stopTimeout} ms after the term was lost` }));
      };
      let timer = { cancel: (): void => undefined };
      const onLost = (): void => {
        timer = clock.setTimer(overrun, stopTimeout);
      };
      if (term.signal.aborted) onLost();
      else term.signal.addEventListener('abort', onLost, { once: true });
      work.then(resolve, reject).finally(() => {
        timer.cancel();
        term.signal.removeEventListener('abort', onLost);
      });
    });
  }

  /** Who leads now, and whoever does after that: the newest state, which never goes back. Null: nobody. */
  observe({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Observation> {
    const stream = this.#openStream();
    const end = (): void => {
      signal?.removeEventListener('abort', end);
      stream.end();
    };
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    return endable(observations(stream, end), end);
  }
}

async function* observations(stream: ObserveStream, end: () => void): AsyncGenerator<Observation, void, undefined> {
  let told: string | undefined;
  try {
    for (let observed = await stream.next(); observed !== undefined; observed = await stream.next()) {
      const [holder] = observed.holders;
      const text = holder === undefined ? '' : `${holder.token} ${Buffer.from(holder.value).toString('latin1')}`;
      if (text === told) continue;
      told = text;
      if (holder === undefined) yield null;
      else yield { leader: { value: holder.value, attempt: holder.attempt }, term: holder.token };
    }
  } finally {
    end();
  }
}
