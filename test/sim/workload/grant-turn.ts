/** What a play of a client with grants may use. */
import type { Random } from '../../../server/lib/random.js';
import type { GrantWish } from '../../../server/state/grant/grant-entry.js';
import type { GrantAnswer, GrantCall, GrantOperation } from '../../checkers/grant-operation.js';
import type { GrantBoard } from './grant-board.js';
import type { GrantMix } from './grant-mix.js';
import type { Values } from './values.js';

/** What is to be held: the rest of the wish is drawn. */
export type Want = Pick<GrantWish, 'names' | 'mode' | 'weight' | 'capacity'>;

export interface GrantTurn {
  readonly client: number;
  readonly random: Random;
  readonly mix: GrantMix;
  readonly board: GrantBoard;
  readonly values: Values;
  /** No more calls are made. */
  readonly hasEnded: boolean;
  /** Undefined when there is no lease to be had. */
  wish(want: Want): Promise<GrantWish | undefined>;
  /** The answer to one of several tries, or undefined: refused, or nobody knows. */
  insist(call: GrantCall): Promise<GrantAnswer | undefined>;
  /** Undefined when the call was not made: no member runs, or the time for new calls is over. */
  ask(call: GrantCall): Promise<GrantOperation | undefined>;
  /** For about as long as things are held. */
  hold(): Promise<void>;
}
