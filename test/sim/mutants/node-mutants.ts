/** Bugs in the driver: the order of sync, send, apply and answer. */
import type { Mutant } from './mutant.js';

export const NODE_MUTANTS: readonly Mutant[] = [
  {
    name: 'read answered before apply',
    hazard: 'A confirmed read does not wait until this member has applied as far as it must.',
    replacements: [
      {
        file: 'node/reads.ts',
        find: 'this.#confirmed.push({ index: state.index, waiters: round.waiters });',
        replace: 'this.#confirmed.push({ index: Math.min(state.index, 0), waiters: round.waiters });',
      },
    ],
  },
  {
    name: 'reads answered from the old state while a snapshot is loaded',
    hazard: 'The log is at the snapshot already, the state in memory is not.',
    replacements: [
      {
        file: 'node/raft-node.ts',
        find: 'if (!this.#isReloading) this.#reads.release(this.#raft.appliedIndex, this.machine.revision);',
        replace: 'this.#reads.release(this.#raft.appliedIndex, this.machine.revision);',
      },
    ],
  },
  {
    name: 'applied index skipped on a refused command',
    hazard: 'What the disk says is applied stays behind when a command is refused.',
    replacements: [
      {
        file: 'node/applier.ts',
        find:
          "if (entry.kind === 'normal') for (const data of commandsIn(entry.data)) this.#applyCommand(entry, data);\n" +
          '      else this',
        replace:
          "if (entry.kind === 'normal') {\n        let isDone = true;\n" +
          '        for (const data of commandsIn(entry.data)) isDone = this.#applyCommand(entry, data);\n' +
          '        if (!isDone) continue;\n      } else this',
      },
      {
        file: 'node/applier.ts',
        find: 'this.#parts.proposals.entryApplied(entry.term, this.#ownSeq(id), applied);',
        replace:
          'this.#parts.proposals.entryApplied(entry.term, this.#ownSeq(id), applied);\n    return applied.outcome.ok;',
      },
      {
        file: 'node/applier.ts',
        find: '#applyCommand(entry: Entry, data: Uint8Array): void {',
        replace: '#applyCommand(entry: Entry, data: Uint8Array): boolean {',
      },
      {
        file: 'node/applier.ts',
        find: 'raft.applied(this.#point.index);',
        replace: 'raft.applied(entries.at(-1)?.index ?? this.#point.index);',
      },
    ],
  },
  {
    name: 'step-down answers by index alone',
    hazard:
      'A proposal is answered by whatever is applied at its index, though another leader put something else there. The end of its term does not drop it any more.',
    replacements: [
      {
        file: 'node/applier.ts',
        find: 'this.#parts.proposals.entryApplied(entry.term, this.#ownSeq(id), applied);',
        replace:
          'const { proposals } = this.#parts;\n' +
          '    proposals.entryApplied(entry.term, proposals.placedAt(entry.index) ?? this.#ownSeq(id), applied);',
      },
      {
        file: 'node/proposals.ts',
        find: '  expire(now: number): void {',
        replace:
          '  placedAt(index: LogIndex): number | undefined {\n' +
          "    const isThere = ({ place }: Proposal): boolean => place.kind === 'placed' && place.index === index;\n" +
          '    return [...this.#bySeq.values()].find(isThere)?.seq;\n' +
          '  }\n\n' +
          '  expire(now: number): void {',
      },
      {
        file: 'node/proposals.ts',
        find: "this.#fail(proposal, new QuorateError('PROPOSAL_DROPPED', 'another leader took its place in the log'));",
        replace: 'continue;',
      },
    ],
  },
  {
    name: 'forward placed twice',
    hazard: 'A forward that the network doubles, or that is sent again, is appended again.',
    replacements: [
      {
        file: 'node/forwards.ts',
        find: 'if (sender === undefined || this.#isSeen(sender, key.attempt)) return false;',
        replace: 'if (sender === undefined) return false;',
      },
    ],
  },
  {
    name: 'forward sent again under a new number',
    hazard: 'The leader cannot tell that it took the silent one already, and appends it again.',
    replacements: [
      {
        file: 'node/proposals.ts',
        find: 'this.#sent(proposal, term, attempt, now);\n      silent.push({ attempt, data });',
        replace: 'silent.push({ attempt: this.forwarded(proposal, term, now), data });',
      },
    ],
  },
  {
    name: 'forward refused that may stand in the log',
    hazard: 'A deposed leader says that it never took what it took, and its sender proposes it again.',
    replacements: [
      {
        file: 'node/forwards.ts',
        find: 'if (key.term <= this.#bornTerm || key.term < this.#term) return false;',
        replace: 'if (key.term <= this.#bornTerm || key.term <= this.#term) return true;',
      },
    ],
  },
  {
    name: 'timeout told as a definite failure',
    hazard: 'A write that stands in a log when its time is up counts as not done, and is applied later.',
    replacements: [
      {
        file: 'node/proposals.ts',
        find: "return proposal.place.kind === 'waiting'\n    ? new QuorateError('DEADLINE_EXCEEDED'",
        replace: "return proposal.place.kind !== 'forwarded'\n    ? new QuorateError('DEADLINE_EXCEEDED'",
      },
    ],
  },
  {
    name: 'snapshot over an open proposal told as a definite failure',
    hazard: 'The snapshot that replaced the log may well hold the write.',
    replacements: [
      {
        file: 'node/proposals.ts',
        find: "new QuorateError('OUTCOME_UNKNOWN', 'a snapshot replaced the log it stood in')",
        replace: "new QuorateError('PROPOSAL_DROPPED', 'a snapshot replaced the log it stood in')",
      },
    ],
  },
  {
    name: 'applied point keeps its first configuration',
    hazard: 'Snapshots and restarts bring back members that were removed, and forget those that were added.',
    replacements: [
      {
        file: 'node/applier.ts',
        find: "conf: entry.kind === 'conf' ? entry.conf : this.#point.conf,",
        replace: 'conf: this.#point.conf,',
      },
    ],
  },
  {
    name: 'failed write taken for a good one',
    hazard: 'The member goes on and promises what its disk has refused.',
    replacements: [
      {
        file: 'node/save-lane.ts',
        find: 'this.#hasFailed = true;\n        this.#inFlight = undefined;\n        this.#events.failed(error);',
        replace: 'void error;\n        this.#finished(pending);',
      },
    ],
  },
  {
    name: 'snapshot of a deposed leader accepted',
    hazard: 'The term in which a snapshot was sent is not looked at.',
    replacements: [
      {
        file: 'node/raft-node.ts',
        find: 'const { from, term } = incoming;',
        replace: 'const { from } = incoming;\n    const { term } = this.#raft;',
      },
    ],
  },
  {
    name: 'promise sent without waiting for the sync under way',
    hazard: 'An answer that needs no sync of its own overtakes the one that it speaks of.',
    replacements: [
      {
        file: 'node/raft-node.ts',
        find: 'const mustWait = ready.mustSync || this.#lane.isSyncing;',
        replace: 'const mustWait = ready.mustSync;',
      },
    ],
  },
  {
    name: 'log trimmed before the state is durable',
    hazard:
      'The log goes, synced, before the state that stands for it is written. No tail is kept, which would hide it, and the assertions of lane and store are gone, too.',
    replacements: [
      {
        file: 'node/log-trim.ts',
        find: 'const wanted = Math.min(durableIndex - options.snapshotCatchUpEntries, neededIndex);',
        replace: 'const wanted = Math.min(durableIndex, neededIndex);',
      },
      {
        file: 'node/housekeeping.ts',
        find: 'const durableIndex = lane.durablePoint.index;',
        replace: 'const durableIndex = raft.appliedIndex;',
      },
      {
        file: 'node/save-lane.ts',
        find: "    assert(trimTo.index <= this.#durable.index, 'trim beyond the durable state', { index: trimTo.index });\n",
        replace: '',
      },
      {
        file: 'node/save-lane.ts',
        find: '      ...(pending.trimTo === undefined ? {} : { trimTo: pending.trimTo }),\n    };\n',
        replace:
          '    };\n    if (pending.trimTo !== undefined) await this.#store.save({ trimTo: pending.trimTo }, { sync: true });\n',
      },
      {
        file: 'storage/engine-member-store.ts',
        find: 'assert(trimTo.index <= this.#durableAppliedIndex,',
        replace: 'assert(trimTo.index <= this.#lastIndex,',
      },
    ],
  },
];
