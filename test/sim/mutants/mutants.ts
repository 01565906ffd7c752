/** Every planted bug, in the order of the table in ../README.md. */
import { GRANT_MUTANTS } from './grant-mutants.js';
import { LEASE_MUTANTS } from './lease-mutants.js';
import type { Mutant } from './mutant.js';
import { NODE_MUTANTS } from './node-mutants.js';
import { RAFT_MUTANTS } from './raft-mutants.js';
import { SDK_GRANT_MUTANTS } from './sdk-grant-mutants.js';
import { SESSION_MUTANTS } from './session-mutants.js';
import { STATE_MUTANTS } from './state-mutants.js';
import { STORAGE_MUTANTS } from './storage-mutants.js';
import { WATCH_MUTANTS } from './watch-mutants.js';

export const MUTANTS: readonly Mutant[] = [
  ...RAFT_MUTANTS,
  ...NODE_MUTANTS,
  ...STORAGE_MUTANTS,
  ...STATE_MUTANTS,
  ...LEASE_MUTANTS,
  ...WATCH_MUTANTS,
  ...SESSION_MUTANTS,
  ...GRANT_MUTANTS,
  ...SDK_GRANT_MUTANTS,
];
