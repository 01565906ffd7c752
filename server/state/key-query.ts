/** The read that asks for nothing but one key: what other reads differ from by what they name. */
import type { ByteString } from '../lib/bytes.js';
import type { RangeQuery } from './command.js';

export function keyQuery(key: ByteString): RangeQuery {
  return {
    kind: 'range',
    key,
    rangeEnd: '',
    limit: 0,
    revision: 0,
    sortOrder: 'none',
    sortTarget: 'key',
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}
