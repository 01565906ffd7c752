/** Bounds of sessions. They are part of the log's meaning: every member refuses, forgets and expires the same. */

/** Sessions at one time. */
export const SESSIONS_MAX = 65_536;
export const CLIENT_NAME_LENGTH_MAX = 128;
/** A day. */
export const SESSION_TTL_MS_MAX = 86_400_000;

/** Replies that one session keeps, and their bytes (see reply-size.ts): beyond either it takes no further write. */
export const WINDOW_REPLIES = 1_024;
export const WINDOW_BYTES = 1024 * 1024;
/** A reply of more bytes than this is not kept. */
export const REPLY_BYTES_MAX = 256 * 1024;
/** The bytes that all sessions keep together. */
export const REPLIES_BYTES_MAX = 256 * 1024 * 1024;

/** By how much one entry moves the cluster's time on at most, and how often a leader lets it pass. */
export const CLUSTER_TIME_PERIOD_MS = 10_000;
/** Records that one entry deletes with the sessions it ends; the first session is always taken, whatever it has. */
export const EXPIRE_RECORDS_TARGET = 8_192;
