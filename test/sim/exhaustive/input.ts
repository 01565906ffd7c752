/** What can happen to one member. */
import { describeMessage } from '../../../server/raft/describe.js';
import type { ConfChange } from '../../../server/raft/membership.js';
import type { Message } from '../../../server/raft/types.js';

export type LivingInput =
  /** `isForced`: it does not ask first, nor does it respect a live leader. */
  | { readonly kind: 'campaign'; readonly isForced: boolean }
  | { readonly kind: 'propose'; readonly data: Uint8Array }
  | { readonly kind: 'change'; readonly change: ConfChange }
  /** `isLate`: before, the member heard nothing of its leader for an election timeout. */
  | { readonly kind: 'deliver'; readonly message: Message; readonly isLate: boolean }
  /** The oldest batch under way is durable. */
  | { readonly kind: 'save' };

/** The process dies and starts again with what was synced. What was not is lost. */
export interface Crash {
  readonly kind: 'crash';
}

export type Input = LivingInput | Crash;

export function describeInput(input: Input): string {
  switch (input.kind) {
    case 'campaign':
      return input.isForced ? 'starts an election without asking first' : 'starts an election';
    case 'propose':
      return `is asked to propose "${String.fromCharCode(...input.data)}"`;
    case 'change':
      return `is asked to ${input.change.kind} ${input.change.id}`;
    case 'deliver':
      return `${input.isLate ? 'heard nothing for an election timeout, and ' : ''}receives ${describeMessage(input.message)}`;
    case 'save':
      return 'has its oldest save on disk';
    case 'crash':
      return 'crashes, loses what was not synced, and starts again';
  }
}
