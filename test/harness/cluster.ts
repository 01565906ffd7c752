/**
 * A cluster of real processes that a suite may hurt: members are killed, paused, stopped and started again on the same
 * data. Owns the processes, their folders and one connection to each; judges nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MemberClient, type StatusAnswer } from './cluster-client.js';
import { type Detours, type MemberSpec, memberArguments, planMembers, type Program } from './etcd.js';
import { type ProcessExit, type RunningProcess, startProcess } from './process.js';

const quorateMain = resolve(import.meta.dirname, '../../server/dist/main.js');
const pollPauseMs = 20;
const statusTimeoutMs = 500;
const hashTimeoutMs = 60_000;
export const settleTimeoutMs = 60_000;

/** Asks again and again until there is an answer. Rejects with `what` when there is none in time. */
export async function until<T>(what: string, timeoutMs: number, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await delay(pollPauseMs);
  }
}

export interface ClusterOptions {
  readonly program: Program;
  /** Members; 3 when absent. */
  readonly size?: number;
  /** Flags of the program, for every member. */
  readonly extraArgs?: readonly string[];
  /** Flags of Node.js itself, for Quorate's members. */
  readonly nodeArgs?: readonly string[];
  readonly detours?: Detours;
}

/** One member; its process comes and goes, its data stays. */
export class ClusterMember {
  readonly client: MemberClient;
  readonly #options: ClusterOptions;
  #process: RunningProcess | undefined;
  #isPaused = false;

  constructor(
    readonly spec: MemberSpec,
    options: ClusterOptions,
  ) {
    this.#options = options;
    this.client = new MemberClient(spec.endpoint);
  }

  get name(): string {
    return this.spec.name;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exit() === undefined && !this.#isPaused;
  }

