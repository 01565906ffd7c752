/** Keys written or deleted by one request. Part of the log's meaning: every member refuses the same requests. */
export const REQUEST_WRITES_MAX = 500_000;
/** Bytes of the keys and values that it writes; of a deleted key only the key counts. */
export const REQUEST_WRITE_BYTES_MAX = 96 * 1024 * 1024;
