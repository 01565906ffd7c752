/** What members answer to ranges, puts, deletions and compactions. Fields are numbered as in proto/etcd/kv.proto. */
import type { Revision } from '../core/ids.js';
import type { AnswerReader } from './answer-reader.js';
import type { KeyValue } from './key-value.js';

const HEADER = 10;

export interface RangeResult {
  readonly entries: readonly KeyValue[];
  /** The limit cut keys off. */
  readonly more: boolean;
  /** Keys in the whole range, whatever the limit. */
  readonly count: number;
  /** As of when. */
  readonly revision: Revision;
}

export interface PutResult {
  readonly revision: Revision;
  /** The key before, when that was asked for; null when it did not exist. */
  readonly prev?: KeyValue | null;
}

export interface DeleteResult {
  readonly revision: Revision;
  /** How many keys were deleted. */
  readonly deleted: number;
  /** The deleted keys as they were, when that was asked for. */
  readonly prev?: readonly KeyValue[];
}

export interface CompactResult {
  readonly revision: Revision;
}

export function readRange(reader: AnswerReader): RangeResult {
  const entries: KeyValue[] = [];
  let more = false;
  let count = 0;
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    switch (tag) {
      case HEADER:
        reader.header();
        break;
      case 18:
        entries.push(reader.keyValue());
        break;
      case 24:
        more = reader.boolean();
        break;
      case 32:
        count = reader.number();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { entries, more, count, revision: reader.revision };
}

/** Of a range of one key. */
export function readOne(reader: AnswerReader): KeyValue | null {
  let found: KeyValue | null = null;
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === HEADER) reader.header();
    else if (tag === 18) found = reader.keyValue();
    else reader.skip(tag);
  }
  return found;
}

export function readPut(reader: AnswerReader): PutResult {
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === HEADER) reader.header();
    else reader.skip(tag);
  }
  return { revision: reader.revision };
}

export function readPutWithPrev(reader: AnswerReader): PutResult {
  let prev: KeyValue | null = null;
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === HEADER) reader.header();
    else if (tag === 18) prev = reader.keyValue();
    else reader.skip(tag);
  }
  return { revision: reader.revision, prev };
}

/** `prev`: what was deleted was asked for. */
export function readDelete(reader: AnswerReader, hasPrev: boolean): DeleteResult {
  const prev: KeyValue[] = [];
  let deleted = 0;
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === HEADER) reader.header();
    else if (tag === 16) deleted = reader.number();
    else if (tag === 26) prev.push(reader.keyValue());
    else reader.skip(tag);
  }
  return hasPrev ? { revision: reader.revision, deleted, prev } : { revision: reader.revision, deleted };
}

export function readCompaction(reader: AnswerReader): CompactResult {
  return { revision: readPut(reader).revision };
}
