/** The engine operations that store or delete one record each: key, payload and frame together. */
import { WireWriter } from '../lib/wire-writer.js';
import type { Entry, HardState, LogIndex } from '../raft/types.js';
import type { PutRevision, SessionReply, StateWrite } from '../state/result.js';
import type { ActiveGeneration } from './codec.js';
import * as codec from './codec.js';
import type { EngineOp } from './engine.js';
import { entrySize, writeEntry } from './entry-codec.js';
import { encodeGrant, encodeGrantClock } from './grant-codec.js';
import * as keys from './keys.js';
import { isPlain, PLAIN_REPLY_BYTES_MAX, writePlainReply } from './plain-reply.js';
import { CRC_BYTES, frameRecord, sealRecord } from './record.js';
import { revisionSizeMax, writeRevision } from './revision-codec.js';
import { encodeReply, encodeSession, encodeSessionClock } from './session-codec.js';

/** Keys and records of one batch stand in memory together, and go together. */
const writer = new WireWriter();

export function hardStateOp(hardState: HardState): EngineOp {
  return metaPut(keys.metaKey.hardState, codec.encodeHardState(hardState));
}

export function activeOp(active: ActiveGeneration): EngineOp {
  return metaPut(keys.metaKey.active, codec.encodeActive(active));
}

export function metaPut(key: Buffer, payload: Uint8Array): EngineOp {
  return { type: 'put', key, value: frameRecord(key, payload) };
}

export function statePut(generation: number, subkey: Buffer, payload: Uint8Array): EngineOp {
  return { type: 'put', key: keys.stateKey(generation, subkey), value: frameRecord(subkey, payload) };
}

export function stateOp(generation: number, write: StateWrite): EngineOp {
  switch (write.kind) {
    case 'putRevision':
      return revisionOp(generation, write);
    case 'deleteRevision':
      return { type: 'del', key: keys.stateKey(generation, keys.revisionSubkey(write.revision)) };
    case 'compacted':
      return statePut(generation, keys.compactedSubkey, codec.encodeNumber(write.revision));
    case 'member':
      return statePut(generation, keys.memberSubkey(write.member.id), codec.encodeMember(write.member));
    case 'putLease':
      return statePut(generation, keys.leaseSubkey(write.lease.id), codec.encodeLease(write.lease));
    case 'deleteLease':
      return { type: 'del', key: keys.stateKey(generation, keys.leaseSubkey(write.id)) };
    case 'sessionClock':
      return statePut(generation, keys.sessionClockSubkey, encodeSessionClock(write.clock));
    case 'putSession':
      return statePut(generation, keys.sessionSubkey(write.session.id), encodeSession(write.session));
    case 'deleteSession':
      return { type: 'del', key: keys.stateKey(generation, keys.sessionSubkey(write.id)) };
    case 'putReply':
      return replyOp(generation, write.reply);
    case 'deleteReply':
      return { type: 'del', key: keys.stateKey(generation, keys.replySubkey(write.session, write.sequence)) };
    case 'grantClock':
      return statePut(generation, keys.grantClockSubkey, encodeGrantClock(write.clock));
    case 'putGrant':
      return statePut(generation, keys.grantSubkey(write.entry.place), encodeGrant(write.entry));
    case 'deleteGrant':
      return { type: 'del', key: keys.stateKey(generation, keys.grantSubkey(write.place)) };
  }
}

export function entryOp(generation: number, entry: Entry): EngineOp {
  writer.begin(keys.LOG_KEY_BYTES + CRC_BYTES + entrySize(entry));
  keys.writeLogKey(writer, generation, entry.index);
  const key = writer.take();
  writer.uint32BE(0);
  writeEntry(writer, entry);
  return { type: 'put', key, value: sealRecord(key, writer.take()) };
}

function revisionOp(generation: number, write: PutRevision): EngineOp {
  writer.begin(keys.REVISION_KEY_BYTES + CRC_BYTES + revisionSizeMax(write));
  keys.writeRevisionKey(writer, generation, write.revision);
  const key = writer.take();
  writer.uint32BE(0);
  writeRevision(writer, write);
  return { type: 'put', key, value: sealRecord(keys.stateSubkey(key), writer.take()) };
}

function replyOp(generation: number, reply: SessionReply): EngineOp {
  const { session, sequence } = reply;
  if (!isPlain(reply)) return statePut(generation, keys.replySubkey(session, sequence), encodeReply(reply));
  writer.begin(keys.REPLY_KEY_BYTES + CRC_BYTES + PLAIN_REPLY_BYTES_MAX);
  keys.writeReplyKey(writer, generation, session, sequence);
  const key = writer.take();
  writer.uint32BE(0);
  writePlainReply(writer, reply);
  return { type: 'put', key, value: sealRecord(keys.stateSubkey(key), writer.take()) };
}

export function deleteEntryOp(generation: number, index: LogIndex): EngineOp {
  return { type: 'del', key: keys.logKey(generation, index) };
}
