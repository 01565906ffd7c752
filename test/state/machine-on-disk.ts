/** A state machine together with a disk that takes its writes, so that old values can be fetched and it can restart. */
import type { Command, RangeQuery } from '../../server/state/command.js';
import type { RangeCursor } from '../../server/state/mvcc/range-cursor.js';
import type { RevisionRecord } from '../../server/state/mvcc/revision.js';
import type { Applied, LeaseInfo, MemberInfo, RangeResult, StateWrite } from '../../server/state/result.js';
import { StateMachine, type Opened } from '../../server/state/state-machine.js';
import { StateRebuild } from '../../server/state/state-rebuild.js';

export class MachineOnDisk {
  #machine: StateMachine;
  readonly #records = new Map<string, RevisionRecord>();
  readonly #members = new Map<bigint, MemberInfo>();
  readonly #leases = new Map<bigint, LeaseInfo>();
  #compacted = -1;

  constructor(members: readonly MemberInfo[] = []) {
    this.#machine = StateMachine.create({ members });
    for (const member of members) this.#members.set(member.id, member);
  }

  get machine(): StateMachine {
    return this.#machine;
  }

  apply(command: Command, entryTerm = 0): Applied {
    const applied = this.#machine.apply(command, entryTerm);
    this.save(applied.writes);
    return applied;
  }

  save(writes: readonly StateWrite[]): void {
    for (const write of writes) {
      if (write.kind === 'putRevision') this.#records.set(keyOf(write.revision), write);
      else if (write.kind === 'deleteRevision') this.#records.delete(keyOf(write.revision));
      else if (write.kind === 'compacted') this.#compacted = write.revision;
      else if (write.kind === 'member') this.#members.set(write.member.id, write.member);
      else if (write.kind === 'putLease') this.#leases.set(write.lease.id, write.lease);
      else this.#leases.delete(write.id);
    }
  }

  /** Ascending. */
  records(): RevisionRecord[] {
    return [...this.#records.values()].sort(
      (a, b) => a.revision.main - b.revision.main || a.revision.sub - b.revision.sub,
    );
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
