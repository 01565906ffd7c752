/** The records of grants, checked: each must stand where it says it belongs. */
import type { GrantRecord } from '../state/grant/grant-table.js';
import { decodeStored } from './codec.js';
import { decodeGrant, decodeGrantClock } from './grant-codec.js';
import { grantClockSubkey, grantSubkey, stateTable } from './keys.js';
import { openRecord } from './record.js';
import { StorageCorruptionError } from './storage-errors.js';

export function isGrantTable(table: number | undefined): boolean {
  return table === stateTable.grantClock || table === stateTable.grant;
}

export function decodeGrantRecord(subkey: Buffer, record: Buffer): GrantRecord {
  const what = `the grant record ${subkey.toString('hex')}`;
  const payload = openRecord(subkey, record, what);
  const decoded = decodeStored((bytes) => decodeAt(subkey, bytes), payload, what);
  const belongs = decoded.kind === 'grantClock' ? grantClockSubkey : grantSubkey(decoded.entry.place);
  if (subkey.equals(belongs)) return decoded;
  throw new StorageCorruptionError(`${what} is corrupt: it belongs elsewhere`);
}

function decodeAt(subkey: Buffer, payload: Buffer): GrantRecord {
  switch (subkey[0]) {
    case stateTable.grantClock:
      return { kind: 'grantClock', clock: decodeGrantClock(payload) };
    case stateTable.grant:
      return { kind: 'putGrant', entry: decodeGrant(payload) };
    default:
      throw new RangeError('it stands under an unknown key');
  }
}
