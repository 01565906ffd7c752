/**
 * node --import tsx test/sim/exhaustive/main.ts [--states N] [--only elections|forced|succession|membership]
 *
 * Searches each space of searches.ts until it is exhausted or N states were seen (default 12,000,000; 60 bytes of
 * memory each). The last line holds the totals. Leaves with 1 when an invariant broke, after the shortest story of how.
 */
import { parseArgs } from 'node:util';
import { SOUND } from './builds.js';
import { type Progress, Search, type SearchResult } from './search.js';
import { SEARCHES, type SearchName } from './searches.js';
import { tellViolation } from './story.js';

const { values } = parseArgs({
  options: { states: { type: 'string', default: '12000000' }, only: { type: 'string' } },
});
const statesMax = Number(values.states);
if (!(Number.isSafeInteger(statesMax) && statesMax > 0)) throw new Error('--states: not a positive whole number');
const known = Object.keys(SEARCHES) as SearchName[];
const names = known.filter((name) => values.only === undefined || name === values.only);
if (names.length === 0) throw new Error(`--only: ${values.only} is none of ${known.join(', ')}`);

const startedAt = performance.now();
const results = names.map(searchOne);
const total = (of: (result: SearchResult) => number) => results.reduce((sum, result) => sum + of(result), 0);
const violations = results.filter(({ violation }) => violation !== undefined).length;
process.exitCode = violations > 0 ? 1 : 0;
console.log(
  `total: ${results.length} searches, ${results.filter(({ isComplete }) => isComplete).length} complete, ` +
    `${figure(total(({ states }) => states))} states, ${figure(total(({ transitions }) => transitions))} transitions, ` +
    `${violations} violations, ${secondsSince(startedAt).toFixed(0)} s, ` +
    `${(process.cpuUsage().user / 1e6).toFixed(0)} s of processor time`,
);

function searchOne(name: SearchName): SearchResult {
  const bounds = SEARCHES[name];
  console.log(
    `${name}: ${JSON.stringify(bounds, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))}`,
  );
  const searchStartedAt = performance.now();
  const onProgress = (progress: Progress) => console.log(`  ${lineOf(progress, secondsSince(searchStartedAt))}`);
  const search = new Search({ bounds, build: SOUND, statesMax, onProgress });
  const result = search.run();
  if (result.violation !== undefined) console.log(tellViolation(search.graph, result.violation).join('\n'));
  const end = result.isComplete ? 'complete' : `not complete: ended after ${figure(result.states)} states`;
  console.log(`${name}: ${end}; ${lineOf(result, secondsSince(searchStartedAt))}`);
  console.log(
    `${name}: up to ${result.termsLed} terms with a leader and ${result.committed} committed entries in one run`,
  );
  return result;
}

function lineOf(progress: Progress, seconds: number): string {
  const { states, transitions, depth, waiting, memberStates, coreSteps } = progress;
  return (
    `depth ${depth}, ${figure(states)} states (${figure(waiting)} waiting), ${figure(transitions)} transitions, ` +
    `${figure(memberStates)} member states by ${figure(coreSteps)} core steps, ` +
    `${seconds.toFixed(0)} s, ${figure(states / seconds)} states/s, ${figure(process.memoryUsage().rss / 2 ** 20)} MiB`
  );
}

function figure(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1000;
}
