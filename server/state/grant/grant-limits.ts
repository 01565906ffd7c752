/** Bounds of grants. They are part of the log's meaning: every member refuses the same. */

/** Names with an entry at one time. */
export const GRANT_NAMES_MAX = 100_000;
export const GRANT_NAME_BYTES_MAX = 1_024;
/** Names that one entry takes together. */
export const NAMES_PER_ENTRY_MAX = 16;
/** Entries of one name, those that hold it among them. */
export const ENTRIES_PER_NAME_MAX = 10_000;
/** Entries on one lease: its end takes them all in one entry of the log. */
export const ENTRIES_PER_LEASE_MAX = 1_000;
export const ATTEMPT_LENGTH_MAX = 64;
export const OWNER_LENGTH_MAX = 128;
/** Of metadata and value, each. */
export const GRANT_METADATA_BYTES_MAX = 4_096;
export const GRANT_CAPACITY_MAX = 1_024;
/** Either way from 0. */
export const GRANT_PRIORITY_MAX = 1_000_000;
/** An hour, in the cluster's time. */
export const LOCK_DELAY_MS_MAX = 3_600_000;
