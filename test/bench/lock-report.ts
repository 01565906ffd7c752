/** What locks reach, as a table for people, and whether that is what was asked of Quorate's. */
import { spreadOf } from '../e2e/figures.js';
import type { DeathFigure, LockFigure, LockFigures } from './lock.js';
import { aligned } from './report.js';

/** Of rounds, ours to theirs; in the order of the loads. */
const least: Readonly<Record<string, number>> = {
  'one client, one lock': 5,
  'one client, 64 locks': 5,
  '32 clients, one lock': 3,
};
const lateMsMax = 500;

export function lockReportOf({ loads, deaths }: LockFigures): string {
  const names = [...new Set(loads.map(({ load }) => load))];
  const rows = names.map((name) => loads.filter(({ load }) => load === name));
  const programs = [...new Set(loads.map(({ program }) => program))];
  const header = [
    'load',
    ...programs.flatMap((program) => [`${program} cycles/s`, '(min-max)', 'p50 ms', 'p99 ms']),
    ...(programs.length > 1 ? ['ratio of rounds (min-max)'] : []),
  ];
  return [aligned([header, ...rows.map(cellsOf)]), ...rows.flatMap(verdictOf), ...deaths.flatMap(deathLines)].join(
    '\n',
  );
}

function cellsOf(row: readonly LockFigure[]): readonly string[] {
  const cells = row.flatMap(({ rounds, perSecond }) => [
    perSecond.median.toFixed(0),
    `${perSecond.min.toFixed(0)}-${perSecond.max.toFixed(0)}`,
    spreadOf(rounds.map(({ p50Ms }) => p50Ms)).median.toFixed(2),
    spreadOf(rounds.map(({ p99Ms }) => p99Ms)).median.toFixed(2),
  ]);
  const ratio = ratioOf(row);
  return [row[0]?.load ?? '', ...cells, ...(ratio === undefined ? [] : [inWords(ratio)])];
}

function verdictOf(row: readonly LockFigure[]): readonly string[] {
  const load = row[0]?.load ?? '';
  const asked = least[load];
  const ratio = ratioOf(row);
  if (ratio === undefined || asked === undefined) return [];
  const word = ratio.median >= asked ? 'reached' : 'MISSED ';
  return [`${word}  ${load}: at least ${asked} x: ${inWords(ratio)}`];
}

function deathLines({ program, p50Ms, p99Ms, count }: DeathFigure): readonly string[] {
  const figures = `p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms (${count} times)`;
  const line = `${program}: from a holder's death to the next grant, without the ttl: ${figures}`;
  if (program === 'etcd') return [`         ${line}`];
  return [`${p99Ms <= lateMsMax ? 'reached' : 'MISSED '}  ${line}, at most ${lateMsMax} ms`];
}

function ratioOf(row: readonly LockFigure[]) {
  const [ours, theirs] = (['quorate', 'etcd'] as const).map((name) => row.find(({ program }) => program === name));
  if (ours === undefined || theirs === undefined) return undefined;
  return spreadOf(
    ours.rounds.flatMap((our, round) => {
      const their = theirs.rounds[round];
      return their === undefined ? [] : [our.perSecond / their.perSecond];
    }),
  );
}

function inWords({
  median,
  min,
  max,
}: {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}
