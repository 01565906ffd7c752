/** Prints figures as a table for people: one row for each load, the programs side by side, and their ratio. */
import type { Program } from '../harness/etcd.js';
import type { LeaseFigure } from './lease.js';
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

/** Deliveries with one row for each load, then what else there is with one row for each program. */
export function watchTablesOf(figures: readonly WatchFigure[]): string {
  return `${deliveriesOf(figures)}\n\n${aligned([
    ['program', 'delay p50 ms', 'p99 ms', 'bytes/idle watcher', 'put ms', 'beside 10,000 idle'],
    ...figures.map((figure) => [
      figure.program,
      figure.p50Ms.toFixed(2),
      figure.p99Ms.toFixed(2),
      figure.idleWatcherBytes.toFixed(0),
      figure.putMs.toFixed(2),
      `${figure.putBesideIdleMs.toFixed(2)} (${percent(figure.putBesideIdleMs / figure.putMs - 1)})`,
    ]),
  ])}`;
}

function deliveriesOf(figures: readonly WatchFigure[]): string {
  const header = [
    'puts in flight',
    ...figures.flatMap(({ program }) => [`${program} events/s`, '(min-max)', 'events/message']),
    ...(figures.length > 1 ? ['quorate/etcd'] : []),
  ];
  const inFlights = figures[0]?.bursts.map(({ inFlight }) => inFlight) ?? [];
  const rows = inFlights.map((inFlight) => {
    const bursts = figures.flatMap(({ program, bursts: all }) =>
      all.filter((burst) => burst.inFlight === inFlight).map((burst) => ({ ...burst, program })),
    );
    const cells = bursts.flatMap((burst) => [
      burst.eventsPerSecond.toFixed(0),
      `${burst.eventsPerSecondMin.toFixed(0)}-${burst.eventsPerSecondMax.toFixed(0)}`,
      burst.eventsPerMessage.toFixed(1),
    ]);
    return [String(inFlight), ...cells, ...ratioOf(bursts, ({ eventsPerSecond }) => eventsPerSecond)];
  });
  return aligned([header, ...rows]);
}

function percent(part: number): string {
  return `${part < 0 ? '' : '+'}${(part * 100).toFixed(1)} %`;
}

/** One row for each program. */
export function leaseTableOf(figures: readonly LeaseFigure[]): string {
  const header = [
    'program',
    'keepalives/s',
    '(min-max)',
    'client busy',
    'late p50 ms',
    'p99 ms',
    'early',
    'at once: p50 ms',
    'p99 ms',
    'early',
  ];
  const rows = figures.map(({ program, perSecond, clientBusy, spread, atOnce }) => [
    program,
    perSecond.median.toFixed(0),
    `${perSecond.min.toFixed(0)}-${perSecond.max.toFixed(0)}`,
    `${(clientBusy * 100).toFixed(0)} %`,
    ...[spread, atOnce].flatMap(({ p50Ms, p99Ms, early }) => [p50Ms.toFixed(0), p99Ms.toFixed(0), String(early)]),
  ]);
  const [ratio] = ratioOf(figures, ({ perSecond }) => perSecond.median);
  return aligned([header, ...rows]) + (ratio === undefined ? '' : `\nkeepalives/s, quorate/etcd: ${ratio}`);
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
  return [first.operation, String(first.inFlight), ...cells, ...ratioOf(figures, ({ perSecond }) => perSecond)];
}

function ratioOf<F extends { readonly program: Program }>(
  figures: readonly F[],
  rateOf: (figure: F) => number,
): readonly string[] {
  const find = (name: Program): F | undefined => figures.find(({ program }) => program === name);
  const [ours, theirs] = [find('quorate'), find('etcd')];
  return ours === undefined || theirs === undefined ? [] : [(rateOf(ours) / rateOf(theirs)).toFixed(2)];
}

export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}
