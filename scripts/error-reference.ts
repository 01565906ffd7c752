/** The reference of errors, from the table that the client itself goes by. */
import { type CodeFacts, type ErrorCode, errorCodes } from '../client/core/error-code.js';
import type { Outcome } from '../client/core/outcome.js';

const outcomes: readonly { readonly outcome: Outcome; readonly title: string; readonly text: string }[] = [
  {
    outcome: 'notApplied',
    title: 'It did not happen',
    text: 'Unless an earlier attempt of the same call is in doubt; `error.outcome` always says what holds.',
  },
  { outcome: 'unknown', title: 'It may have happened', text: 'A read has never happened, whatever became of it.' },
  { outcome: 'applied', title: 'It happened', text: 'Of a read there is just no answer.' },
];

export function errorReference(): string {
  const codes = Object.entries(errorCodes) as readonly [ErrorCode, CodeFacts][];
  const sections = outcomes.map(({ outcome, title, text }) => {
    const rows = codes
      .filter(([, facts]) => facts.outcome === outcome)
      .map(([code, { retryable, meaning }]) => [`\`${code}\``, retryable ? 'yes' : '', meaning]);
    return `## ${title}\n\n${text}\n\n${table(['code', 'retryable', 'meaning'], rows)}`;
  });
  const head = `# Errors

Every failure is a \`QuorateError\`: \`isQuorateError(error)\`, or \`isQuorateError(error, 'COMPACTED')\` for one code. \`code\`
never changes its meaning; \`outcome\` says whether the write happened; the message is for people. This page is made from
client/core/error-code.ts (\`npm run docs:errors\`).
`;
  return `${head}\n${sections.join('\n')}`;
}

/** As the formatter wants tables: columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('');
}
