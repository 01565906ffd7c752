/** Which seed found a planted bug the last time. Only a hint where to look first: any change may make it find nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Hunt } from './hunt.js';

const FILE = new URL('known-seeds.json', import.meta.url);

export type KnownSeeds = Readonly<Record<string, number>>;

export function readKnownSeeds(): KnownSeeds {
  const known: KnownSeeds = JSON.parse(readFileSync(FILE, 'utf8'));
  return known;
}

export function writeKnownSeeds(hunts: readonly Hunt[]): void {
  const found = hunts.flatMap(({ mutant, found: hit }) =>
    hit === undefined ? [] : [[mutant.name, hit.seed] as const],
  );
  const known = { ...readKnownSeeds(), ...Object.fromEntries(found) };
  writeFileSync(FILE, `${JSON.stringify(known, undefined, 2)}\n`);
}
