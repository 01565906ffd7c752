/** The engine operations that store or delete one record each: key, payload and frame together. */
import type { Entry, HardState, LogIndex } from '../raft/types.js';
import type { StateWrite } from '../state/result.js';
import type { ActiveGeneration } from './codec.js';
import * as codec from './codec.js';
import type { EngineOp } from './engine.js';
import * as keys from './keys.js';
import { frameRecord } from './record.js';

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
      return statePut(generation, keys.revisionSubkey(write.revision), codec.encodeRevision(write));
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
  }
}

export function entryOp(generation: number, entry: Entry): EngineOp {
  const key = keys.logKey(generation, entry.index);
  return { type: 'put', key, value: frameRecord(key, codec.encodeEntry(entry)) };
}

export function deleteEntryOp(generation: number, index: LogIndex): EngineOp {
  return { type: 'del', key: keys.logKey(generation, index) };
}