  get process(): RunningProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was never started`);
    return this.#process;
  }

  /** Starts it on whatever data it has; it may not serve yet. */
  async start(): Promise<void> {
    const { program, extraArgs = [], nodeArgs = [] } = this.#options;
    const flags = [...memberArguments(this.spec), ...extraArgs];
    const { logFile } = this.spec;
    this.#process =
      program === 'etcd'
        ? await startProcess({ command: 'etcd', args: flags, logFile })
        : await startProcess({
            command: process.execPath,
            args: [...nodeArgs, quorateMain, ...flags],
            logFile,
            env: { UV_THREADPOOL_SIZE: '16' },
          });
  }

  /** kill -9. Returns the monotonic time, in ms, just before the signal was sent, at once; the process ends soon. */
  kill(): number {
    const now = performance.now();
    this.process.signal('SIGKILL');
    return now;
  }

  exited(): Promise<ProcessExit> {
    return this.process.exited;
  }

  pause(): void {
    this.process.signal('SIGSTOP');
    this.#isPaused = true;
  }

  resume(): void {
    this.process.signal('SIGCONT');
    this.#isPaused = false;
  }

  /** SIGTERM; resolves when the process has ended, at once when there is none. */
  async stop(): Promise<ProcessExit | undefined> {
    if (this.#isPaused) this.resume();
    return this.#process?.stop();
  }

  /** Ends whatever runs, without leave. The data stays. */
  async destroy(): Promise<void> {
    this.client.close();
    this.#process?.signal('SIGKILL');
    await this.#process?.exited;
  }

  logTail(lines: number): string {
    return this.#process?.logTail(lines) ?? 'never started';
  }

  /** Undefined when it does not answer. */
  status(): Promise<StatusAnswer | undefined> {
    return this.client.status(statusTimeoutMs).catch(() => undefined);
  }
}

export interface Leadership {
  readonly leader: ClusterMember;
  readonly followers: readonly ClusterMember[];
  readonly term: number;
}

export class Cluster {
  readonly program: Program;
  readonly members: readonly ClusterMember[];
  readonly #root: string;

  private constructor(options: ClusterOptions, specs: readonly MemberSpec[], root: string) {
    this.program = options.program;
    this.members = specs.map((spec) => new ClusterMember(spec, options));
    this.#root = root;
  }

  /** Founds a cluster and waits until its members agree on a leader and have applied all that it has. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const root = await mkdtemp(join(tmpdir(), `quorate-cluster-${options.program}-`));
    const specs = await planMembers(options.size ?? 3, root, options.detours);
    const cluster = new Cluster(options, specs, root);
    try {
      await Promise.all(cluster.members.map((member) => member.start()));
      await Promise.race([cluster.untilSettled(), ...cluster.members.map(refuseToEnd)]);
    } catch (error) {
      console.error(cluster.logTails());
      await cluster.end({ keep: true });
      throw error;
    }
    return cluster;
  }

  get running(): readonly ClusterMember[] {
    return this.members.filter((member) => member.isRunning);
  }

  /** Undefined as long as the running members do not agree on a running leader and its term. */
  async leadership(): Promise<Leadership | undefined> {
    const { running } = this;
    const statuses = await Promise.all(running.map((member) => member.status()));
    const [first] = statuses;
    if (first === undefined || first.leader === 0n) return undefined;
    if (!statuses.every((status) => status?.leader === first.leader && status.term === first.term)) return undefined;
    const leader = running[statuses.findIndex((status) => status?.memberId === first.leader)];
    if (leader === undefined) return undefined;
    return { leader, followers: running.filter((member) => member !== leader), term: first.term };
  }

  untilLeadership(timeoutMs = settleTimeoutMs): Promise<Leadership> {
    return until('one leader', timeoutMs, () => this.leadership());
  }

  /** Waits until all members run, agree on a leader, and have applied what any of them had applied before. */
  async untilSettled(timeoutMs = settleTimeoutMs): Promise<Leadership> {
    const deadline = performance.now() + timeoutMs;
    const leadership = await until('all members to agree on a leader', timeoutMs, async () =>
      this.running.length === this.members.length ? this.leadership() : undefined,
    );
    await this.untilRevision(await this.lastRevision(), deadline - performance.now());
    return leadership;
  }

  /** The newest revision that any running member has applied. */
  async lastRevision(): Promise<number> {
    const statuses = await Promise.all(this.running.map((member) => member.status()));
    return Math.max(0, ...statuses.map((status) => status?.revision ?? 0));
  }

  /** Waits until every running member has applied `revision`. */
  async untilRevision(revision: number, timeoutMs = settleTimeoutMs): Promise<void> {
    await until(`revision ${revision} on every member`, timeoutMs, async () => {
      const statuses = await Promise.all(this.running.map((member) => member.status()));
      return statuses.every((status) => status !== undefined && status.revision >= revision) ? true : undefined;
    });
  }

  /** HashKV of every running member, by name, at one revision: the newest one at the time of the call. */
  async hashes(): Promise<{ readonly revision: number; readonly hashes: Readonly<Record<string, number>> }> {
    const revision = await this.lastRevision();
    await this.untilRevision(revision);
    const pairs = await Promise.all(
      this.running.map(async ({ name, client }) => [name, await client.hashKv(revision, hashTimeoutMs)] as const),
    );
    return { revision, hashes: Object.fromEntries(pairs) };
  }

  logTails(lines = 40): string {
    return this.members.map((member) => `--- log of ${member.name}\n${member.logTail(lines)}`).join('\n');
  }

  /** Ends all processes and removes the data; with `keep` the data stays and is named on stderr. */
  async end(options: { readonly keep: boolean } = { keep: false }): Promise<void> {
    await Promise.all(this.members.map((member) => member.destroy()));
    if (options.keep) console.error(`data and logs kept in ${this.#root}`);
    else await rm(this.#root, { recursive: true, force: true });
  }
}

/** Rejects when the process ends: whoever waits for it would wait in vain. */
async function refuseToEnd(member: ClusterMember): Promise<never> {
  const { code, signal } = await member.exited();
  throw new Error(`${member.name} ended with ${code ?? signal}`);
}

/** Runs `use` on a fresh cluster and ends it; when `use` fails, the logs are printed and the data is kept. */
export async function withCluster<T>(options: ClusterOptions, use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = await Cluster.start(options);
  let isDone = false;
  try {
    const result = await use(cluster);
    isDone = true;
    return result;
  } finally {
    if (!isDone) console.error(cluster.logTails());
    await cluster.end({ keep: !isDone });
  }
}
