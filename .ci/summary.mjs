/**
 * Sums up vitest's JSON reports: `node .ci/summary.mjs FOLDER [FAILED-STEP...]`. Names what failed and what was
 * skipped, ends with the line "N passed, N failed", and exits with 1 unless something passed and nothing failed.
 * A failed step counts as one failure when no report says more about it. What failed is told again here with the
 * beginning of its message: of a long output often only the end is kept.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const MESSAGE_LINES_MAX = 12;
const LINE_CHARACTERS_MAX = 400;

const [folder = '', ...failedSteps] = process.argv.slice(2);
let passed = 0;
let failed = 0;

function beginning(message) {
  const lines = stripVTControlCharacters(message).split('\n').slice(0, MESSAGE_LINES_MAX);
  return lines.map((line) => `  ${line.slice(0, LINE_CHARACTERS_MAX)}`).join('\n');
}

function countFile({ name, status, assertionResults, message }) {
  const file = relative(process.cwd(), name);
  const named = (wanted) => assertionResults.filter((result) => wanted.includes(result.status));
  for (const { fullName, failureMessages } of named(['failed'])) {
    console.log(`failed: ${file} > ${fullName}\n${beginning(failureMessages.join('\n'))}`);
  }
  for (const { fullName } of named(['pending', 'skipped', 'todo', 'disabled'])) {
    console.log(`skipped: ${file} > ${fullName}`);
  }
  passed += named(['passed']).length;
  failed += named(['failed']).length;
  if (status === 'failed' && named(['failed']).length === 0) {
    // The file did not load, or a hook outside the tests failed.
    console.log(`failed: ${file}\n${beginning(message)}`);
    failed += 1;
  }
}

console.log('\n=== summary');
const unexplained = new Set(failedSteps);
for (const report of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const failedBefore = failed;
  JSON.parse(readFileSync(join(folder, report), 'utf8')).testResults.forEach(countFile);
  if (failed > failedBefore) unexplained.delete(report.replace('.json', ''));
}
for (const step of unexplained) console.log(`failed: step ${step}`);
failed += unexplained.size;

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
