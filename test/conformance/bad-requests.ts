/**
 * The table of requests that must be refused, with the code and text of the refusal. Where etcd 3.4 answers otherwise,
 * the row says how and why; where the request ends etcd, it is not sent there.
 */
import { bytesField, nested, repeated, tag, varint, varintField } from './wire.js';

export type Outcome =
  | { readonly kind: 'refused'; readonly code: number; readonly text: string | RegExp }
  | { readonly kind: 'served' };

export interface BadRequest {
  readonly title: string;
  readonly method: string;
  readonly bytes: () => Buffer;
  readonly outcome: Outcome;
  /** Absent: the same outcome. */
  readonly onEtcd?: { readonly outcome: Outcome | 'its process ends'; readonly why: string };
}

const kv = (method: string): string => `/etcdserverpb.KV/${method}`;
const refused = (code: number, text: string | RegExp): Outcome => ({ kind: 'refused', code, text });
const served: Outcome = { kind: 'served' };
const malformed = refused(13, /^grpc: error unmarshalling request: /);
const keyMissing = refused(3, 'etcdserver: key is not provided');
const tooManyOps = refused(3, 'etcdserver: too many operations in txn request');
const tooLarge = refused(3, 'etcdserver: request is too large');
const tooDeep = refused(3, 'quorate: transaction is nested too deeply: deeper than 16 levels');
const tooDeepToDecode = refused(13, 'grpc: error unmarshalling request: protobuf decode recursion limit exceeded');
const invalidSort = refused(3, 'etcdserver: invalid sort option');

const key = bytesField(1, Buffer.from('k'));
const value = bytesField(2, Buffer.from('v'));
const put = Buffer.concat([key, value]);
const requestBytesMax = 1_572_864;
const messageBytesMax = requestBytesMax + 524_288;

const methods = ['Range', 'Put', 'DeleteRange', 'Txn', 'Compact'];

/** Each breaks the first field of a message, or one that no message has, so it breaks every message. */
const malformedMessages: readonly (readonly [string, Buffer])[] = [
  ['a field without its value', Buffer.from([0x0a])],
  ['a length beyond the end', Buffer.from([0x0a, 0x7f, 0x61])],
  ['a length of 2^63', Buffer.concat([Buffer.from([0x0a]), varint(2n ** 63n)])],
  ['a varint without end', Buffer.from([0x18, ...Array.from({ length: 12 }, () => 0xff)])],
  ['a cut varint', Buffer.from([0x18, 0xff])],
  ['wire type 6', Buffer.concat([tag(1, 6), Buffer.from('k')])],
  ['wire type 7', Buffer.concat([tag(1, 7), Buffer.from('k')])],
  ['field number 0', Buffer.from([0x02, 0x01, 0x61])],
  ['a group that only ends', tag(5, 4)],
  ['a group that only starts', tag(99, 3)],
];

const malformedRows: readonly BadRequest[] = methods.flatMap((method) =>
  malformedMessages.map(([title, bytes]) => ({
    title: `${method}: ${title}`,
    method: kv(method),
    bytes: () => bytes,
    outcome: malformed,
  })),
);

const truncatedRows: readonly BadRequest[] = [1, 2, 4, 5].map((length) => ({
  title: `Put: cut after ${length} of ${put.length} bytes`,
  method: kv('Put'),
  bytes: () => put.subarray(0, length),
  outcome: refused(13, 'grpc: error unmarshalling request: unexpected EOF'),
}));

const keyRows: readonly BadRequest[] = ['Range', 'Put', 'DeleteRange'].flatMap((method) => [
  { title: `${method}: an empty message`, method: kv(method), bytes: () => Buffer.alloc(0), outcome: keyMissing },
  {
    title: `${method}: a million empty keys`,
    method: kv(method),
    bytes: () => repeated(1_000_000, Buffer.from([0x0a, 0x00])),
    outcome: keyMissing,
  },
]);

const messageTooLarge = (bytes: number): Outcome =>
  refused(8, `Received message larger than max (${bytes} vs ${messageBytesMax})`);
