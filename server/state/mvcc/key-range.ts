/** What the pair (key, rangeEnd) of a request names. */
import type { ByteString } from '../../lib/bytes.js';

/** As a rangeEnd: every key from `key` on. */
export const FROM_KEY_ON: ByteString = '\0';

export interface KeyRange {
  readonly key: ByteString;
  /** '' names the single key, '\0' every key >= `key`; else it is [key, rangeEnd), empty unless key < rangeEnd. */
  readonly rangeEnd: ByteString;
}

export function isSingleKey(range: KeyRange): boolean {
  return range.rangeEnd === '';
}

/** The exclusive end of a range that is not a single key; undefined: there is none. */
export function endOf(range: KeyRange): ByteString | undefined {
  return range.rangeEnd === FROM_KEY_ON ? undefined : range.rangeEnd;
}
