/**
 * Commands as bytes in the log and back. The version says how to read the bytes; a version or a kind that this release
 * does not know becomes an `unknown` command, which the state machine refuses identically everywhere. Bytes that are
 * no LogCommand at all cannot come from a member: they stop the node.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import * as wire from '@quorate/proto/quorate/internal/command.js';
import { InvariantError, assertNever } from '../lib/assert.js';
import { byteStringFrom, bytesFrom } from '../lib/bytes.js';
import { safeInteger } from '../lib/integers.js';
import { ReusedWriter } from '../lib/reused-writer.js';
import type { LoggedCommand, ProposalId } from './logged-command.js';
import { encodePut, readPut } from './put-codec.js';
import type { Command, Compare, CompareResult, LeaseGranted, Stamp, TxnOp } from '../state/command.js';
import { wishFromWire, wishToWire } from '../storage/grant-codec.js';
import { queryFromWire, queryToWire, wordAt } from '../storage/query-codec.js';

export type { ProposalId };

const COMMAND_VERSION = 1;

const writer = new ReusedWriter(() => new BinaryWriter());

export function encodeCommand(id: ProposalId, command: Command, stamp?: Stamp): Buffer {
  if (command.kind === 'put' && command.lease === 0n) return encodePut(id, command, stamp);
  const message: wire.LogCommand = {
    version: COMMAND_VERSION,
    id: { member: id.member, boot: BigInt(id.boot), seq: BigInt(id.seq) },
    command: toWire(command),
    stamp: stamp && stampToWire(stamp),
  };
  return writer.encode((to) => wire.LogCommand.encode(message, to));
}

/** Throws InvariantError, and nothing else, for bytes that no member can have written. */
export function decodeCommand(bytes: Uint8Array): LoggedCommand {
  try {
    return readPut(bytes) ?? loggedFromWire(wire.LogCommand.decode(bytes));
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    throw new InvariantError('a log entry that is no command', { bytes: bytes.length, error: String(error) });
  }
}

function loggedFromWire({ version, id, command, stamp }: wire.LogCommand): LoggedCommand {
  if (id === undefined) throw new InvariantError('a log entry without a proposal id', { version });
  return {
    id: { member: id.member, boot: safeInteger(id.boot), seq: safeInteger(id.seq) },
    command: version === COMMAND_VERSION && command !== undefined ? fromWire(command) : { kind: 'unknown', version },
    ...(version === COMMAND_VERSION && stamp !== undefined && { stamp: stampFromWire(stamp) }),
  };
}

function stampToWire({ session, sequence, settled }: Stamp): wire.Stamp {
  return { session: BigInt(session), sequence: BigInt(sequence), settled: BigInt(settled) };
}

function stampFromWire({ session, sequence, settled }: wire.Stamp): Stamp {
  return { session: safeInteger(session), sequence: safeInteger(sequence), settled: safeInteger(settled) };
}

type WireCommand = NonNullable<wire.LogCommand['command']>;

function toWire(command: Command): WireCommand {
  switch (command.kind) {
    case 'put':
      return { $case: 'put', value: putToWire(command) };
    case 'deleteRange':
      return { $case: 'deleteRange', value: deleteToWire(command) };
    case 'txn':
      return { $case: 'txn', value: txnToWire(command) };
    case 'compact':
      return { $case: 'compact', value: { revision: BigInt(command.revision) } };
    case 'publishMember': {
      const { id, name, clientUrls } = command;
      return { $case: 'publishMember', value: { id, name, clientUrls: [...clientUrls] } };
    }
    case 'leaseGrant':
      return { $case: 'leaseGrant', value: { id: command.id, ttlMs: BigInt(command.ttlMs) } };
    case 'leaseRevoke':
      return { $case: 'leaseRevoke', value: { id: command.id } };
    case 'leaseExpire':
      return { $case: 'leaseExpire', value: { term: BigInt(command.term), leases: command.leases.map(grantedToWire) } };
    case 'leaseCheckpoint': {
      const leases = command.leases.map((lease) => ({
        ...grantedToWire(lease),
        remainingMs: BigInt(lease.remainingMs),
      }));
      return { $case: 'leaseCheckpoint', value: { term: BigInt(command.term), leases } };
    }
    case 'sessionOpen':
      return {
        $case: 'sessionOpen',
        value: { clientName: command.clientName, ttlMs: BigInt(command.ttlMs) },
      };
    case 'clusterTime':
      return { $case: 'clusterTime', value: { term: BigInt(command.term), ms: BigInt(command.ms) } };
    case 'void':
      return { $case: 'void', value: {} };
    case 'grantAcquire':
      return { $case: 'grantAcquire', value: { wish: wishToWire(command), mayWait: command.mayWait } };
    case 'grantRelease':
      return { $case: 'grantRelease', value: { attempt: command.attempt, to: command.to } };
    case 'grantForce':
      return { $case: 'grantForce', value: { name: bytesFrom(command.name), token: BigInt(command.token) } };
    case 'grantProclaim': {
      const { attempt, token, value } = command;
      return { $case: 'grantProclaim', value: { attempt, token: BigInt(token), value: bytesFrom(value) } };
    }
    case 'unknown':
      throw new InvariantError('an unknown command is never proposed', { version: command.version });
    default:
      return assertNever(command);
  }
}

