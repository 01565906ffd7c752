/** Short words for the tests of the member store: entries, states, and everything a store holds as one plain value. */
import type { Entry, HardState, SnapshotMeta } from '../../server/raft/types.js';
import type { KeyValue, LeaseInfo, MemberInfo, PutRevision, StateWrite } from '../../server/state/result.js';
import type { SessionRecord } from '../../server/state/session/session-table.js';
import type { Engine } from '../../server/storage/engine.js';
import { MemoryIdentityFile, type IdentityFile } from '../../server/storage/identity.js';
import type { AppliedPoint, LoadedMember, MemberStore, StateRecords } from '../../server/storage/member-store.js';
import type { StoredRevision } from '../../server/storage/member-store.js';
import { openMemberStore } from '../../server/storage/open-member-store.js';

export const SYNC = { sync: true };
export const NO_SYNC = { sync: false };
export const CLUSTER = 0xc1057e5n;
export const MEMBER = 0xfedc_ba98_7654_3210n;
export const CONF = { voters: [1n, MEMBER], learners: [7n] };
export const MEMBERS: readonly MemberInfo[] = [
  { id: 1n, name: '', peerUrls: ['http://127.0.0.1:1'], clientUrls: [] },
  { id: MEMBER, name: 'me', peerUrls: ['http://127.0.0.1:2'], clientUrls: ['http://127.0.0.1:3'] },
];

export interface OpenOptions {
  readonly identityFile?: IdentityFile;
  readonly clusterId?: bigint;
  readonly memberId?: bigint;
}

export function openStore(engine: Engine, options: OpenOptions = {}): Promise<MemberStore> {
  const { identityFile = new MemoryIdentityFile(), clusterId = CLUSTER, memberId = MEMBER } = options;
  const bootstrap = { conf: CONF, members: MEMBERS };
  return openMemberStore({ engine, identityFile, identity: { clusterId, memberId }, bootstrap });
}

export function entry(index: number, term: number, data = `${term}.${index}`): Entry {
  return { kind: 'normal', index, term, data: Buffer.from(data) };
}

export function entries(first: number, last: number, term: number): readonly Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term));
}

export function hard(term: number, commit = 0, vote = 0n): HardState {
  return { term, vote, commit };
}

export function applied(index: number, term: number, revision = index + 1): AppliedPoint {
  return { index, term, conf: CONF, revision };
}

export function meta(index: number, term: number): SnapshotMeta {
  return { index, term, conf: CONF };
}

export function kv(key: string, value: string, main: number): KeyValue {
  return { key, value, createRevision: main, modRevision: main, version: 1, lease: 0n };
}

export function putRevision(main: number, sub = 0, key = `k${main}`, value = `v${main}.${sub}`): StateWrite {
  return { kind: 'putRevision', revision: { main, sub }, tombstone: false, kv: kv(key, value, main) };
}

export function tombstone(main: number, sub = 0, key = `k${main}`): PutRevision {
  const bare = { key, value: '', createRevision: 0, modRevision: main, version: 0, lease: 0n };
  return { kind: 'putRevision', revision: { main, sub }, tombstone: true, kv: bare };
}

export function session(id: number): SessionRecord {
  const info = { id, clientName: `client ${id}`, ttlMs: 300_000, settled: 0, applied: 0, contactMs: 5 };
  return { kind: 'putSession', session: info };
}

/** To a put. */
export function sessionReply(id: number, sequence: number): SessionRecord {
  const outcome = { ok: true, result: { kind: 'put', prevKv: undefined } } as const;
  return { kind: 'putReply', reply: { session: id, sequence, settled: 0, contactMs: 5, revision: 9, outcome } };
}

/** One write for each index: entry i makes revision i + 1, as from an empty store. */
export function stateUpTo(from: number, to: number, term: number): { writes: StateWrite[]; applied: AppliedPoint } {
  const writes = Array.from({ length: to - from }, (_, i) => putRevision(from + i + 2));
  return { writes, applied: applied(to, term) };
}

export interface StateDump {
  readonly applied: AppliedPoint;
  readonly compactedRevision: number;
  readonly members: readonly MemberInfo[];
  readonly revisions: readonly StoredRevision[];
  readonly leases: readonly LeaseInfo[];
  readonly sessions: readonly SessionRecord[];
}

export async function dumpState(records: StateRecords, step = 3): Promise<StateDump> {
  const revisions: StoredRevision[] = [];
  const leases: LeaseInfo[] = [];
  const sessions: SessionRecord[] = [];
  try {
    for (;;) {
      const more = await records.nextRevisions(step);
      if (more.length === 0) break;
      revisions.push(...more);
    }
    for (;;) {
      const more = await records.nextLeases(step);
      if (more.length === 0) break;
      leases.push(...more);
    }
    for (;;) {
      const more = await records.nextSessions(step);
      if (more.length === 0) break;
      sessions.push(...more);
    }
  } finally {
    await records.close();
  }
  const { applied: point, compactedRevision, members } = records;
  return { applied: point, compactedRevision, members, revisions, leases, sessions };
}

/** Everything a start finds, the boot count aside. */
export interface MemberDump {
  readonly hardState: HardState;
  readonly logStart: SnapshotMeta;
  readonly entries: readonly Entry[];
  readonly state: StateDump;
}

export async function dumpMember(loaded: LoadedMember, store: MemberStore): Promise<MemberDump> {
  const { hardState, logStart, entries: log } = loaded;
  return { hardState, logStart, entries: log, state: await dumpState(await store.openState()) };
}

export async function allChunks(store: MemberStore): Promise<readonly Buffer[]> {
  const reader = await store.openSnapshot();
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = await reader.nextChunk();
    if (chunk === undefined) break;
    chunks.push(chunk);
  }
  await reader.close();
  return chunks;
}

export async function failureOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error: unknown) {
    if (error instanceof Error) return error;
  }
  throw new Error('it was expected to fail with an Error');
}
