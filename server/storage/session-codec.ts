/** Sessions as records: our plain types to bytes and back, with every reply as it was told. As in codec.ts. */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import * as wire from '@quorate/proto/quorate/internal/storage.js';
import { bytesFrom, byteStringFrom } from '../lib/bytes.js';
import { safeInteger } from '../lib/integers.js';
import type { ErrorCode } from '../lib/quorate-error.js';
import { ReusedWriter } from '../lib/reused-writer.js';
import type {
  CommandResult,
  KeyValue,
  Outcome,
  SessionClock,
  SessionInfo,
  SessionReply,
  TxnOpResult,
} from '../state/result.js';
import { queryFromWire, queryToWire } from './query-codec.js';

const writer = new ReusedWriter(() => new BinaryWriter());

export function encodeSessionClock({ timeMs, lastId }: SessionClock): Uint8Array {
  return wire.StoredSessionClock.encode({ timeMs: BigInt(timeMs), lastId: BigInt(lastId) }).finish();
}

export function decodeSessionClock(payload: Buffer): SessionClock {
  const { timeMs, lastId } = wire.StoredSessionClock.decode(payload);
  return { timeMs: safeInteger(timeMs), lastId: safeInteger(lastId) };
}

export function encodeSession({ id, clientName, ttlMs, settled, applied, contactMs }: SessionInfo): Uint8Array {
  const numbers = { id: BigInt(id), ttlMs: BigInt(ttlMs), settled: BigInt(settled), applied: BigInt(applied) };
  const message: wire.StoredSession = { ...numbers, clientName, contactMs: BigInt(contactMs) };
  return writer.encode((to) => wire.StoredSession.encode(message, to));
}

export function decodeSession(payload: Buffer): SessionInfo {
  const { id, clientName, ttlMs, settled, applied, contactMs } = wire.StoredSession.decode(payload);
  return {
    id: safeInteger(id),
    clientName,
    ttlMs: safeInteger(ttlMs),
    settled: safeInteger(settled),
    applied: safeInteger(applied),
    contactMs: safeInteger(contactMs),
  };
}

export function encodeReply(reply: SessionReply): Uint8Array {
  const message: wire.StoredReply = {
    session: BigInt(reply.session),
    sequence: BigInt(reply.sequence),
    settled: BigInt(reply.settled),
    contactMs: BigInt(reply.contactMs),
    revision: BigInt(reply.revision),
    outcome: outcomeToWire(reply.outcome),
    before: BigInt(reply.before ?? 0),
  };
  return writer.encode((to) => wire.StoredReply.encode(message, to));
}

export function decodeReply(payload: Buffer): SessionReply {
  const { session, sequence, settled, contactMs, revision, outcome, before } = wire.StoredReply.decode(payload);
  return {
    session: safeInteger(session),
    sequence: safeInteger(sequence),
    settled: safeInteger(settled),
    contactMs: safeInteger(contactMs),
    revision: safeInteger(revision),
    outcome: outcomeFromWire(outcome),
    ...(before > 0n && { before: safeInteger(before) }),
  };
}

type WireOutcome = NonNullable<wire.StoredReply['outcome']>;

function outcomeToWire(outcome: Outcome): WireOutcome {
  return outcome.ok
    ? resultToWire(outcome.result)
    : { $case: 'refusal', value: { code: outcome.code, detail: outcome.detail } };
}

function outcomeFromWire(outcome: wire.StoredReply['outcome']): Outcome {
  if (outcome === undefined) throw new RangeError('a reply without an outcome');
  if (outcome.$case !== 'refusal') return { ok: true, result: resultFromWire(outcome) };
  // A release that knows a code knows it for ever.
  return { ok: false, code: outcome.value.code as ErrorCode, detail: outcome.value.detail };
}

function resultToWire(result: CommandResult): WireOutcome {
  switch (result.kind) {
    case 'put':
    case 'deleteRange':
      return { $case: 'operation', value: opToWire({ ...result, revision: 0 }) };
    case 'txn':
      return { $case: 'operation', value: opToWire(result) };
    case 'compact':
      return { $case: 'compact', value: {} };
    case 'leaseGrant':
      return { $case: 'leaseGrant', value: { id: result.id, ttlMs: BigInt(result.ttlMs) } };
    case 'leaseRevoke':
      return { $case: 'leaseRevoke', value: {} };
    case 'void':
      return { $case: 'void', value: {} };
    case 'grantAcquire': {
      const { place, token, slots, change } = result;
      const value = { place: BigInt(place), token: BigInt(token), slots: [...slots], change: BigInt(change) };
      return { $case: 'grantAcquire', value };
    }
    case 'grantRelease':
      return { $case: 'grantRelease', value: { released: result.released } };
    case 'grantProclaim':
      return { $case: 'grantProclaim', value: {} };
    default:
      throw new RangeError(`a ${result.kind} is no write of a session`);
  }
}

