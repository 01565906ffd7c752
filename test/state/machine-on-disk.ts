/** A state machine together with a disk that takes its writes, so that old values can be fetched and it can restart. */
import type { Command, RangeQuery, Stamp } from '../../server/state/command.js';
import type { RangeCursor } from '../../server/state/mvcc/range-cursor.js';
import type { RevisionRecord } from '../../server/state/mvcc/revision.js';
import type { Applied, LeaseInfo, MemberInfo, RangeResult, StateWrite } from '../../server/state/result.js';
import type { SessionRecord } from '../../server/state/session/session-table.js';
import { StateMachine, type Opened } from '../../server/state/state-machine.js';
import { StateRebuild } from '../../server/state/state-rebuild.js';
import { replySubkey } from '../../server/storage/keys.js';
import * as sessionCodec from '../../server/storage/session-codec.js';

export class MachineOnDisk {
  #machine: StateMachine;
  readonly #records = new Map<string, RevisionRecord>();
  readonly #members = new Map<bigint, MemberInfo>();
  readonly #leases = new Map<bigint, LeaseInfo>();
  /** By key, as storage orders them: the clock, sessions, replies. */
  readonly #sessions = new Map<string, SessionRecord>();
  #compacted = -1;

  constructor(members: readonly MemberInfo[] = []) {
    this.#machine = StateMachine.create({ members });
    for (const member of members) this.#members.set(member.id, member);
  }

  get machine(): StateMachine {
    return this.#machine;
  }

  apply(command: Command, entryTerm = 0, stamp?: Stamp): Applied {
    const applied = this.#machine.apply(command, entryTerm, 0, stamp);
    this.save(applied.writes);
    return applied;
  }

  save(writes: readonly StateWrite[]): void {
    for (const write of writes) {
      this.#save(write);
    }
  }

  #save(write: StateWrite): void {
    switch (write.kind) {
      case 'putRevision':
        this.#records.set(keyOf(write.revision), write);
        break;
      case 'deleteRevision':
        this.#records.delete(keyOf(write.revision));
        break;
      case 'compacted':
        this.#compacted = write.revision;
        break;
      case 'member':
        this.#members.set(write.member.id, write.member);
        break;
      case 'putLease':
        this.#leases.set(write.lease.id, write.lease);
        break;
      case 'deleteLease':
        this.#leases.delete(write.id);
        break;
      case 'sessionClock':
        this.#sessions.set('1', write);
        break;
      case 'putSession':
        this.#sessions.set(sessionKey(write.session.id), write);
        break;
      case 'deleteSession':
        this.#sessions.delete(sessionKey(write.id));
        break;
      case 'putReply':
        this.#sessions.set(replyKey(write.reply.session, write.reply.sequence), write);
        break;
      case 'deleteReply':
        this.#sessions.delete(replyKey(write.session, write.sequence));
        break;
      case 'grantClock':
      case 'putGrant':
      case 'deleteGrant':
        throw new Error('grants are restored in a test of their own');
    }
  }

  /** Ascending. */
  records(): RevisionRecord[] {
    return [...this.#records.values()].sort(
      (a, b) => a.revision.main - b.revision.main || a.revision.sub - b.revision.sub,
    );
  }

  /** In the order of the disk, through the bytes that stand there. */
  sessionRecords(): SessionRecord[] {
    return [...this.#sessions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => throughBytes(record));
  }

  /** One slice; fetches what is missing. True once done. */
  step(cursor: RangeCursor, maxKeys: number): boolean {
    if (cursor.progress === 'missing') {
      cursor.supply(cursor.missing().map((revision) => this.#records.get(keyOf(revision))));
    } else {
      cursor.step(maxKeys);
    }
    return cursor.progress === 'done';
  }

  finish(cursor: RangeCursor, maxKeys = 1): RangeResult {
    while (cursor.progress !== 'done') this.step(cursor, maxKeys);
    return cursor.result();
  }

  range(query: RangeQuery, maxKeys?: number): RangeResult {
    return this.finish(opened(this.#machine.openRange(query, undefined, maxKeys)), maxKeys);
  }

  compactionStep(maxKeys: number): boolean {
    const slice = this.#machine.compactionStep(maxKeys);
    this.save(slice.writes);
    return slice.done;
  }

  removeAll(maxKeys = 3): void {
    while (!this.compactionStep(maxKeys));
  }

  hash(revision = 0): number {
    const cursor = opened(this.#machine.openHash(revision));
    for (const record of this.records()) {
      if (record.revision.main <= cursor.revision) cursor.add(record);
    }
    return cursor.result();
  }

  restart(sliceRecords = 5): void {
    const { revision } = this.#machine;
    const rebuild = new StateRebuild({
      revision,
      compactedRevision: this.#compacted,
      members: [...this.#members.values()],
    });
    const records = this.records();
    for (let at = 0; at < records.length; at += sliceRecords) rebuild.add(records.slice(at, at + sliceRecords));
    rebuild.addLeases([...this.#leases.values()]);
    rebuild.addSessions(this.sessionRecords());
    this.#machine = rebuild.finish();
  }
}

export function opened<Cursor>(answer: Opened<Cursor>): Cursor {
  if (!answer.ok) throw new Error(`refused: ${answer.code} ${answer.detail}`);
  return answer.cursor;
}

export function keyOf({ main, sub }: { readonly main: number; readonly sub: number }): string {
  return `${main}/${sub}`;
}

function sessionKey(id: number): string {
  return `2/${String(id).padStart(20, '0')}`;
}

function replyKey(session: number, sequence: number): string {
  return `3/${replySubkey(session, sequence).toString('hex')}`;
}

function throughBytes(record: SessionRecord): SessionRecord {
  switch (record.kind) {
    case 'sessionClock':
      return {
        kind: 'sessionClock',
        clock: sessionCodec.decodeSessionClock(Buffer.from(sessionCodec.encodeSessionClock(record.clock))),
      };
    case 'putSession':
      return {
        kind: 'putSession',
        session: sessionCodec.decodeSession(Buffer.from(sessionCodec.encodeSession(record.session))),
      };
    case 'putReply':
      return { kind: 'putReply', reply: sessionCodec.decodeReply(Buffer.from(sessionCodec.encodeReply(record.reply))) };
  }
}
