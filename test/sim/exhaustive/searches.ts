/** The spaces that are searched, by name. */
import type { ConfChange } from '../../../server/raft/membership.js';
import type { Bounds } from './bounds.js';

const THREE = { voters: 3, spares: 0, confChanges: [] } as const;

const ADD_FOURTH: readonly ConfChange[] = [{ kind: 'addVoter', id: 4n }];
const REMOVE_ANY: readonly ConfChange[] = [1n, 2n, 3n, 4n].map((id) => ({ kind: 'remove', id }));

export const SEARCHES = {
  /** All that three members can do with two elections, three proposals and a crash each. Larger than any machine. */
  elections: {
    ...THREE,
    opening: 'empty',
    elections: 'preVote',
    campaigns: 2,
    proposals: 3,
    crashes: 3,
    duplicates: 1,
  },
  /** The same without pre-votes and duplicates, whose messages would use up the depth. */
  forced: {
    ...THREE,
    opening: 'empty',
    elections: 'forced',
    campaigns: 2,
    proposals: 3,
    crashes: 3,
    duplicates: 0,
  },
  /** From one leader to the next, while everybody may crash. */
  succession: {
    ...THREE,
    opening: 'led',
    elections: 'preVote',
    campaigns: 1,
    proposals: 1,
    crashes: 3,
    duplicates: 0,
  },
  /** A fourth member is added and then any one is removed, while somebody else wants to lead. */
  membership: {
    voters: 3,
    spares: 1,
    confChanges: [ADD_FOURTH, REMOVE_ANY],
    opening: 'led',
    elections: 'preVote',
    campaigns: 1,
    proposals: 0,
    crashes: 0,
    duplicates: 0,
  },
} as const satisfies Record<string, Bounds>;

export type SearchName = keyof typeof SEARCHES;
