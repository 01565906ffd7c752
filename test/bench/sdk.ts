/**
 * Clients as applications use them: @quorate/client on three members of Quorate, and the etcd3 package from npm on three
 * of etcd, both at the leader, with one key for each call in flight. Rounds are short and the two take turns in each, so
 * that whatever else the machine does hits both; what they come to is compared round by round.
 */
import { readFile } from 'node:fs/promises';
import { type Spread, spreadOf } from '../e2e/figures.js';
import { Cluster, type Leadership } from '../harness/cluster.js';
import type { Program } from '../harness/etcd.js';
import type { Operation } from './contender.js';
import { keyOf, SdkLoad, type SdkResult } from './sdk-load.js';

export interface SdkOptions {
  readonly programs: readonly Program[];
  readonly operations: readonly Operation[];
  readonly inFlights: readonly number[];
  /** Of load in every figure of every round. */
  readonly seconds: number;
  readonly rounds: number;
  /** Flags of Node.js itself, for Quorate's members and its client. */
  readonly nodeArgs: readonly string[];
  /** Told of the figures of each load as soon as they are there: the whole may take minutes. */
  readonly onMeasured: (figures: readonly SdkFigure[]) => void;
}

export interface SdkFigure {
  readonly program: Program;
  readonly operation: Operation;
  readonly inFlight: number;
  /** One for each round, in their order. */
  readonly rounds: readonly SdkRound[];
  readonly perSecond: Spread;
}

export interface SdkRound extends SdkResult {
  /** Processor time of all three members for one call. */
  readonly memberMicros: number;
}

/** Until every loop is compiled for good; where calls are slow, there are few loops to be compiled. */
const warmUpCalls = 20_000;
const warmUpSecondsMax = 6;
/** For both: on a busy machine members must not take each other for dead. No call waits for any of it. */
const patience = ['--heartbeat-interval', '500', '--election-timeout', '5000'];
/** Of /proc/PID/stat; the kernel tells it in hundredths of a second on every architecture. */
const microsPerTick = 10_000;

export async function runSdk(options: SdkOptions): Promise<readonly SdkFigure[]> {
  const contenders: SdkContender[] = [];
  try {
    for (const program of options.programs) contenders.push(await SdkContender.start(program, options.nodeArgs));
    const figures: SdkFigure[] = [];
    // The most calls first: what comes after them finds members that are warm.
    for (const inFlight of [...options.inFlights].sort((a, b) => b - a)) {
      for (const operation of options.operations) {
        const measured = await measure(contenders, operation, inFlight, options);
        options.onMeasured(measured);
        figures.push(...measured);
      }
    }
    for (const { program, leaderPid } of contenders) console.log(`process of ${program}'s leader: ${leaderPid}`);
    return figures;
  } finally {
    for (const contender of contenders) await contender.end();
  }
}

async function measure(
  contenders: readonly SdkContender[],
  operation: Operation,
  inFlight: number,
  { seconds, rounds, nodeArgs }: SdkOptions,
): Promise<readonly SdkFigure[]> {
  const measured = [];
  for (const contender of contenders) {
    const run = await contender.load(operation, inFlight, nodeArgs);
    for (let calls = 0, second = 0; calls < warmUpCalls && second < warmUpSecondsMax; second += 1) {
      calls += (await run.measure(1)).calls;
    }
    measured.push({ contender, run, results: new Array<SdkRound>() });
  }
  for (let round = 0; round < rounds; round += 1) {
    // Whoever goes second finds a machine that has just worked: they take turns in that as well.
    const inTurn = round % 2 === 0 ? measured : [...measured].reverse();
    for (const { run, results } of inTurn) results.push(await run.measure(seconds));
  }
  for (const { run } of measured) await run.end();
  return measured.map(({ contender: { program }, results }) => {
    return { program, operation, inFlight, rounds: results, perSecond: spreadOf(results.map((one) => one.perSecond)) };
  });
}

/** Three fresh members, and the checks that make a figure worth printing. */
class SdkContender {
  readonly #cluster: Cluster;
  readonly #leadership: Leadership;

  private constructor(cluster: Cluster, leadership: Leadership) {
    this.#cluster = cluster;
    this.#leadership = leadership;
  }

  static async start(program: Program, nodeArgs: readonly string[]): Promise<SdkContender> {
    const cluster = await Cluster.start({ program, nodeArgs, extraArgs: patience });
    return new SdkContender(cluster, await cluster.untilSettled());
  }

  get program(): Program {
    return this.#cluster.program;
  }

  get leaderPid(): number {
    return this.#leadership.leader.process.pid;
  }

  async load(operation: Operation, inFlight: number, nodeArgs: readonly string[]) {
    const { program } = this;
    const { endpoint } = this.#leadership.leader.spec;
    const flags = program === 'quorate' ? nodeArgs : [];
    const load = await SdkLoad.start({ program, endpoint, operation, inFlight }, flags);
    return {
      measure: (seconds: number) => this.#measure(load, seconds, operation, inFlight),
      end: () => load.end(),
    };
  }

  /** Rejects when a single call was not carried out. */
  async #measure(load: SdkLoad, seconds: number, operation: Operation, inFlight: number): Promise<SdkRound> {
    const writesBefore = await this.#writes(inFlight);
    const microsBefore = await this.#memberMicros();
    const result = await load.run(seconds);
    const memberMicros = ((await this.#memberMicros()) - microsBefore) / result.calls;
    const writes = (await this.#writes(inFlight)) - writesBefore;
    const expected = operation === 'put' ? result.calls : 0;
    if (writes !== expected) throw new Error(`${this.program}: no valid figure: ${writes} writes, not ${expected}`);
    const { leader, term } = await this.#cluster.untilLeadership();
    if (leader !== this.#leadership.leader || term !== this.#leadership.term) {
      throw new Error(`${this.program}: no valid figure: the leader changed`);
    }
    return { ...result, memberMicros };
  }

  /** How often the keys of all callers have been written. */
  async #writes(inFlight: number): Promise<number> {
    const { kvs } = await this.#leadership.leader.client.range({ key: keyOf(0), rangeEnd: keyOf(inFlight) });
    return kvs.reduce((sum, { version }) => sum + version, 0);
  }

  /** Processor time of all three members, so far. */
  async #memberMicros(): Promise<number> {
    const stats = await Promise.all(
      this.#cluster.members.map((member) => readFile(`/proc/${member.process.pid}/stat`, 'latin1')),
    );
    return stats.reduce((sum, stat) => sum + cpuTicksOf(stat) * microsPerTick, 0);
  }

  /** Ends the members as an operator would, so that profiles get written. */
  async end(): Promise<void> {
    await Promise.all(this.#cluster.members.map((member) => member.stop()));
    await this.#cluster.end();
  }
}

/** The name of the program stands in brackets, and may hold anything. */
function cpuTicksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
