/** Ranges, puts, deletions and compactions: to bytes. Fields are numbered as in proto/etcd/kv.proto. */
import { type LeaseId, leaseIdNumber, type Revision } from '../core/ids.js';
import type { ByteWriter } from './byte-writer.js';
import type { Bytes } from './bytes.js';
import { type KeyRange, type Namespace, writeRange } from './key-range.js';

/** What ranges can be sorted by. */
export type SortTarget = 'key' | 'version' | 'createRevision' | 'modRevision' | 'value';

export interface Sort {
  readonly by: SortTarget;
  /** Default: ascending. */
  readonly order?: 'ascending' | 'descending';
}

export interface RangeFields {
  readonly limit?: number | undefined;
  readonly revision?: Revision | undefined;
  readonly sort?: Sort | undefined;
  readonly isSerializable?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
}

const sortTargets: Readonly<Record<SortTarget, number>> = {
  key: 0,
  version: 1,
  createRevision: 2,
  modRevision: 3,
  value: 4,
};

export function writeRangeRequest(
  writer: ByteWriter,
  namespace: Namespace,
  range: KeyRange,
  { limit = 0, revision = 0 as Revision, sort, isSerializable = false, ...wanted }: RangeFields,
): void {
  writeRange(writer, namespace, range);
  writer.number(3, limit);
  writer.number(4, revision);
  if (sort !== undefined) {
    writer.number(5, sort.order === 'descending' ? 2 : 1);
    writer.number(6, sortTargets[sort.by]);
  }
  writer.boolean(7, isSerializable);
  writer.boolean(8, wanted.keysOnly ?? false);
  writer.boolean(9, wanted.countOnly ?? false);
}

export interface PutFields {
  readonly lease?: LeaseId | undefined;
  readonly prevKv?: boolean | undefined;
  readonly keepLease?: boolean | undefined;
}

export function writePutRequest(
  writer: ByteWriter,
  namespace: Namespace,
  key: Bytes,
  value: Bytes,
  { lease, prevKv = false, keepLease = false }: PutFields,
): void {
  writer.bytes(1, namespace, key);
  writer.bytes(2, undefined, value);
  if (lease !== undefined) writer.bigint(3, leaseIdNumber(lease));
  writer.boolean(4, prevKv);
  writer.boolean(6, keepLease);
}

export function writeDeleteRequest(writer: ByteWriter, namespace: Namespace, range: KeyRange, prevKv: boolean): void {
  writeRange(writer, namespace, range);
  writer.boolean(3, prevKv);
}

export function writeCompactionRequest(writer: ByteWriter, revision: Revision, isPhysical: boolean): void {
  writer.number(1, revision);
  writer.boolean(2, isPhysical);
}
