/** What can be said against a wish by reading it alone. The doors ask before they propose, apply asks again. */
import { type Refusal, refuse } from './refusal.js';
import type { GrantWish } from './grant/grant-entry.js';
import {
  ATTEMPT_LENGTH_MAX,
  GRANT_CAPACITY_MAX,
  GRANT_METADATA_BYTES_MAX,
  GRANT_NAME_BYTES_MAX,
  GRANT_PRIORITY_MAX,
  LOCK_DELAY_MS_MAX,
  NAMES_PER_ENTRY_MAX,
  OWNER_LENGTH_MAX,
} from './grant/grant-limits.js';

export function checkWish(wish: GrantWish): Refusal | undefined {
  return checkNames(wish) ?? checkTexts(wish) ?? checkNumbers(wish);
}

function checkNames({ names, mode }: GrantWish): Refusal | undefined {
  if (names.length === 0) return invalid('no name');
  if (names.length > NAMES_PER_ENTRY_MAX) return invalid(`${names.length} names, at most ${NAMES_PER_ENTRY_MAX}`);
  for (const [place, name] of names.entries()) {
    if (name === '') return invalid('an empty name');
    if (name.length > GRANT_NAME_BYTES_MAX) {
      return invalid(`a name of ${name.length} bytes, at most ${GRANT_NAME_BYTES_MAX}`);
    }
    const before = names[place - 1];
    if (before !== undefined && before >= name) return invalid('names that do not rise');
  }
  return names.length === 1 || mode === 'exclusive' ? undefined : invalid('several names that are not exclusive');
}

function checkTexts({ attempt, owner, metadata, value }: GrantWish): Refusal | undefined {
  if (attempt === '') return invalid('no attempt id');
  const texts = [
    ['an attempt id', attempt, ATTEMPT_LENGTH_MAX],
    ['an owner', owner, OWNER_LENGTH_MAX],
    ['metadata', metadata, GRANT_METADATA_BYTES_MAX],
    ['a value', value, GRANT_METADATA_BYTES_MAX],
  ] as const;
  const long = texts.find(([, text, max]) => text.length > max);
  return long === undefined ? undefined : invalid(`${long[0]} of ${long[1].length} bytes, at most ${long[2]}`);
}

function checkNumbers({ mode, weight, capacity, priority, lockDelayMs }: GrantWish): Refusal | undefined {
  if (mode !== 'exclusive' && mode !== 'shared') return invalid(`mode ${String(mode)}`);
  const isExclusive = mode === 'exclusive';
  return (
    outOf('a capacity', capacity, 0, isExclusive ? 0 : GRANT_CAPACITY_MAX) ??
    outOf('a weight', weight, 1, isExclusive || capacity === 0 ? 1 : capacity) ??
    outOf('a priority', priority, -GRANT_PRIORITY_MAX, GRANT_PRIORITY_MAX) ??
    outOf('a lock-delay in ms', lockDelayMs, 0, LOCK_DELAY_MS_MAX)
  );
}

function outOf(what: string, value: number, min: number, max: number): Refusal | undefined {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return undefined;
  return invalid(`${what} of ${value}, from ${min} to ${max}`);
}

function invalid(detail: string): Refusal {
  return refuse('INVALID_GRANT', detail);
}
