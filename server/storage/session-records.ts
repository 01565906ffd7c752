/** The records of sessions, checked: each must stand where it says it belongs. */
import type { SessionRecord } from '../state/session/session-table.js';
import { decodeStored } from './codec.js';
import { replySubkey, sessionClockSubkey, sessionSubkey, stateTable } from './keys.js';
import { openRecord } from './record.js';
import { decodeReply, decodeSession, decodeSessionClock } from './session-codec.js';
import { StorageCorruptionError } from './storage-errors.js';

export function isSessionTable(table: number | undefined): boolean {
  return table === stateTable.sessionClock || table === stateTable.session || table === stateTable.reply;
}

export function decodeSessionRecord(subkey: Buffer, record: Buffer): SessionRecord {
  const what = `the session record ${subkey.toString('hex')}`;
  const payload = openRecord(subkey, record, what);
  const decoded = decodeStored((bytes) => decodeAt(subkey, bytes), payload, what);
  if (subkey.equals(subkeyOf(decoded))) return decoded;
  throw new StorageCorruptionError(`${what} is corrupt: it belongs elsewhere`);
}

function decodeAt(subkey: Buffer, payload: Buffer): SessionRecord {
  switch (subkey[0]) {
    case stateTable.sessionClock:
      return { kind: 'sessionClock', clock: decodeSessionClock(payload) };
    case stateTable.session:
      return { kind: 'putSession', session: decodeSession(payload) };
    case stateTable.reply:
      return { kind: 'putReply', reply: decodeReply(payload) };
    default:
      throw new RangeError('it stands under an unknown key');
  }
}

function subkeyOf(record: SessionRecord): Buffer {
  if (record.kind === 'sessionClock') return sessionClockSubkey;
  if (record.kind === 'putSession') return sessionSubkey(record.session.id);
  return replySubkey(record.reply.session, record.reply.sequence);
}
