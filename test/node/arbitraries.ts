/** Any command and any message that members can write: for tests that must not depend on what one thought of. */
import fc from 'fast-check';
import type { ConfState, Entry, Message, SnapshotMeta } from '../../server/raft/types.js';
import type { Command, Compare, RangeQuery, Stamp, TxnCommand, TxnOp } from '../../server/state/command.js';

const byteString = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const safe = fc.oneof(fc.nat(1000), fc.maxSafeNat());
const signed = fc.oneof(fc.integer({ min: -3, max: 100 }), fc.maxSafeInteger());
const lease = fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
export const memberId = fc.oneof(fc.bigInt({ min: 1n, max: 9n }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }));

const put = fc.record({
  kind: fc.constant('put' as const),
  key: byteString,
  value: byteString,
  lease,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});
const deleteRange = fc.record({
  kind: fc.constant('deleteRange' as const),
  key: byteString,
  rangeEnd: byteString,
  prevKv: fc.boolean(),
});
export const range: fc.Arbitrary<RangeQuery> = fc.record({
  kind: fc.constant('range' as const),
  key: byteString,
  rangeEnd: byteString,
  limit: signed,
  revision: signed,
  sortOrder: fc.constantFrom('none', 'ascend', 'descend'),
  sortTarget: fc.constantFrom('key', 'version', 'create', 'mod', 'value'),
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: signed,
  maxModRevision: signed,
  minCreateRevision: signed,
  maxCreateRevision: signed,
});
const compare: fc.Arbitrary<Compare> = fc
  .record({
    key: byteString,
    rangeEnd: byteString,
    result: fc.constantFrom('equal' as const, 'greater' as const, 'less' as const, 'notEqual' as const),
  })
  .chain((common) =>
    fc
      .oneof(
        fc.record({ target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const), operand: signed }),
        fc.record({ target: fc.constant('value' as const), operand: byteString }),
        fc.record({ target: fc.constant('lease' as const), operand: lease }),
      )
      .map((operand): Compare => ({ ...common, ...operand })),
  );

const { txn } = fc.letrec<{ txn: TxnCommand; op: TxnOp }>((tie) => ({
  op: fc.oneof({ depthSize: 'small', withCrossShrink: true }, range, put, deleteRange, tie('txn')),
  txn: fc.record({
    kind: fc.constant('txn' as const),
    compares: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
}));

export const command: fc.Arbitrary<Command> = fc.oneof(
  put,
  deleteRange,
  txn,
  fc.record({ kind: fc.constant('compact' as const), revision: signed }),
  fc.record({
    kind: fc.constant('publishMember' as const),
    id: memberId,
    name: fc.string({ unit: 'grapheme' }),
    clientUrls: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('leaseGrant' as const), id: lease, ttlMs: signed }),
  fc.record({ kind: fc.constant('leaseRevoke' as const), id: lease }),
  fc.record({
    kind: fc.constant('leaseExpire' as const),
    term: safe,
    leases: fc.array(fc.record({ id: lease, grantedIndex: safe }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('leaseCheckpoint' as const),
    term: safe,
    leases: fc.array(fc.record({ id: lease, grantedIndex: safe, remainingMs: signed }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('sessionOpen' as const),
    clientName: fc.string({ unit: 'grapheme' }),
    ttlMs: signed,
  }),
  fc.record({ kind: fc.constant('clusterTime' as const), term: safe, ms: safe }),
  fc.record({ kind: fc.constant('void' as const) }),
);

export const stamp: fc.Arbitrary<Stamp> = fc.record({ session: safe, sequence: safe, settled: safe });

export const proposalId = fc.record({ member: memberId, boot: safe, seq: safe });

const conf: fc.Arbitrary<ConfState> = fc.record({
  voters: fc.array(memberId, { maxLength: 5 }),
  learners: fc.array(memberId, { maxLength: 2 }),
});
const data = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes));
const entryId = { term: safe, index: safe };
export const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ ...entryId, kind: fc.constant('normal' as const), data }),
  fc.record({ ...entryId, kind: fc.constant('noop' as const), data: fc.constant(Buffer.alloc(0)) }),
  fc.record({ ...entryId, kind: fc.constant('conf' as const), data, conf }),
);
const meta: fc.Arbitrary<SnapshotMeta> = fc.record({ ...entryId, conf });
const envelope = { from: memberId, to: memberId, term: safe };
const type = <T extends Message['type']>(name: T): fc.Arbitrary<T> => fc.constant(name);

export const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    ...envelope,
    type: type('voteRequest'),
    pre: fc.boolean(),
    transfer: fc.boolean(),
    lastIndex: safe,
    lastTerm: safe,
  }),
  fc.record({ ...envelope, type: type('voteResponse'), pre: fc.boolean(), granted: fc.boolean() }),
  fc.record({
    ...envelope,
    type: type('appendRequest'),
    prevIndex: safe,
    prevTerm: safe,
    entries: fc.array(entry, { maxLength: 4 }),
    commit: safe,
  }),
  fc.record({
    ...envelope,
    type: type('appendResponse'),
    accepted: fc.boolean(),
    index: safe,
    hintIndex: safe,
    hintTerm: safe,
  }),
  fc.record({ ...envelope, type: type('heartbeat'), commit: safe, readToken: safe }),
  fc.record({ ...envelope, type: type('heartbeatResponse'), readToken: safe }),
  fc.record({ ...envelope, type: type('installSnapshot'), meta }),
  fc.record({ ...envelope, type: type('timeoutNow') }),
  fc.record({ ...envelope, type: type('readIndexRequest'), token: safe }),
  fc.record({ ...envelope, type: type('readIndexResponse'), token: safe, index: safe }),
);