function fromWire(command: WireCommand): Command {
  switch (command.$case) {
    case 'put':
      return putFromWire(command.value);
    case 'deleteRange':
      return deleteFromWire(command.value);
    case 'txn':
      return txnFromWire(command.value);
    case 'compact':
      return { kind: 'compact', revision: safeInteger(command.value.revision) };
    case 'publishMember':
      return { kind: 'publishMember', ...command.value };
    case 'leaseGrant':
      return { kind: 'leaseGrant', id: command.value.id, ttlMs: safeInteger(command.value.ttlMs) };
    case 'leaseRevoke':
      return { kind: 'leaseRevoke', id: command.value.id };
    case 'leaseExpire':
      return {
        kind: 'leaseExpire',
        term: safeInteger(command.value.term),
        leases: command.value.leases.map(grantedFromWire),
      };
    case 'leaseCheckpoint': {
      const leases = command.value.leases.map((lease) => ({
        ...grantedFromWire(lease),
        remainingMs: safeInteger(lease.remainingMs),
      }));
      return { kind: 'leaseCheckpoint', term: safeInteger(command.value.term), leases };
    }
    case 'sessionOpen': {
      const { clientName, ttlMs } = command.value;
      return { kind: 'sessionOpen', clientName, ttlMs: safeInteger(ttlMs) };
    }
    case 'clusterTime':
      return { kind: 'clusterTime', term: safeInteger(command.value.term), ms: safeInteger(command.value.ms) };
    case 'void':
      return { kind: 'void' };
    case 'grantAcquire':
      return { kind: 'grantAcquire', ...wishFromWire(command.value.wish), mayWait: command.value.mayWait };
    case 'grantRelease':
      return { kind: 'grantRelease', ...command.value };
    case 'grantForce': {
      const { name, token } = command.value;
      return { kind: 'grantForce', name: byteStringFrom(name), token: safeInteger(token) };
    }
    case 'grantProclaim': {
      const { attempt, token, value } = command.value;
      return { kind: 'grantProclaim', attempt, token: safeInteger(token), value: byteStringFrom(value) };
    }
    default:
      return assertNever(command);
  }
}

type Put = Extract<Command, { kind: 'put' }>;
type DeleteRange = Extract<Command, { kind: 'deleteRange' }>;
type Txn = Extract<Command, { kind: 'txn' }>;

function grantedToWire({ id, grantedIndex }: LeaseGranted): wire.LeaseGranted {
  return { id, grantedIndex: BigInt(grantedIndex) };
}

function grantedFromWire({ id, grantedIndex }: wire.LeaseGranted): LeaseGranted {
  return { id, grantedIndex: safeInteger(grantedIndex) };
}

function putToWire(put: Put): wire.PutCommand {
  const { lease, prevKv, ignoreValue, ignoreLease } = put;
  return { key: bytesFrom(put.key), value: bytesFrom(put.value), lease, prevKv, ignoreValue, ignoreLease };
}

function putFromWire(put: wire.PutCommand): Put {
  const { lease, prevKv, ignoreValue, ignoreLease } = put;
  const key = byteStringFrom(put.key);
  return { kind: 'put', key, value: byteStringFrom(put.value), lease, prevKv, ignoreValue, ignoreLease };
}

