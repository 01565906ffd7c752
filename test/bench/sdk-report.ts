/** What clients reach, as a table for people, and whether that is what was asked of Quorate's. */
import { type Spread, spreadOf } from '../e2e/figures.js';
import type { Operation } from './contender.js';
import { aligned } from './report.js';
import type { SdkFigure, SdkRound } from './sdk.js';

/** A ratio is that of Quorate to etcd in one round. */
interface Goal {
  readonly what: string;
  readonly operation: Operation;
  readonly inFlight: number;
  readonly unit: 'x' | 'us';
  readonly of: (ours: SdkRound, theirs: SdkRound) => number;
  readonly least?: number;
  readonly most?: number;
}

const speed = (ours: SdkRound, theirs: SdkRound): number => ours.perSecond / theirs.perSecond;
const latency = (ours: SdkRound, theirs: SdkRound): number => ours.p50Ms / theirs.p50Ms;
const clientTime = (ours: SdkRound): number => ours.clientMicros;

const goals: readonly Goal[] = [
  { what: 'calls/s', operation: 'put', inFlight: 512, unit: 'x', of: speed, least: 5 },
  { what: 'calls/s', operation: 'get', inFlight: 512, unit: 'x', of: speed, least: 8 },
  { what: 'calls/s', operation: 'put', inFlight: 64, unit: 'x', of: speed, least: 4 },
  { what: 'calls/s', operation: 'get', inFlight: 64, unit: 'x', of: speed, least: 4 },
  { what: 'latency (p50)', operation: 'put', inFlight: 1, unit: 'x', of: latency, most: 0.8 },
  { what: 'latency (p50)', operation: 'get', inFlight: 1, unit: 'x', of: latency, most: 0.8 },
  { what: "client's time for a call", operation: 'put', inFlight: 512, unit: 'us', of: clientTime, most: 15 },
  { what: "client's time for a call", operation: 'get', inFlight: 512, unit: 'us', of: clientTime, most: 15 },
];

interface Row {
  readonly operation: Operation;
  readonly inFlight: number;
  readonly figures: readonly SdkFigure[];
}

/** One row for each load, the programs side by side; then one line for each figure that was asked for. */
export function sdkReportOf(figures: readonly SdkFigure[]): string {
  const programs = [...new Set(figures.map(({ program }) => program))];
  const rows = rowsOf(figures);
  const header = [
    'operation',
    'in flight',
    ...programs.flatMap((program) => [
      `${program} calls/s`,
      '(min-max)',
      'p50 ms',
      'p99 ms',
      'client us',
      'members us',
    ]),
    ...(programs.length > 1 ? ['calls/s: ratio', 'of rounds (min-max)', 'p50: ratio', 'client us: ratio'] : []),
  ];
  return [aligned([header, ...rows.map(cellsOf)]), ...goals.flatMap((goal) => verdictOf(goal, rows))].join('\n');
}

function rowsOf(figures: readonly SdkFigure[]): readonly Row[] {
  const rows = new Map<string, { operation: Operation; inFlight: number; figures: SdkFigure[] }>();
  for (const figure of figures) {
    const { operation, inFlight } = figure;
    const name = `${operation} ${inFlight}`;
    const row = rows.get(name) ?? { operation, inFlight, figures: [] };
    row.figures.push(figure);
    rows.set(name, row);
  }
  return [...rows.values()];
}

function cellsOf(row: Row): readonly string[] {
  const cells = row.figures.flatMap(({ rounds, perSecond }) => [
    perSecond.median.toFixed(0),
    `${perSecond.min.toFixed(0)}-${perSecond.max.toFixed(0)}`,
    medianOf(rounds, ({ p50Ms }) => p50Ms).toFixed(2),
    medianOf(rounds, ({ p99Ms }) => p99Ms).toFixed(2),
    medianOf(rounds, ({ clientMicros }) => clientMicros).toFixed(1),
    medianOf(rounds, ({ memberMicros }) => memberMicros).toFixed(0),
  ]);
  return [row.operation, String(row.inFlight), ...cells, ...ratiosOf(row)];
}

function ratiosOf(row: Row): readonly string[] {
  const speeds = spreadOver(row, speed);
  if (speeds === undefined) return [];
  const [ours, theirs] = [figureOf(row, 'quorate'), figureOf(row, 'etcd')];
  const ofMedians = (ours?.perSecond.median ?? NaN) / (theirs?.perSecond.median ?? NaN);
  return [
    ofMedians.toFixed(2),
    `${speeds.median.toFixed(2)} (${speeds.min.toFixed(2)}-${speeds.max.toFixed(2)})`,
    (spreadOver(row, latency)?.median ?? NaN).toFixed(2),
    (spreadOver(row, (our, their) => our.clientMicros / their.clientMicros)?.median ?? NaN).toFixed(2),
  ];
}

/** Of what was measured; nothing of the rest. */
function verdictOf(goal: Goal, rows: readonly Row[]): readonly string[] {
  const { what, operation, inFlight, unit, least, most } = goal;
  const row = rows.find((one) => one.operation === operation && one.inFlight === inFlight);
  const spread = row === undefined ? undefined : spreadOver(row, goal.of);
  if (spread === undefined) return [];
  const isReached = spread.median >= (least ?? -Infinity) && spread.median <= (most ?? Infinity);
  const asked = least === undefined ? `at most ${most} ${unit}` : `at least ${least} ${unit}`;
  const range = `${spread.min.toFixed(2)}-${spread.max.toFixed(2)}`;
  const found = `${spread.median.toFixed(2)} ${unit} (${range})`;
  return [`${isReached ? 'reached' : 'MISSED '}  ${operation} at ${inFlight}, ${what}: ${asked}: ${found}`];
}

/** Of the two programs' figures of the same round; undefined unless both were measured. */
function spreadOver(row: Row, of: (ours: SdkRound, theirs: SdkRound) => number): Spread | undefined {
  const [ours, theirs] = [figureOf(row, 'quorate')?.rounds, figureOf(row, 'etcd')?.rounds];
  if (ours === undefined || theirs === undefined) return undefined;
  return spreadOf(
    ours.flatMap((our, round) => {
      const their = theirs[round];
      return their === undefined ? [] : [of(our, their)];
    }),
  );
}

function figureOf({ figures }: Row, program: SdkFigure['program']): SdkFigure | undefined {
  return figures.find((figure) => figure.program === program);
}

function medianOf(rounds: readonly SdkRound[], of: (round: SdkRound) => number): number {
  return spreadOf(rounds.map(of)).median;
}
