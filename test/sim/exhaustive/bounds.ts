/** What a search may do, and how often: together they make the space finite. */
import type { ConfChange } from '../../../server/raft/membership.js';

export interface Bounds {
  /** Members of the first configuration: ids from 1 on. */
  readonly voters: number;
  /** Members with the next ids, which wait with an empty disk to be added. */
  readonly spares: number;
  /** `empty`: nobody was ever elected. `led`: member 1 leads, and everybody has its first entry and knows that it is committed. */
  readonly opening: 'empty' | 'led';
  /** `preVote`: as after a timeout. `forced`: without pre-votes and against live leaders, as when leadership is transferred. */
  readonly elections: 'preVote' | 'forced';
  /** How often a member starts an election, in all, after the opening. */
  readonly campaigns: number;
  /** Accepted proposals, in all. */
  readonly proposals: number;
  /** In all, but no member crashes twice. */
  readonly crashes: number;
  /** Deliveries, in all, that leave the message under way, so that it arrives again. */
  readonly duplicates: number;
  /** The first accepted change is one of the first list, the second one of the second list. */
  readonly confChanges: readonly (readonly ConfChange[])[];
}
