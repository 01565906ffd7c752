/**
 * Opens a member's store: checks whose data directory it is before and after the engine is open, runs the first boot,
 * and counts the boots. A directory that does not fit is refused and left as it is.
 *
 * First boot, and what a crash leaves:   identity `creating`   nothing was promised: the next start begins anew
 *                                        first state in engine  the next start finds it whole and goes on
 *                                        identity `ready`       from here on the engine must never be found empty
 */
import type { ConfState, HardState } from '../raft/types.js';
import type { MemberInfo } from '../state/result.js';
import * as codec from './codec.js';
import { EngineMemberStore, type OpenedMember } from './engine-member-store.js';
import type { Engine, EngineOp } from './engine.js';
import { hexId, readIdentity, STORE_FORMAT_VERSION, writeIdentity } from './identity.js';
import type { IdentityFile, MemberIdentity, StoredIdentity } from './identity.js';
import { appliedSubkey, everyKey, metaKey } from './keys.js';
import type { MemberStore } from './member-store.js';
import { openRecord } from './record.js';
import { activeOp, hardStateOp, metaPut, stateOp, statePut } from './record-ops.js';
import { DataDirectoryError, StorageCorruptionError } from './storage-errors.js';

export interface OpenMemberStoreOptions {
  /** Not opened yet. It is closed again when this rejects. */
  readonly engine: Engine;
  readonly identityFile: IdentityFile;
  /** Who this start says it is; a directory of another member or cluster is refused. */
  readonly identity: MemberIdentity;
  /** What the first boot begins with; later boots ignore it. */
  readonly bootstrap: MemberBootstrap;
}

export interface MemberBootstrap {
  /** Empty for a member that waits for its cluster to add it. */
  readonly conf: ConfState;
  readonly members: readonly MemberInfo[];
}

const FIRST_GENERATION = 1;
/** etcd's stores begin at revision 1, with nothing in them. */
const FIRST_REVISION = 1;

/** Rejects with DataDirectoryError, StorageCorruptionError or EngineError. */
export async function openMemberStore(options: OpenMemberStoreOptions): Promise<MemberStore> {
  const { engine, identityFile, identity } = options;
  const stored = await readIdentity(identityFile);
  if (stored !== undefined) checkIdentity(stored, identity, engine);
  await engine.open();
  try {
    if (await isFirstBoot(engine, stored)) await firstBoot(options);
    const opened = await nextBoot(engine, identity);
    if (stored?.phase !== 'ready') {
      await writeIdentity(identityFile, { ...identity, engine: engine.name, phase: 'ready' });
    }
    return new EngineMemberStore(engine, opened);
  } catch (error: unknown) {
    await engine.close();
    throw error;
  }
}

function checkIdentity(stored: StoredIdentity, expected: MemberIdentity, engine: Engine): void {
  if (stored.engine !== engine.name) {
    const message = `the data directory was made by ${stored.engine}, this start uses ${engine.name}: start with \
--storage-engine ${stored.engine}, or with an empty data directory as a new member`;
    throw new DataDirectoryError('WRONG_ENGINE', message);
  }
  // Nothing was promised from a directory whose first boot never ended.
  if (stored.phase === 'ready') checkIds(stored, expected);
}

function checkIds(stored: MemberIdentity, expected: MemberIdentity): void {
  if (stored.clusterId !== expected.clusterId) {
    const message = `the data directory belongs to cluster ${hexId(stored.clusterId)}, this start is for cluster \
${hexId(expected.clusterId)}: check --data-dir and the initial cluster of this member`;
    throw new DataDirectoryError('WRONG_CLUSTER', message);
  }
  if (stored.memberId !== expected.memberId) {
    const message = `the data directory belongs to member ${hexId(stored.memberId)}, this start is for member \
${hexId(expected.memberId)}: check --data-dir and the name of this member`;
    throw new DataDirectoryError('WRONG_MEMBER', message);
  }
}

async function isFirstBoot(engine: Engine, stored: StoredIdentity | undefined): Promise<boolean> {
  const isEmpty = await isEngineEmpty(engine);
  if (isEmpty && stored?.phase === 'ready') {
    const message = `the data directory is of member ${hexId(stored.memberId)}, but its ${engine.name} database is \
empty: its files were lost. This member must not vote again with what it has forgotten: restore the directory from a \
backup, or remove the member from its cluster and add it as a new one with an empty data directory`;
    throw new DataDirectoryError('ENGINE_EMPTIED', message);
  }
  if (!isEmpty && stored === undefined) {
    const message = `the ${engine.name} database holds data, but the identity file beside it is missing: restore \
identity.json from a backup, or start with an empty data directory as a new member`;
    throw new DataDirectoryError('IDENTITY_MISSING', message);
  }
  return isEmpty;
}

async function isEngineEmpty(engine: Engine): Promise<boolean> {
  const iterator = engine.iterate(everyKey);
  try {
    return (await iterator.next(1)).length === 0;
  } finally {
    await iterator.close();
  }
}

async function firstBoot({ engine, identityFile, identity, bootstrap }: OpenMemberStoreOptions): Promise<void> {
  await writeIdentity(identityFile, { ...identity, engine: engine.name, phase: 'creating' });
  const { conf, members } = bootstrap;
  const start = { index: 0, term: 0, conf };
  const ops: EngineOp[] = [
    metaPut(metaKey.identity, codec.encodeIdentity(identity)),
    metaPut(metaKey.boot, codec.encodeNumber(0)),
    hardStateOp({ term: 0, vote: 0n, commit: 0 }),
    activeOp({ generation: FIRST_GENERATION, logStart: start }),
    statePut(FIRST_GENERATION, appliedSubkey, codec.encodeApplied({ ...start, revision: FIRST_REVISION })),
    ...members.map((member) => stateOp(FIRST_GENERATION, { kind: 'member', member })),
  ];
  await engine.write(ops, { sync: true });
}

async function nextBoot(engine: Engine, identity: MemberIdentity): Promise<OpenedMember> {
  const [identityRecord, bootRecord, hardStateRecord, activeRecord] = await engine.getMany([
    metaKey.identity,
    metaKey.boot,
    metaKey.hardState,
    metaKey.active,
  ]);
  const stored = openMeta(codec.decodeIdentity, metaKey.identity, identityRecord, 'the identity record');
  if (stored.formatVersion !== STORE_FORMAT_VERSION) {
    const message = `the ${engine.name} database has format version ${stored.formatVersion}, this release reads \
${STORE_FORMAT_VERSION} only`;
    throw new DataDirectoryError('FORMAT_UNKNOWN', message);
  }
  checkIds(stored, identity);
  const boot = openMeta(codec.decodeNumber, metaKey.boot, bootRecord, 'the boot count') + 1;
  const hardState: HardState = openMeta(codec.decodeHardState, metaKey.hardState, hardStateRecord, 'the hard state');
  const active = openMeta(codec.decodeActive, metaKey.active, activeRecord, 'the record of the active generation');
  await engine.write([metaPut(metaKey.boot, codec.encodeNumber(boot))], { sync: true });
  return { ...identity, boot, hardState, active };
}

function openMeta<T>(decode: (payload: Buffer) => T, key: Buffer, record: Buffer | undefined, what: string): T {
  if (record === undefined) throw new StorageCorruptionError(`${what} is missing from the data directory`);
  return codec.decodeStored(decode, openRecord(key, record, what), what);
}
