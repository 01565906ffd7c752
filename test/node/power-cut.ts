/**
 * One scripted run of a cluster, over and over, with the power cut at another moment each time: before a batch takes
 * effect, after it did and before it is durable, with any prefix of the unsynced batches kept. Whoever lost power starts
 * again, the script goes on, and in the end every member must hold what was acknowledged, in order, each once.
 */
import { QuorateError } from '../../server/lib/quorate-error.js';
import type { KvMember } from '../../server/node/kv-member.js';
import type { Command } from '../../server/state/command.js';
import { StateMachine } from '../../server/state/state-machine.js';
import type { Engine } from '../../server/storage/engine.js';
import type { MemoryDisk, MemoryDiskHooks } from '../../server/storage/memory-disk.js';
import { NodeCluster, type RunningMember } from './node-cluster.js';
import { compact, del, get, getAll, put, txn } from './requests.js';

export type Step =
  /** Requests made at once, so that they share entries, saves and syncs. */
  | { readonly kind: 'requests'; readonly commands: readonly Command[] }
  /** A follower hears nothing until it needs a snapshot. */
  | { readonly kind: 'cutOff' }
  | { readonly kind: 'heal' };

export interface CutPoint {
  /** Counted over the disks of all members: each write and each sync is a moment. */
  readonly moment: number;
  /** How many of the unsynced batches the disk keeps. */
  readonly keep: number;
  /** Who loses power: the member whose disk it is, or everybody. */
  readonly scope: 'one' | 'all';
}

export interface RunResult {
  /** Empty when every promise was kept. */
  readonly problems: readonly string[];
  /** How many unsynced batches a cut could take back, by moment. */
  readonly unsynced: readonly number[];
  readonly trims: number;
  readonly installed: number;
  readonly acknowledged: number;
  readonly hash: string;
}

export interface PowerCutOptions {
  readonly members: number;
  readonly script: readonly Step[];
  readonly diskOf?: (hooks: MemoryDiskHooks) => MemoryDisk;
  readonly engineOn?: (disk: MemoryDisk) => Engine;
}

const burst = (...commands: readonly Command[]): Step => ({ kind: 'requests', commands });

/** Whether a write happened twice shows in versions; whether one was skipped, in what later ones compare. */
function counted(key: string, expected: number): Command {
  return txn({
    compares: [{ key, rangeEnd: '', result: 'equal', target: 'version', operand: expected }],
    success: [put(key, `after ${expected}`)],
    failure: [put(`wrong/${key}/${expected}`, 'it was not')],
  });
}

const opening: readonly Step[] = [
  burst(put('a', '1'), put('b', '1')),
  burst(counted('n', 0), counted('n', 1), counted('n', 2)),
  // Refused by every member alike: nothing changes but the applied index.
  burst(put('', 'no key'), put('c', '1', { lease: 99n }), put('a', '2')),
  burst(del('b')),
  burst(put('b', '2'), del('\0', 'b'), put('a', '3')),
];

/** Revisions are those of the script alone: the state machine's answers do not depend on when the power goes. */
function busy(round: string, revision: number): readonly Step[] {
  return [
    burst(counted(round, 0), put(`d${round}`, 'x'.repeat(200)), counted(round, 1)),
    burst(compact(revision)),
    burst(put(`e${round}`, '1'), compact(revision + 3), put(`e${round}`, '2')),
    ...Array.from({ length: 6 }, (_, i) => burst(counted(`m${round}`, i), put(`k${i}`, round))),
  ];
}

const ending: readonly Step[] = [burst(compact(15), counted('n', 3)), burst(del('k0', 'k4')), burst(counted('n', 4))];

/** Puts, transactions, deletes, refusals, compactions and trims of the log. */
export const aloneScript: readonly Step[] = [...opening, ...busy('x', 6), ...ending, ...busy('y', 30)];
/** And twice a member that gets a snapshot while the others go on. */
export const togetherScript: readonly Step[] = [
  ...opening,
  { kind: 'cutOff' },
  ...busy('x', 6),
  { kind: 'heal' },
  ...ending,
  { kind: 'cutOff' },
  ...busy('y', 30),
  { kind: 'heal' },
];

/** Codes of proposals that surely are not in the log. Other refusals are answers of the state machine. */
const NOT_PROPOSED = new Set(['PROPOSAL_DROPPED', 'DEADLINE_EXCEEDED', 'STOPPED', 'TOO_MANY_REQUESTS']);

interface Request {
  readonly command: Command;
  outcome: 'open' | 'acknowledged' | 'notProposed' | 'unknown';
}

export async function powerCutRun(options: PowerCutOptions, cut?: CutPoint): Promise<RunResult> {
  return new PowerCutRun(options, cut).run();
}

