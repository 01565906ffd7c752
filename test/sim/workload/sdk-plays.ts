/** What a client of the SDK may do in one turn. */
import type { Call, Operation } from '../../checkers/operation.js';
import { markedEnd } from '../write-marks.js';
import { transfer } from './bank-play.js';
import { chance, pick } from './draw.js';
import { append } from './list-play.js';
import type { SdkConsistency } from './sdk-caller.js';
import type { SdkPlayName } from './sdk-mix.js';
import { fresh, type Turn } from './turn.js';

export interface SdkTurn extends Turn {
  readonly hotKeys: number;
  readAs(call: Call, consistency: SdkConsistency): Promise<Operation | undefined>;
}

type SdkPlay = (turn: SdkTurn) => Promise<unknown>;

/** Only ever put: so its version counts how often. */
export function hotKey(place: number): string {
  return `h.${place}`;
}

/** Puts of its own keys, so that there is something to erase. */
const put: SdkPlay = (turn) => {
  const key = chance(turn.random, 75) ? hotKey(turn.random.below(turn.hotKeys)) : erasedKey(turn);
  return turn.ask({ kind: 'put', key, value: fresh(turn) });
};

const erase: SdkPlay = (turn) => {
  const key = erasedKey(turn);
  return turn.ask({ kind: 'deleteRange', key, rangeEnd: markedEnd(key, fresh(turn)) });
};

const read: SdkPlay = (turn) => {
  const { random } = turn;
  const consistency = pick(random, ['linearizable', 'session', 'session', 'session', 'serializable'] as const);
  const where = chance(random, 60) ? { key: hotKey(random.below(turn.hotKeys)) } : { key: 'g.', rangeEnd: 'i' };
  const is = consistency === 'linearizable' ? consistency : 'serializable';
  return turn.readAs({ kind: 'range', ...where, revision: 0, limit: 0, read: is }, consistency);
};

export const sdkPlays: Readonly<Record<SdkPlayName, SdkPlay>> = { put, read, erase, transfer, append };

function erasedKey({ random }: Turn): string {
  return `g.${random.below(3)}`;
}
