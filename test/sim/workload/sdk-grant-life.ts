/** One process that takes grants through the SDK, from its connecting to its end, and what all that it does has in common. */
import type { Client } from '../../../client/api/client.js';
import { isQuorateError } from '../../../client/core/quorate-error.js';
import type { HeldGrant, Holding, SdkProcess, WorkloadPorts } from '../workload-ports.js';
import type { Findings } from './findings.js';
import type { SdkGrantMix } from './sdk-grant-mix.js';
import type { SdkGrantTold } from './sdk-grant-told.js';
import type { Tally } from './tally.js';
import type { Values } from './values.js';

/** What the processes of a run share. */
export interface SdkGrantParts {
  readonly ports: WorkloadPorts;
  readonly findings: Findings;
  readonly tally: Tally;
  readonly told: SdkGrantTold;
  readonly values: Values;
  readonly mix: SdkGrantMix;
  /** Calls of one number do not overlap. */
  readonly nextClient: () => number;
  /** What is or was held, for operators: the newest last. */
  readonly known: { readonly name: string; readonly token: number }[];
}

export interface SdkHolding extends Holding {
  /** By the process's clock: up to when it has said that it may be relied on. */
  goodUntilMs: number;
}

/** What a client may be told of whatever it asks for. */
const HONEST_CODES: ReadonlySet<string> = new Set([
  'DEADLINE_EXCEEDED',
  'CANCELED',
  'SESSION_EXPIRED',
  'GRANT_LOST',
  'LEASE_LOST',
  'LEASE_AT_RISK',
]);

const KNOWN_MAX = 12;

export class SdkGrantLife {
  readonly parts: SdkGrantParts;
  readonly client: Client;
  readonly process: SdkProcess;
  /** By name: the highest token of those that exclude each other. */
  readonly #tokens = new Map<string, number>();
  readonly #ended = new AbortController();
  /** It is being closed, or dead. */
  isOver = false;
  /** How often it has stood still. */
  pauses = 0;

  constructor(parts: SdkGrantParts, client: Client, process: SdkProcess) {
    this.parts = parts;
    this.client = client;
    this.process = process;
    process.onResumed(() => {
      this.pauses += 1;
      parts.ports.held.resumed(process.name);
    });
  }

  /** Aborted when nothing more is to begin: what only watches ends. */
  get quieted(): AbortSignal {
    return this.#ended.signal;
  }

  quiet(): void {
    this.#ended.abort();
  }

  end(): void {
    this.isOver = true;
    this.parts.ports.held.processEnded(this.process.name);
    this.process.end();
  }

  /** By its own clock; never over when the process has ended. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.process.clock.setTimer(resolve, ms));
  }

  /** It has been granted, and its work begins. */
  hold(who: string, names: readonly string[], grant: HeldGrant, isExclusive: boolean): SdkHolding {
    const { ports, tally, known } = this.parts;
    const { process } = this;
    const holding: SdkHolding = {
      who,
      process: process.name,
      names,
      grant,
      isPaused: () => process.isPaused(),
      isAsleep: () => process.isAsleep(),
      isBusy: true,
      goodUntilMs: -Infinity,
    };
    ports.trace(`${who} holds ${names.join()} with token ${grant.token}`);
    tally.add('sdk grants acquired');
    for (const name of names) known.push({ name, token: grant.token });
    if (known.length > KNOWN_MAX) known.splice(0, known.length - KNOWN_MAX);
    if (isExclusive && ports.held.endOf(grant.attempt) !== 'forced') this.#rises(who, names, grant.token);
    ports.held.hold(holding);
    this.#listen(holding);
    this.see(holding);
    return holding;
  }

  /** Looks at it as its owner may at any moment. */
  see(holding: SdkHolding): void {
    const { ports, tally } = this.parts;
    const { grant } = holding;
    ports.held.look(holding);
    tally.add('sdk looks at a holding');
    if (grant.state === 'jeopardy') tally.add('sdk looks at a holding in jeopardy');
    holding.goodUntilMs = Math.max(holding.goodUntilMs, this.process.clock.now() + grant.remainingMs);
  }

  /** Complains of what no client should be told. `alsoHonest`: what may be told of this call besides. */
  rejected(who: string, error: unknown, ...alsoHonest: readonly string[]): string {
    const { findings, tally, ports } = this.parts;
    if (!isQuorateError(error)) {
      findings.add('sdk', `${who}: rejected with ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
      return 'NO_QUORATE_ERROR';
    }
    const { code, message } = error;
    const isHonest = HONEST_CODES.has(code) || alsoHonest.includes(code) || (code === 'CLOSED' && this.isOver);
    if (!isHonest) findings.add('sdk', `${who}: rejected with ${message}`);
    ports.trace(`${who} is told ${code}`);
    tally.add(`sdk grant code ${code}`);
    return code;
  }

  #rises(who: string, names: readonly string[], token: number): void {
    for (const name of names) {
      const before = this.#tokens.get(name) ?? 0;
      if (token <= before) this.parts.findings.add('sdk-token', `${who}: token ${token} of ${name} after ${before}`);
      this.#tokens.set(name, Math.max(before, token));
    }
  }

  /** A loss is told when the log has ended the grant, or the time is over that it was said to be good for. */
  #listen(holding: SdkHolding): void {
    const { grant, who } = holding;
    const { ports, findings, tally } = this.parts;
    const { clock } = this.process;
    grant.signal.addEventListener('abort', () => {
      ports.trace(`${who} is told that token ${grant.token} is lost`);
      tally.add('sdk grants lost');
      const end = ports.held.endOf(grant.attempt);
      if (end === 'forced') tally.add('sdk grants lost by force');
      if (this.isOver || end === 'lost' || end === 'forced' || clock.now() >= holding.goodUntilMs - 1) return;
      const left = Math.round(holding.goodUntilMs - clock.now());
      const so = `${end === undefined ? 'is held' : 'was given back'}, and its lease is good for another ${left} ms`;
      findings.add('sdk-loss', `${who}: token ${grant.token} is told to be lost; it ${so}`);
    });
  }
}
