/** What a member said to a request of a session, from its words to the wire. What is large is encoded when there is room. */
import type { Reply } from '@quorate/proto/quorate/v1/session.js';
import type { LeaseGrantAnswer } from '../node/lease-member.js';
import type { DeleteRangeAnswer, RangeAnswer, TxnAnswer } from '../node/member.js';
import type { WriteAnswer } from '../node/session-member.js';
import { acquireToWire } from './grant-answer.js';
import { deleteRangeToWire, headerToWire, putToWire, rangeToWire, txnToWire } from './kv-answer.js';
import {
  bytesOf,
  bytesOfOps,
  encodeLargeDeleteRange,
  encodeLargeRange,
  encodeLargeTxn,
  needsSlices,
} from './large-answer.js';
import { isPlainRange, type PlainAnswer } from './plain-answer.js';
import { answerField } from './session-frames.js';

/** The answer to one request. `bytes`: about what it takes when encoded. */
export type Content =
  | { readonly kind: 'small'; readonly reply: NonNullable<Reply['reply']>; readonly bytes: number }
  | { readonly kind: 'plain'; readonly plain: PlainAnswer; readonly bytes: number }
  | { readonly kind: 'large'; readonly field: number; readonly bytes: number; readonly encode: () => Promise<Buffer> };

/** A reply with nothing in it but numbers. */
const PLAIN_BYTES = 64;

export function small(reply: NonNullable<Reply['reply']>, bytes = PLAIN_BYTES): Content {
  return { kind: 'small', reply, bytes };
}

export function rangeContent(answer: RangeAnswer): Content {
  const bytes = PLAIN_BYTES + bytesOf(answer.kvs);
  if (!needsSlices(bytes)) {
    if (isPlainRange(answer)) return { kind: 'plain', plain: { kind: 'range', answer }, bytes };
    return small({ $case: 'range', value: rangeToWire(answer) }, bytes);
  }
  return { kind: 'large', field: answerField.range, bytes, encode: () => encodeLargeRange(answer) };
}

export function txnContent(answer: TxnAnswer): Content {
  const bytes = PLAIN_BYTES + bytesOfOps(answer.results);
  if (!needsSlices(bytes)) return small({ $case: 'txn', value: txnToWire(answer) }, bytes);
  return { kind: 'large', field: answerField.txn, bytes, encode: () => encodeLargeTxn(answer) };
}

function deleteRangeContent(answer: DeleteRangeAnswer): Content {
  const bytes = PLAIN_BYTES + bytesOf(answer.prevKvs);
  if (!needsSlices(bytes)) return small({ $case: 'deleteRange', value: deleteRangeToWire(answer) }, bytes);
  return { kind: 'large', field: answerField.deleteRange, bytes, encode: () => encodeLargeDeleteRange(answer) };
}

function leaseGrantContent({ header, id, ttl }: LeaseGrantAnswer): Content {
  return small({ $case: 'leaseGrant', value: { header: headerToWire(header), ID: id, TTL: ttl, error: '' } });
}

/** Throws RESPONSE_TOO_LARGE. */
export function writeContent(written: WriteAnswer): Content {
  switch (written.kind) {
    case 'put': {
      const { header, prevKv } = written.answer;
      if (prevKv === undefined) return { kind: 'plain', plain: { kind: 'put', header }, bytes: PLAIN_BYTES };
      return small({ $case: 'put', value: putToWire(written.answer) }, PLAIN_BYTES + bytesOf([prevKv]));
    }
    case 'deleteRange':
      return deleteRangeContent(written.answer);
    case 'txn':
      return txnContent(written.answer);
    case 'leaseGrant':
      return leaseGrantContent(written.answer);
    case 'compact':
      return small({ $case: 'compact', value: { header: headerToWire(written.header) } });
    case 'leaseRevoke':
      return small({ $case: 'leaseRevoke', value: { header: headerToWire(written.header) } });
    case 'grantAcquire':
      return small({ $case: 'grantAcquire', value: acquireToWire(written.answer) });
    case 'grantRelease': {
      const { header, released } = written;
      return small({ $case: 'grantRelease', value: { header: headerToWire(header), released } });
    }
    case 'grantProclaim':
      return small({ $case: 'grantProclaim', value: { header: headerToWire(written.header) } });
    case 'void':
      return small({ $case: 'void', value: {} });
  }
}