/** Every point at which the power can go out in this run, with every outcome that the disk allows. */
export function cutPoints({ unsynced }: RunResult, scope: CutPoint['scope']): readonly CutPoint[] {
  return unsynced.flatMap((batches, moment) =>
    Array.from({ length: batches + 1 }, (_, keep) => ({ moment, keep, scope })),
  );
}

class PowerCutRun {
  readonly #script: readonly Step[];
  readonly #cut: CutPoint | undefined;
  readonly #cluster: NodeCluster;
  readonly #requests: Request[] = [];
  readonly #unsynced: number[] = [];
  readonly #problems: string[] = [];
  #installed = 0;
  #trims = 0;
  #isOver = false;

  constructor({ members, script, ...broken }: PowerCutOptions, cut: CutPoint | undefined) {
    this.#script = script;
    this.#cut = cut;
    this.#cluster = new NodeCluster(members, { snapshotCount: 8, snapshotCatchUpEntries: 2, ...broken });
    this.#cluster.onRebuild = () => {
      this.#installed += 1;
    };
    for (const id of this.#cluster.ids) {
      const probe = this.#cluster.probe(id);
      probe.beforeWrite = () => this.#moment(id);
      probe.beforeSync = () => this.#moment(id);
    }
  }

  async run(): Promise<RunResult> {
    try {
      for (const step of this.#script) await this.#step(step);
      this.#cluster.heal();
      await this.#untilLeader();
      // What the last requests left behind: compaction slices, the applied point of a follower.
      await this.#cluster.quiet();
      await this.#cluster.clock.advance(500);
      await this.#startMissing();
      await this.#cluster.quiet();
      this.#isOver = true;
      const hash = await this.#checkEnd();
      return this.#result(hash);
    } catch (error) {
      this.#problems.push(`the run broke: ${String(error)}`);
      return this.#result('');
    }
  }

  #result(hash: string): RunResult {
    return {
      problems: this.#problems,
      unsynced: this.#unsynced,
      trims: this.#trims,
      installed: this.#installed,
      acknowledged: this.#requests.filter(({ outcome }) => outcome === 'acknowledged').length,
      hash,
    };
  }

  #moment(id: bigint): Promise<void> | void {
    if (this.#isOver) return;
    const moment = this.#unsynced.length;
    this.#unsynced.push(this.#cluster.disk(id).unsyncedBatches);
    if (this.#cut?.moment !== moment) return;
    const { keep, scope } = this.#cut;
    for (const member of this.#cluster.ids) {
      if (member === id) this.#cluster.crash(member, keep);
      // The others lose all that they can or nothing, by turns.
      else if (scope === 'all') this.#cluster.crash(member, moment % 2 === 0 ? 0 : Infinity);
    }
    return new Promise<never>(() => undefined);
  }

  async #step(step: Step): Promise<void> {
    const cluster = this.#cluster;
    switch (step.kind) {
      case 'requests':
        return this.#request(step.commands);
      case 'heal':
        cluster.heal();
        await cluster.clock.advance(1500);
        return;
      case 'cutOff': {
        const [follower] = cluster.followers();
        if (follower !== undefined) cluster.isolate(follower.node.id);
        await cluster.clock.advance(2500);
      }
    }
  }

  async #request(commands: readonly Command[]): Promise<void> {
    const leader = await this.#untilLeader();
    const requests = commands.map((command): Request => ({ command, outcome: 'open' }));
    this.#requests.push(...requests);
    for (const request of requests) {
      submit(leader.kv, request.command).then(
        () => {
          request.outcome = 'acknowledged';
        },
        (error: unknown) => {
          request.outcome = outcomeOf(error);
        },
      );
    }
    const isOver = (): boolean =>
      requests.every(({ outcome }) => outcome !== 'open') || !this.#cluster.running.includes(leader);
    await this.#cluster.until(isOver);
    // The answers that left before the power went are promises too.
    await this.#cluster.clock.settle();
    for (const request of requests) if (request.outcome === 'open') request.outcome = 'unknown';
    this.#trims = Math.max(this.#trims, leader.node.status().startIndex);
  }

  /** The power may also go while there is none. */
  async #untilLeader(): Promise<RunningMember> {
    for (let waited = 0; waited < 20_000; waited += 5) {
      await this.#startMissing();
      const leader = this.#cluster.leader();
      if (leader !== undefined && leader.node.status().commitIndex > 0) return leader;
      await this.#cluster.clock.advance(5);
    }
    throw new Error('no leader');
  }

  async #startMissing(): Promise<void> {
    const cluster = this.#cluster;
    for (;;) {
      const missing = cluster.ids.find((id) => !cluster.running.some(({ node }) => node.id === id));
      if (missing === undefined) return;
      // The power may go while it starts: then that start never ends, and the next one is tried.
      const started = cluster.start(missing).then(async (member) => {
        await this.#checkStart(member);
        return true;
      });
      const before = this.#unsynced.length;
      const isCutHere = (): boolean =>
        this.#cut !== undefined && before <= this.#cut.moment && this.#unsynced.length > this.#cut.moment;
      let isOver = false;
      started.then(
        () => {
          isOver = true;
        },
        () => {
          isOver = true;
        },
      );
      await cluster.until(() => isOver || isCutHere());
      if (isOver) await started;
    }
  }

  /** What a member starts with is the state after some of the requests, all of them before the last one of it. */
  async #checkStart(member: RunningMember): Promise<void> {
    const dump = await dumpOf(member);
    const known = prefixes(this.#requests).map(dumpAfter);
    if (!known.includes(dump)) this.#problems.push(`member ${member.node.id} starts with a state of no time: ${dump}`);
  }

  async #checkEnd(): Promise<string> {
    const hashes = new Set<string>();
    const possible = outcomes(this.#requests).map(dumpAfter);
    for (const member of this.#cluster.running) {
      const { id } = member.node;
      const { appliedIndex, commitIndex, lastIndex } = member.node.status();
      if (appliedIndex !== commitIndex || appliedIndex !== lastIndex) this.#problems.push(`member ${id} is behind`);
      const dump = await dumpOf(member);
      if (!possible.includes(dump)) this.#problems.push(`member ${id} lost or doubled something: ${dump}`);
      const { hash, hashRevision } = await this.#cluster.run(member.kv.hashKv(0));
      hashes.add(`${hashRevision} ${hash}`);
    }
    for (const { id, error } of this.#cluster.fatals) this.#problems.push(`member ${id} stopped: ${String(error)}`);
    if (hashes.size !== 1) this.#problems.push(`the members' histories differ: ${[...hashes].join(', ')}`);
    await this.#checkAlive();
    return [...hashes].join();
  }

  async #checkAlive(): Promise<void> {
    const leader = await this.#untilLeader();
    await this.#cluster.run(leader.kv.put(put('alive', 'yes')));
    const { count } = await this.#cluster.run(leader.kv.range(get('alive')));
    if (count !== 1) this.#problems.push('a write after all of it is not there');
  }
}

