/**
 * seeds.txt: every seed that ever failed, one on a line, with what was wrong. A comment on a line of its own is allowed.
 *
 *     42  # linearizable: a read missed an acknowledged write
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SEED_MAX } from './main-options.js';

export const SEEDS_FILE = fileURLToPath(new URL('seeds.txt', import.meta.url));

export interface RecordedSeed {
  readonly seed: number;
  readonly reason: string;
}

/** Throws with the number of every line that says something else. */
export function parseSeeds(text: string): readonly RecordedSeed[] {
  const problems: string[] = [];
  const recorded: RecordedSeed[] = [];
  text.split('\n').forEach((line, place) => {
    if (/^\s*(#.*)?$/.test(line)) return;
    const [, digits = '', reason = ''] = /^(\d{1,10})\s+#\s*(\S.*)$/.exec(line.trim()) ?? [];
    const seed = Number(digits);
    if (digits === '' || seed > SEED_MAX) problems.push(`line ${place + 1}: "${line}" is not "seed # what was wrong"`);
    else if (recorded.some((other) => other.seed === seed)) problems.push(`line ${place + 1}: seed ${seed} again`);
    else recorded.push({ seed, reason });
  });
  if (problems.length > 0) throw new Error(`seeds.txt: ${problems.join('\nseeds.txt: ')}`);
  return recorded;
}

/** `text` with one line more, or as it is when the seed stands there already. */
export function withSeed(text: string, { seed, reason }: RecordedSeed): string {
  if (parseSeeds(text).some((known) => known.seed === seed)) return text;
  const whole = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return `${whole}${seed}  # ${reason.replaceAll(/\s+/g, ' ').slice(0, REASON_CHARS_MAX)}\n`;
}

const REASON_CHARS_MAX = 200;

export function readSeeds(file = SEEDS_FILE): readonly RecordedSeed[] {
  return parseSeeds(readFileSync(file, 'utf8'));
}

export function recordSeed(recorded: RecordedSeed, file = SEEDS_FILE): void {
  writeFileSync(file, withSeed(readFileSync(file, 'utf8'), recorded));
}
