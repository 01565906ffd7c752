/** Prints figures as a table for people: one row for each load, the programs side by side, and their ratio. */
import type { Program } from '../harness/etcd.js';
import type { UnaryFigure } from './unary.js';
import type { WatchFigure } from './watch.js';

export function tableOf(figures: readonly UnaryFigure[]): string {
  const programs = [...new Set(figures.map(({ program }) => program))];
  const header = [
    'operation',
    'in flight',
    ...programs.flatMap((program) => [`${program} req/s`, '(min-max)', 'mean ms', 'p99 ms']),
    ...(programs.length > 1 ? ['quorate/etcd'] : []),
  ];
  const loads = new Map<string, UnaryFigure[]>();
  for (const figure of figures) {
    const load = `${figure.operation} ${figure.inFlight}`;
    loads.set(load, [...(loads.get(load) ?? []), figure]);
  }
  return aligned([header, ...[...loads.values()].map(rowOf)]);
}

/** One row for each program, and the ratios where there are two. */
export function watchTableOf(figures: readonly WatchFigure[]): string {
  const header = [
    ...['program', 'events/s', '(min-max)', 'events/message', 'p50 ms', 'p99 ms'],
    ...['bytes/idle watcher', 'put ms', 'beside 10,000 idle'],
  ];
  const rows = figures.map((figure) => [
    figure.program,
    figure.eventsPerSecond.toFixed(0),
    `${figure.eventsPerSecondMin.toFixed(0)}-${figure.eventsPerSecondMax.toFixed(0)}`,
    figure.eventsPerMessage.toFixed(1),
    figure.p50Ms.toFixed(2),
    figure.p99Ms.toFixed(2),
    figure.idleWatcherBytes.toFixed(0),
    figure.putMs.toFixed(2),
    `${figure.putBesideIdleMs.toFixed(2)} (${percent(figure.putBesideIdleMs / figure.putMs - 1)})`,
  ]);
  return aligned([header, ...rows, ...watchRatios(figures)]);
}

function watchRatios(figures: readonly WatchFigure[]): readonly (readonly string[])[] {
  const [ours, theirs] = [find(figures, 'quorate'), find(figures, 'etcd')];
  if (ours === undefined || theirs === undefined) return [];
  const ratio = (of: (figure: WatchFigure) => number): string => (of(ours) / of(theirs)).toFixed(2);
  return [
    [
      'quorate/etcd',
      ratio(({ eventsPerSecond }) => eventsPerSecond),
      '',
      '',
      ratio(({ p50Ms }) => p50Ms),
      ratio(({ p99Ms }) => p99Ms),
      ratio(({ idleWatcherBytes }) => idleWatcherBytes),
      ratio(({ putMs }) => putMs),
      '',
    ],
  ];
}

function percent(part: number): string {
  return `${part < 0 ? '' : '+'}${(part * 100).toFixed(1)} %`;
}

/** `figures` of one load, in the order of the programs. */
function rowOf(figures: readonly UnaryFigure[]): readonly string[] {
  const [first] = figures;
  if (first === undefined) return [];
  const cells = figures.flatMap((figure) => [
    figure.perSecond.toFixed(0),
    `${figure.perSecondMin.toFixed(0)}-${figure.perSecondMax.toFixed(0)}`,
    figure.meanMs.toFixed(2),
    figure.p99Ms.toFixed(2),
  ]);
  return [first.operation, String(first.inFlight), ...cells, ...ratioOf(figures)];
}

function ratioOf(figures: readonly UnaryFigure[]): readonly string[] {
  const rate = (name: Program): number | undefined => find(figures, name)?.perSecond;
  const [ours, theirs] = [rate('quorate'), rate('etcd')];
  return ours === undefined || theirs === undefined ? [] : [(ours / theirs).toFixed(2)];
}

function find<F extends { readonly program: Program }>(figures: readonly F[], name: Program): F | undefined {
  return figures.find(({ program }) => program === name);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}
