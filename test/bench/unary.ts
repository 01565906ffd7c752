/**
 * Unary puts and linearizable gets against three members of Quorate and of etcd, in one run on one machine: rounds
 * alternate between the two, so that whatever else the machine does hits both. The answer is a table, not a verdict.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spreadOf } from '../e2e/figures.js';
import type { Program } from '../harness/etcd.js';
import { Contender, type Operation, type Shape } from './contender.js';
import type { LoadResult } from './h2load.js';

export interface UnaryOptions {
  readonly programs: readonly Program[];
  readonly operations: readonly Operation[];
  /** Of those that `concurrencies` knows. */
  readonly inFlights: readonly number[];
  /** Of load in every figure of every round. */
  readonly seconds: number;
  readonly rounds: number;
  /** Flags of Node.js itself, for Quorate's members. */
  readonly nodeArgs: readonly string[];
}

/** Medians over all rounds. */
export interface UnaryFigure {
  readonly program: Program;
  readonly operation: Operation;
  readonly inFlight: number;
  readonly perSecond: number;
  readonly perSecondMin: number;
  readonly perSecondMax: number;
  readonly meanMs: number;
  readonly p99Ms: number;
}

interface Measured {
  readonly contender: Contender;
  readonly results: LoadResult[];
  /** In the latest run: from it follows how many calls make the next one as long as it should be. */
  perSecond: number;
}

/** 1, 64 and 1,024 calls in flight. More than one go out on eight connections, each writing or reading its own key. */
const concurrencies: readonly Omit<Shape, 'operation'>[] = [
  { connections: 1, streams: 1 },
  { connections: 8, streams: 8 },
  { connections: 8, streams: 128 },
];
/** Calls for each one in flight in the very first run, which only tells how fast a program is. */
const firstCalls = 40;
const firstCallsMin = 400;

export async function runUnary(options: UnaryOptions): Promise<readonly UnaryFigure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-bench-'));
  const contenders: Contender[] = [];
  try {
    for (const program of options.programs) {
      contenders.push(await Contender.start(program, folder, options.nodeArgs));
    }
    return await measureAll(contenders, options);
  } finally {
    for (const contender of contenders) await contender.end();
    await rm(folder, { recursive: true });
  }
}

async function measureAll(contenders: readonly Contender[], options: UnaryOptions): Promise<readonly UnaryFigure[]> {
  const figures: UnaryFigure[] = [];
  for (const shape of chosenShapes(options)) figures.push(...(await measureShape(contenders, shape, options)));
  for (const { program, leaderPid } of contenders) console.log(`process of ${program}'s leader: ${leaderPid}`);
  return figures;
}

function chosenShapes({ operations, inFlights }: UnaryOptions): readonly Shape[] {
  const loads = concurrencies.filter((concurrency) => inFlights.includes(inFlightOf(concurrency)));
  return operations.flatMap((operation) => loads.map((load) => ({ operation, ...load })));
}

function inFlightOf({ connections, streams }: Omit<Shape, 'operation'>): number {
  return connections * streams;
}

async function measureShape(
  contenders: readonly Contender[],
  shape: Shape,
  { seconds, rounds }: UnaryOptions,
): Promise<readonly UnaryFigure[]> {
  const measured = contenders.map((contender): Measured => ({ contender, results: [], perSecond: 0 }));
  for (const one of measured) {
    const calls = Math.max(firstCallsMin, firstCalls * shape.streams);
    one.perSecond = (await one.contender.measure(shape, calls)).perSecond;
    one.perSecond = (await one.contender.measure(shape, callsFor(shape, one.perSecond, seconds / 2))).perSecond;
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const one of measured) {
      const result = await one.contender.measure(shape, callsFor(shape, one.perSecond, seconds));
      one.perSecond = result.perSecond;
      one.results.push(result);
    }
  }
  return measured.map(({ contender, results }) => figureFrom(contender.program, shape, results));
}

/** On each connection. */
function callsFor({ connections }: Shape, perSecond: number, seconds: number): number {
  return Math.ceil((perSecond * seconds) / connections);
}

function figureFrom(program: Program, shape: Shape, results: readonly LoadResult[]): UnaryFigure {
  const perSecond = spreadOf(results.map((result) => result.perSecond));
  return {
    program,
    operation: shape.operation,
    inFlight: inFlightOf(shape),
    perSecond: perSecond.median,
    perSecondMin: perSecond.min,
    perSecondMax: perSecond.max,
    meanMs: spreadOf(results.map(({ meanMs }) => meanMs)).median,
    p99Ms: spreadOf(results.map(({ p99Ms }) => p99Ms)).median,
  };
}