const messageTooLargeForEtcd = (bytes: number): Outcome =>
  refused(8, `grpc: received message larger than max (${bytes} vs. ${messageBytesMax})`);

/** A message of exactly `bytes`, with one long field 1. */
function ofLength(bytes: number): Buffer {
  const head = 1 + varint(bytes - 5).length;
  return bytesField(1, Buffer.alloc(bytes - head, 'k'));
}

const oversizedRows: readonly BadRequest[] = [
  ...methods.flatMap((method) =>
    [messageBytesMax + 1, 10 * 1024 * 1024].map((bytes) => ({
      title: `${method}: a message of ${bytes} bytes`,
      method: kv(method),
      bytes: () => ofLength(bytes),
      outcome: messageTooLarge(bytes),
      onEtcd: { outcome: messageTooLargeForEtcd(bytes), why: 'the text of another gRPC library' },
    })),
  ),
  {
    title: 'Put: a key that fills the message',
    method: kv('Put'),
    bytes: () => ofLength(messageBytesMax),
    outcome: tooLarge,
  },
  {
    title: 'Put: a value of as many bytes as a request may have',
    method: kv('Put'),
    bytes: () => Buffer.concat([key, bytesField(2, Buffer.alloc(requestBytesMax))]),
    outcome: tooLarge,
  },
  {
    title: 'DeleteRange: a key of as many bytes as a request may have',
    method: kv('DeleteRange'),
    bytes: () => bytesField(1, Buffer.alloc(requestBytesMax, 'k')),
    outcome: tooLarge,
  },
  {
    title: 'Txn: two puts that are too large together',
    method: kv('Txn'),
    bytes: () => {
      const half = Buffer.alloc(requestBytesMax / 2);
      const putOf = (name: string): Buffer =>
        bytesField(2, bytesField(2, Buffer.concat([bytesField(1, Buffer.from(name)), bytesField(2, half)])));
      return Buffer.concat([putOf('a'), putOf('b')]);
    },
    outcome: tooLarge,
  },
];

const emptyOp = Buffer.from([0x12, 0x00]);
const txnWithCompare = (result: number, target: number): Buffer =>
  Buffer.concat([
    bytesField(1, Buffer.concat([varintField(1, result), varintField(2, target), bytesField(3, Buffer.from('k'))])),
  ]);
const rangeInTxn = (range: Buffer): Buffer => bytesField(2, bytesField(1, range));

const txnRows: readonly BadRequest[] = [
  {
    title: 'Txn: a million empty operations',
    method: kv('Txn'),
    bytes: () => repeated(1_000_000, emptyOp),
    outcome: tooManyOps,
  },
  {
    title: 'Txn: a million empty compares',
    method: kv('Txn'),
    bytes: () => repeated(1_000_000, Buffer.from([0x0a, 0x00])),
    outcome: tooManyOps,
  },
  {
    title: 'Txn: one operation more than allowed',
    method: kv('Txn'),
    bytes: () => repeated(129, rangeInTxn(key)),
    outcome: tooManyOps,
  },
  {
    title: 'Txn: an operation of an unknown kind',
    method: kv('Txn'),
    bytes: () => bytesField(2, bytesField(9, key)),
    outcome: refused(3, 'etcdserver: key not found'),
  },
  ...[10_000, 200_000].map((levels) => ({
    title: `Txn: nested ${levels} levels deep`,
    method: kv('Txn'),
    bytes: () => nested(levels, [2, 4], Buffer.alloc(0)),
    outcome: tooDeepToDecode,
    onEtcd: { outcome: tooManyOps, why: 'etcd bounds the depth only through the count of operations' },
  })),
  {
    title: 'Txn: nested one level deeper than allowed',
    method: kv('Txn'),
    bytes: () => nested(16, [2, 4], rangeInTxn(key)),
    outcome: tooDeep,
    onEtcd: { outcome: served, why: 'etcd takes up to 128 levels' },
  },
  {
    title: 'Txn: nested as deep as the decoder goes',
    method: kv('Txn'),
    bytes: () => nested(45, [2, 4], rangeInTxn(key)),
    outcome: tooDeep,
    onEtcd: { outcome: served, why: 'etcd takes up to 128 levels' },
  },
  {
    title: 'Txn: nested as deep as allowed',
    method: kv('Txn'),
    bytes: () => nested(15, [2, 4], rangeInTxn(key)),
    outcome: served,
  },
  ...[99, -1].map((result) => ({
    title: `Txn: compare result ${result}`,
    method: kv('Txn'),
    bytes: () => txnWithCompare(result, 0),
    outcome: refused(3, `quorate: invalid compare: result ${result}`),
    onEtcd: { outcome: served, why: 'etcd takes it for true' },
  })),
  ...[99, -1].map((target) => ({
    title: `Txn: compare target ${target}`,
    method: kv('Txn'),
    bytes: () => txnWithCompare(0, target),
    outcome: refused(3, `quorate: invalid compare: target ${target}`),
    onEtcd: { outcome: served, why: 'etcd takes it for equal' },
  })),
];

