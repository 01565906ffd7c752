/** What one watcher asks for, drawn from what the run's clients know. */
import type { Random } from '../../../server/lib/random.js';
import type { WatchSpec } from '../../../server/node/member.js';
import { between, chance, pickWeighted } from './draw.js';
import { ALL_KEYS, endOfPrefix, type Keys, MANY_KEYS, type Span } from './keys.js';
import type { Sightings } from './sightings.js';
import type { WatchMix } from './watch-mix.js';

export interface SpecParts {
  readonly random: Random;
  readonly mix: WatchMix;
  readonly clients: number;
  readonly historyDepth: number;
  readonly keys: Keys;
  readonly sightings: Sightings;
  /** The highest one. */
  readonly compactedRevision: number;
}

export function drawSpec(parts: SpecParts): WatchSpec {
  const { random, mix } = parts;
  const isFiltered = chance(random, mix.filteredPercent);
  const noPut = isFiltered && chance(random, 55);
  return {
    ...drawSpan(parts),
    startRevision: drawStart(parts),
    noPut,
    // Now and then both: a watcher that is never told anything but progress.
    noDelete: isFiltered && (!noPut || chance(random, 10)),
    prevKv: chance(random, mix.prevKvPercent),
    progressNotify: chance(random, mix.progressNotifyPercent),
    fragment: chance(random, mix.fragmentPercent),
  };
}

/** 0: whatever happens from now on. */
function drawStart({ random, mix, sightings, historyDepth, compactedRevision }: SpecParts): number {
  switch (pickWeighted(random, mix.starts).name) {
    case 'present':
      return 0;
    case 'past':
      return Math.max(1, sightings.revision - random.below(historyDepth));
    case 'future':
      return sightings.revision + 1 + random.below(30);
    case 'beginning':
      return 1;
    case 'compacted':
      return Math.max(1, compactedRevision + between(random, -1, 1));
  }
}

function drawSpan(parts: SpecParts): Span {
  const { random, mix, keys } = parts;
  switch (pickWeighted(random, mix.spans).name) {
    case 'key':
      return { key: drawKey(parts), rangeEnd: '' };
    case 'someKeys': {
      const span = keys.span(random);
      return span.rangeEnd > span.key ? span : MANY_KEYS;
    }
    case 'keysBetween': {
      const [one, other] = [drawKey(parts), drawKey(parts)];
      if (one === other) return { key: one, rangeEnd: '' };
      return one < other ? { key: one, rangeEnd: other } : { key: other, rangeEnd: one };
    }
    case 'prefix': {
      const key = drawKey(parts);
      // What ends in the highest byte has no end of that length.
      const prefix = key.slice(0, between(random, 1, key.length)).replace(/\xff+$/, '');
      return { key: prefix, rangeEnd: endOfPrefix(prefix) };
    }
    case 'fromKeyOn':
      return { key: drawKey(parts), rangeEnd: '\0' };
    case 'everything':
      return chance(random, 50) ? ALL_KEYS : { key: '\0', rangeEnd: '\0' };
  }
}

function drawKey({ random, keys, clients }: SpecParts): string {
  return keys.any(random.below(clients), random);
}
