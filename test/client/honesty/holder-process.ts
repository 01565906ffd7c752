/** A holder of leases as its parent sees it: its process, and the ways on which it reaches the member. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMs } from '../../harness/monotonic.js';
import { StallingProxy } from '../../harness/stalling-proxy.js';
import { type Cut, type Harm, harmMs } from './harm.js';
import type { FromHolder, HolderOrder, RoundTold, ToHolder } from './messages.js';
import { type AnsweredRenewal, RenewalTap } from './renewal-tap.js';

/** Two, so that a client that is not answered on one goes to the other. */
const WAYS = 2;
/** Within it a member expires what it is to expire, also on a busy machine. */
const EXPIRY_MS_MAX = 1_500;

/** Less than it takes a client to give up on a renewal, and far more than it may be wrong by. */
const FAR_MS = 200;

export interface HolderKind {
  readonly renewer: HolderOrder['renewer'];
  /** Answers take a while: who counts from when they come is wrong by as much. */
  readonly isFar: boolean;
}

export class HolderProcess {
  readonly #child: ChildProcess;
  readonly #ways: readonly StallingProxy[];
  readonly #failed: Promise<never>;
  readonly #renewals: readonly AnsweredRenewal[];

  private constructor(child: ChildProcess, ways: readonly StallingProxy[], renewals: readonly AnsweredRenewal[]) {
    this.#child = child;
    this.#ways = ways;
    this.#renewals = renewals;
    this.#failed = failureOf(child);
    // Whoever waits for a message is told.
    this.#failed.catch(() => undefined);
  }

  static async start(endpoint: string, { renewer, isFar }: HolderKind): Promise<HolderProcess> {
    const renewals: AnsweredRenewal[] = [];
    const tapOf = (): RenewalTap => new RenewalTap((renewal) => renewals.push(renewal));
    const options = { tapOf, answersLateMs: isFar ? FAR_MS : 0 };
    const ways = await Promise.all(Array.from({ length: WAYS }, () => StallingProxy.start(endpoint, options)));
    const order: HolderOrder = { endpoints: ways.map((way) => way.endpoint), renewer };
    // Our packages as they were built: the thread that renews leases is a file of the build.
    const child = fork(join(import.meta.dirname, 'holder.ts'), [JSON.stringify(order)], {
      execArgv: ['--import', 'tsx'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const holder = new HolderProcess(child, ways, renewals);
    await holder.#next('ready');
    return holder;
  }

  /** When each renewal of a lease that was answered passed, in order. */
  renewedAt(lease: string): readonly number[] {
    const id = BigInt.asIntN(64, BigInt(`0x${lease}`));
    const passed = this.#renewals.filter((renewal) => renewal.lease === id).map(({ passedAt }) => passedAt);
    return passed.toSorted((one, other) => one - other);
  }

  /** Grants leases, does the harm, and tells what the holder relied on. */
  async round(harm: Harm, leases: number, ttlMs: number): Promise<RoundTold> {
    const { asks, settleMs, blockMs, stop, cut } = harm;
    await this.#ask({ kind: 'grant', leases, ttlMs, asks }, 'granted');
    await delay(settleMs);
    const beganAt = monotonicMs();
    const told = this.#ask({ kind: 'go', blockMs, roundMs: harmMs(harm) + ttlMs + EXPIRY_MS_MAX }, 'told');
    const harms = Promise.all([
      stop === undefined ? undefined : this.#stop(stop.from, stop.ms),
      cut === undefined ? undefined : this.#cut(cut),
    ]);
    const [{ told: round }] = await Promise.all([told, harms]);
    const endedAt = round.turns.at(-1) ?? 0;
    assert.ok(endedAt > beganAt && endedAt < monotonicMs(), 'the clocks of the processes are one');
    await this.#ask({ kind: 'release' }, 'released');
    return round;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGCONT');
    if (this.#child.connected) this.#send({ kind: 'end' });
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#failed.catch(() => undefined);
    clearTimeout(killing);
    await Promise.all(this.#ways.map((way) => way.stop()));
  }

  async #stop(fromMs: number, ms: number): Promise<void> {
    await delay(fromMs);
    this.#child.kill('SIGSTOP');
    await delay(ms);
    this.#child.kill('SIGCONT');
  }

  async #cut({ from, ms, how, isPartial }: Cut): Promise<void> {
    const ways = isPartial ? this.#ways.slice(1) : this.#ways;
    await delay(from);
    for (const way of ways) {
      if (how === 'refuse') way.refuse();
      else if (how === 'stall') way.hold('toMember', 'toClient');
      else way.hold(how === 'stallRequests' ? 'toMember' : 'toClient');
    }
    await delay(ms);
    for (const way of ways) way.letGo();
  }

  #send(message: ToHolder): void {
    this.#child.send(message);
  }

  #ask<Kind extends FromHolder['kind']>(
    message: ToHolder,
    kind: Kind,
  ): Promise<Extract<FromHolder, { readonly kind: Kind }>> {
    const answer = this.#next(kind);
    this.#send(message);
    return answer;
  }

  #next<Kind extends FromHolder['kind']>(kind: Kind): Promise<Extract<FromHolder, { readonly kind: Kind }>> {
    type Answer = Extract<FromHolder, { readonly kind: Kind }>;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#child.once('message', (message: FromHolder) => {
        if (message.kind === kind) resolve(message as Answer);
        else reject(new Error(`the holder said ${message.kind} instead of ${kind}`));
      });
    });
    return Promise.race([answer, this.#failed]);
  }
}

/** Rejects when the process ends, with what it complained of. */
function failureOf(child: ChildProcess): Promise<never> {
  let errors = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  return new Promise((_, reject) => {
    child.once('close', (code, signal) => reject(new Error(`a holder ended with ${code ?? signal}: ${errors}`)));
  });
}
