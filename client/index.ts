/** The promise to users: everything exported here, and nothing else of this package. */
export type { ErrorCode } from './core/error-code.js';
export { leaseId, type LeaseId, revision, type Revision } from './core/ids.js';
export type { Outcome } from './core/outcome.js';
export { isQuorateError, QuorateError } from './core/quorate-error.js';