const sortRows: readonly BadRequest[] = [99, -1].flatMap((number) => [
  {
    title: `Range: sort target ${number}`,
    method: kv('Range'),
    bytes: () => Buffer.concat([key, varintField(5, 1), varintField(6, number)]),
    outcome: invalidSort,
    onEtcd: { outcome: 'its process ends', why: 'nil sorter' } as const,
  },
  {
    title: `Txn: sort target ${number} in a range`,
    method: kv('Txn'),
    bytes: () => rangeInTxn(Buffer.concat([key, varintField(5, 1), varintField(6, number)])),
    outcome: invalidSort,
    onEtcd: { outcome: 'its process ends', why: 'nil sorter' } as const,
  },
  {
    title: `Range: sort order ${number}`,
    method: kv('Range'),
    bytes: () => Buffer.concat([key, varintField(5, number)]),
    outcome: invalidSort,
    onEtcd: { outcome: served, why: 'etcd 3.4 ignores it, 3.6 refuses it' },
  },
]);

/** The texts are those of the gRPC library on either side; clients read the code. */
const unknownRows: readonly BadRequest[] = [
  ['an unknown method', kv('Nope'), refused(12, 'unknown method Nope for service etcdserverpb.KV')] as const,
  ['an unknown service', '/nope.Service/Put', refused(12, 'unknown service nope.Service')] as const,
  ['a method without a service', '/Put', refused(8, 'malformed method name: "/Put"')] as const,
].map(([title, method, onEtcd]) => ({
  title,
  method,
  bytes: () => put,
  outcome: refused(12, `The server does not implement the method ${method}`),
  onEtcd: { outcome: onEtcd, why: 'the text of another gRPC library' },
}));

/** Not refused: a newer client may send fields that this release does not know. */
const toleratedRows: readonly BadRequest[] = [
  {
    title: 'Range: unknown fields of every wire type',
    method: kv('Range'),
    bytes: () =>
      Buffer.concat([
        ...[key, varintField(900, 1), bytesField(901, put), tag(902, 5), Buffer.alloc(4), tag(903, 1), Buffer.alloc(8)],
        ...[tag(904, 3), varintField(1, 1), tag(904, 4)],
      ]),
    outcome: served,
  },
  {
    title: 'Range: groups nested 100,000 levels deep in an unknown field',
    method: kv('Range'),
    bytes: () => Buffer.concat([key, repeated(100_000, tag(904, 3)), repeated(100_000, tag(904, 4))]),
    outcome: refused(13, 'grpc: error unmarshalling request: maximum recursion depth reached'),
    onEtcd: { outcome: served, why: 'etcd bounds no nesting' },
  },
];

export const badRequests: readonly BadRequest[] = [
  ...malformedRows,
  ...truncatedRows,
  ...keyRows,
  ...oversizedRows,
  ...txnRows,
  ...sortRows,
  ...unknownRows,
  ...toleratedRows,
];
