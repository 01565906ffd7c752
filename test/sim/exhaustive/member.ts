/**
 * One member: the real core, its disk, and what a driver does between them (the contract in ready.ts). Everything that
 * can be judged by looking at one member alone is judged here, after every call. What needs no synced write is done at
 * once: doing it later could only hold messages back, and the network holds them back as well.
 */
import { assert } from '../../../server/lib/assert.js';
import type { RaftConfig } from '../../../server/raft/config.js';
import type { Core } from '../../../server/raft/core.js';
import { checkState, checkStep } from '../../../server/raft/invariants.js';
import type { Raft, RaftStatus } from '../../../server/raft/raft.js';
import type { Ready } from '../../../server/raft/ready.js';
import type { Entry, HardState, Message, NodeId, Term } from '../../../server/raft/types.js';
import { ClusterChecks } from '../../raft/cluster-checks.js';
import type { DiskImage, FakeDisk } from '../../raft/fake-disk.js';
import type { LivingInput } from './input.js';
import { type CreateRaft, openRaft } from './open-raft.js';

/** Limits that are never reached: other tests reach them, and here they would only multiply the states. */
const SETTINGS: Omit<RaftConfig, 'id' | 'boot'> = {
  electionTicks: 2,
  heartbeatTicks: 1,
  appendBytesMax: 64 * 1024,
  inflightMessagesMax: 64,
  inflightBytesMax: 64 * 1024,
  uncommittedBytesMax: 64 * 1024,
  applyPageEntriesMax: 64,
  applyPageBytesMax: 64 * 1024,
  pendingReadsMax: 1,
};

/** What members are made of. A search for a planted fault exchanges a part. */
export interface Build {
  readonly createRaft: CreateRaft;
  readonly createDisk: (image: DiskImage) => FakeDisk;
  /** False is a fault: what promises something durable leaves before it is. */
  readonly waitsForDisk: boolean;
  /** False: a promise that is not durable is let pass, so that a search goes on to what comes of it. */
  readonly judgesPromises: boolean;
}

/** One batch under way to the disk, and the messages that leave when it is there. */
export interface PendingSave {
  readonly saveId: number;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly mustSync: boolean;
  readonly afterSave: Message[];
}

export class Member {
  readonly raft: Raft;
  readonly core: Core;
  readonly disk: FakeDisk;
  /** Oldest first. */
  readonly saving: PendingSave[] = [];
  /** The newest hard state that the core handed out, and the newest that it was told to be durable. */
  handedHardState: HardState;
  durableHardState: HardState;
  lastSaveId = 0;
  /** What the last input made this member send. */
  sent: Message[] = [];
  /** The terms in which it led at some moment of the last input. */
  readonly led = new Set<Term>();
  readonly #build: Build;
  readonly #checks: ClusterChecks;
  #status: RaftStatus;

  constructor(build: Build, id: NodeId, image: DiskImage) {
    this.#build = build;
    this.disk = build.createDisk(image);
    this.#checks = new ClusterChecks((member) => (member === id ? this.disk.durable : undefined));
    // Boots only number the tokens of reads, and nobody reads here.
    const { raft, core } = openRaft(build.createRaft, { ...SETTINGS, id, boot: 1 }, image);
    this.raft = raft;
    this.core = core;
    this.#status = checkState(raft);
    const { term, vote, commitIndex: commit } = this.#status;
    this.handedHardState = { term, vote, commit };
    this.durableHardState = this.handedHardState;
  }

  get status(): RaftStatus {
    return this.#status;
  }

  /** Does one thing to this member, and then whatever follows at once. Throws when an invariant breaks. */
  take(input: LivingInput): void {
    this.sent = [];
    this.led.clear();
    switch (input.kind) {
      case 'campaign':
        this.#call((raft) => (input.isForced ? raft.step(this.#timeoutNow()) : raft.campaign()));
        break;
      case 'propose':
        this.#call((raft) => raft.propose(input.data));
        break;
      case 'change':
        this.#call((raft) => raft.proposeConfChange(input.change, new Uint8Array(0)));
        break;
      case 'deliver':
        if (input.isLate) this.#letTimePass();
        this.#call((raft) => raft.step(input.message));
        break;
      case 'save':
        this.#completeSave();
        break;
    }
    this.#pump();
  }

  #timeoutNow(): Message {
    const { id, term } = this.raft;
    return { type: 'timeoutNow', from: id === 1n ? 2n : 1n, to: id, term };
  }

  /** As long as this member protects its leader without hearing of it. */
  #letTimePass(): void {
    assert(this.raft.role !== 'leader', 'a leader does not wait for itself');
    while (this.core.hasLiveLeader) this.#call((raft) => raft.tick());
  }

  #call(action: (raft: Raft) => unknown): void {
    action(this.raft);
    const now = checkState(this.raft);
    checkStep(this.#status, now);
    this.#status = now;
    if (now.role === 'leader') this.led.add(now.term);
  }

  #pump(): void {
    for (;;) {
      let ready: Ready | undefined;
      this.#call((raft) => {
        ready = raft.ready();
      });
      if (ready !== undefined) this.#handle(ready);
      else if (this.saving[0]?.mustSync === false) this.#completeSave();
      else return;
    }
  }

  #handle(ready: Ready): void {
    assert(ready.snapshot === undefined, 'no log is trimmed here, so nobody needs a snapshot');
    assert(ready.reads.length === 0 && ready.droppedReads.length === 0, 'nobody reads here');
    const { saveId, hardState, entries, mustSync } = ready;
    this.lastSaveId = saveId;
    for (const message of ready.messages) this.#send(message);
    if (!this.#build.waitsForDisk) for (const message of ready.afterSave) this.#send(message);
    const afterSave = this.#build.waitsForDisk ? [...ready.afterSave] : [];
    const last = this.saving.at(-1);
    if (hardState !== undefined || entries.length > 0) {
      if (hardState !== undefined) this.handedHardState = hardState;
      this.saving.push({ saveId, hardState, entries, mustSync, afterSave });
    } else if (last !== undefined) {
      last.afterSave.push(...afterSave);
    } else {
      for (const message of afterSave) this.#send(message);
    }
    this.#apply(ready.committed);
  }

  #completeSave(): void {
    const save = this.saving.shift();
    assert(save !== undefined, 'nothing is being saved');
    const before = this.disk.written.hardState;
    this.disk.save({ ...save, snapshot: undefined });
    if (save.hardState !== undefined) {
      assertFollows(before, save.hardState);
      this.durableHardState = save.hardState;
    }
    this.#call((raft) => raft.saved(save.saveId));
    for (const message of save.afterSave) this.#send(message);
  }

  #apply(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const first = this.raft.appliedIndex + 1;
    for (const [place, { index, term }] of entries.entries()) {
      assert(index === first + place, 'applied out of order', { index, first });
      assert(this.disk.written.entries[index - 1]?.term === term, 'an entry is applied before it is saved', { index });
    }
    this.disk.markApplied(last.index);
    this.#call((raft) => raft.applied(last.index));
  }

  #send(message: Message): void {
    if (this.#build.judgesPromises) this.#checks.sent(message);
    this.sent.push(message);
  }
}

/** What a member promised on its disk stays promised, in all its lives. */
function assertFollows(before: HardState, after: HardState): void {
  assert(after.term >= before.term, 'the term on a disk falls', { before: before.term, after: after.term });
  const isKept = after.term > before.term || before.vote === 0n || after.vote === before.vote;
  assert(isKept, 'two votes in one term on a disk', { term: after.term, before: before.vote, after: after.vote });
}