function deleteToWire({ key, rangeEnd, prevKv }: DeleteRange): wire.DeleteRangeCommand {
  return { key: bytesFrom(key), rangeEnd: bytesFrom(rangeEnd), prevKv };
}

function deleteFromWire({ key, rangeEnd, prevKv }: wire.DeleteRangeCommand): DeleteRange {
  return { kind: 'deleteRange', key: byteStringFrom(key), rangeEnd: byteStringFrom(rangeEnd), prevKv };
}

function txnToWire(txn: Txn): wire.TxnCommand {
  return {
    compares: txn.compares.map(compareToWire),
    success: txn.success.map(opToWire),
    failure: txn.failure.map(opToWire),
  };
}

function txnFromWire(txn: wire.TxnCommand): Txn {
  return {
    kind: 'txn',
    compares: txn.compares.map(compareFromWire),
    success: txn.success.map(opFromWire),
    failure: txn.failure.map(opFromWire),
  };
}

function opToWire(op: TxnOp): wire.TxnOp {
  switch (op.kind) {
    case 'range':
      return { op: { $case: 'range', value: queryToWire(op) } };
    case 'put':
      return { op: { $case: 'put', value: putToWire(op) } };
    case 'deleteRange':
      return { op: { $case: 'deleteRange', value: deleteToWire(op) } };
    case 'txn':
      return { op: { $case: 'txn', value: txnToWire(op) } };
    case 'fence':
      return { op: { $case: 'fence', value: { key: bytesFrom(op.key), token: BigInt(op.token) } } };
    default:
      return assertNever(op);
  }
}

function opFromWire({ op }: wire.TxnOp): TxnOp {
  switch (op?.$case) {
    case 'range':
      return queryFromWire(op.value);
    case 'put':
      return putFromWire(op.value);
    case 'deleteRange':
      return deleteFromWire(op.value);
    case 'txn':
      return txnFromWire(op.value);
    case 'fence':
      return { kind: 'fence', key: byteStringFrom(op.value.key), token: safeInteger(op.value.token) };
    case undefined:
      throw new InvariantError('a txn op without a kind in the log');
    default:
      return assertNever(op);
  }
}

/** Where each word stands is its number on the wire. */
const COMPARE_RESULTS: readonly CompareResult[] = ['equal', 'greater', 'less', 'notEqual'];

function compareToWire(compare: Compare): wire.Compare {
  return {
    key: bytesFrom(compare.key),
    rangeEnd: bytesFrom(compare.rangeEnd),
    result: COMPARE_RESULTS.indexOf(compare.result) as wire.CompareResult,
    operand: operandToWire(compare),
  };
}

function operandToWire(compare: Compare): wire.Compare['operand'] {
  switch (compare.target) {
    case 'version':
      return { $case: 'version', value: BigInt(compare.operand) };
    case 'create':
      return { $case: 'createRevision', value: BigInt(compare.operand) };
    case 'mod':
      return { $case: 'modRevision', value: BigInt(compare.operand) };
    case 'value':
      return { $case: 'value', value: bytesFrom(compare.operand) };
    case 'lease':
      return { $case: 'lease', value: compare.operand };
    case 'grant':
      return { $case: 'grantToken', value: BigInt(compare.operand) };
    default:
      return assertNever(compare);
  }
}

function compareFromWire({ key, rangeEnd, result, operand }: wire.Compare): Compare {
  const common = {
    key: byteStringFrom(key),
    rangeEnd: byteStringFrom(rangeEnd),
    result: wordAt(COMPARE_RESULTS, result),
  };
  switch (operand?.$case) {
    case 'version':
      return { ...common, target: 'version', operand: safeInteger(operand.value) };
    case 'createRevision':
      return { ...common, target: 'create', operand: safeInteger(operand.value) };
    case 'modRevision':
      return { ...common, target: 'mod', operand: safeInteger(operand.value) };
    case 'value':
      return { ...common, target: 'value', operand: byteStringFrom(operand.value) };
    case 'lease':
      return { ...common, target: 'lease', operand: operand.value };
    case 'grantToken':
      return { ...common, target: 'grant', operand: safeInteger(operand.value) };
    case undefined:
      throw new InvariantError('a compare without an operand in the log');
    default:
      return assertNever(operand);
  }
}