function outcomeOf(error: unknown): Request['outcome'] {
  if (!(error instanceof QuorateError)) throw error;
  if (error.code === 'OUTCOME_UNKNOWN') return 'unknown';
  return NOT_PROPOSED.has(error.code) ? 'notProposed' : 'acknowledged';
}

function submit(kv: KvMember, command: Command): Promise<unknown> {
  switch (command.kind) {
    case 'put':
      return kv.put(command);
    case 'deleteRange':
      return kv.deleteRange(command);
    case 'txn':
      return kv.txn(command);
    case 'compact':
      return kv.compact(command, false);
    default:
      throw new Error(`no request makes a ${command.kind}`);
  }
}

/** The first so many commands of all that were ever made, for every number of them. */
function prefixes(requests: readonly Request[]): readonly (readonly Command[])[] {
  const commands = requests.filter(({ outcome }) => outcome !== 'notProposed').map(({ command }) => command);
  return Array.from({ length: commands.length + 1 }, (_, count) => commands.slice(0, count));
}

/** Everything acknowledged, and of the requests nobody heard of again (one burst, in log order) the first so many. */
function outcomes(requests: readonly Request[]): readonly (readonly Command[])[] {
  const unknown = requests.filter(({ outcome }) => outcome === 'unknown');
  return Array.from({ length: unknown.length + 1 }, (_, count) => {
    const applied = new Set(unknown.slice(0, count));
    return requests
      .filter((request) => request.outcome === 'acknowledged' || applied.has(request))
      .map(({ command }) => command);
  });
}

/** The model: the pure state machine, which no disk and no crash has ever touched. */
function dumpAfter(commands: readonly Command[]): string {
  const machine = StateMachine.create({ members: [] });
  for (const command of commands) machine.apply(command);
  const opened = machine.openRange(getAll());
  if (!opened.ok) throw new Error('the model cannot be read');
  return dump(machine, opened.cursor.result().kvs);
}

async function dumpOf(member: RunningMember): Promise<string> {
  const { machine } = member.node;
  const { kvs } = await member.kv.range(getAll({ serializable: true }));
  return dump(machine, kvs);
}

function dump(machine: StateMachine, kvs: readonly object[]): string {
  const content = kvs.map((kv) => Object.values(kv).map(String).join(' ')).join('; ');
  return `revision ${machine.revision}, compacted ${machine.compactedRevision}: ${content}`;
}