function resultFromWire(outcome: Exclude<WireOutcome, { $case: 'refusal' }>): CommandResult {
  switch (outcome.$case) {
    case 'operation': {
      const op = opFromWire(outcome.value);
      if (op.kind === 'range') throw new RangeError('a read is no write of a session');
      if (op.kind === 'put') return { kind: op.kind, prevKv: op.prevKv };
      return op.kind === 'txn' ? op : { kind: op.kind, deleted: op.deleted, prevKvs: op.prevKvs };
    }
    case 'leaseGrant':
      return { kind: 'leaseGrant', id: outcome.value.id, ttlMs: safeInteger(outcome.value.ttlMs) };
    case 'grantAcquire': {
      const { place, token, slots, change } = outcome.value;
      const numbers = { place: safeInteger(place), token: safeInteger(token), change: safeInteger(change) };
      return { kind: 'grantAcquire', ...numbers, slots };
    }
    case 'grantRelease':
      return { kind: 'grantRelease', released: outcome.value.released };
    case 'compact':
    case 'leaseRevoke':
    case 'grantProclaim':
    case 'void':
      return { kind: outcome.$case };
  }
}

function opToWire(op: TxnOpResult): wire.StoredOpResult {
  switch (op.kind) {
    case 'put': {
      const value = { prevKv: op.prevKv && keyValueToWire(op.prevKv) };
      return { revision: BigInt(op.revision), result: { $case: 'put', value } };
    }
    case 'deleteRange': {
      const value = { deleted: BigInt(op.deleted), prevKvs: op.prevKvs.map(keyValueToWire) };
      return { revision: BigInt(op.revision), result: { $case: 'deleteRange', value } };
    }
    case 'range': {
      const value = { query: queryToWire(op.query), atMain: BigInt(op.at.main), atSub: BigInt(op.at.sub) };
      return { revision: BigInt(op.revision), result: { $case: 'range', value } };
    }
    case 'txn': {
      const value = { succeeded: op.succeeded, results: op.results.map(opToWire) };
      return { revision: 0n, result: { $case: 'txn', value } };
    }
  }
}

function opFromWire({ revision: stored, result }: wire.StoredOpResult): TxnOpResult {
  const revision = safeInteger(stored);
  switch (result?.$case) {
    case 'put': {
      const { prevKv } = result.value;
      return { kind: 'put', revision, prevKv: prevKv && keyValueFromWire(prevKv) };
    }
    case 'deleteRange': {
      const { deleted, prevKvs } = result.value;
      return { kind: 'deleteRange', revision, deleted: safeInteger(deleted), prevKvs: prevKvs.map(keyValueFromWire) };
    }
    case 'range': {
      const { query, atMain, atSub } = result.value;
      if (query === undefined) throw new RangeError('a read of nothing');
      const at = { main: safeInteger(atMain), sub: safeInteger(atSub) };
      return { kind: 'range', revision, query: queryFromWire(query), at };
    }
    case 'txn':
      return { kind: 'txn', succeeded: result.value.succeeded, results: result.value.results.map(opFromWire) };
    case undefined:
      throw new RangeError('an operation without a result');
  }
}

function keyValueToWire(kv: KeyValue): wire.StoredKeyValue {
  return {
    key: bytesFrom(kv.key),
    value: bytesFrom(kv.value),
    createRevision: BigInt(kv.createRevision),
    modRevision: BigInt(kv.modRevision),
    version: BigInt(kv.version),
    lease: kv.lease,
    tombstone: false,
    deleteCause: wire.DeleteCause.UNSPECIFIED,
  };
}

function keyValueFromWire(stored: wire.StoredKeyValue): KeyValue {
  return {
    key: byteStringFrom(stored.key),
    value: byteStringFrom(stored.value),
    createRevision: safeInteger(stored.createRevision),
    modRevision: safeInteger(stored.modRevision),
    version: safeInteger(stored.version),
    lease: stored.lease,
  };
}
