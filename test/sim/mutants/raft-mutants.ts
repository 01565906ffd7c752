/** Bugs in the consensus core. */
import type { Mutant } from './mutant.js';

const electionMutants: readonly Mutant[] = [
  {
    name: 'vote answered before it is durable',
    hazard: 'A voter that loses power forgets whom it promised its vote, and votes for another one in the same term.',
    replacements: [
      {
        file: 'raft/follower.ts',
        find: 'core.sendAfterSave(response);',
        replace: 'core.send(response);',
      },
    ],
  },
  {
    name: 'vote in a known term is not synced',
    hazard: 'The hard state is written without a sync when the vote alone changes.',
    replacements: [
      {
        file: 'raft/raft.ts',
        find: 'hardState !== undefined && (hardState.term !== last.term || hardState.vote !== last.vote)',
        replace: 'hardState !== undefined && hardState.term !== last.term',
      },
    ],
  },
  {
    name: 'votes counted per message',
    hazard: 'A doubled answer counts for a voter that has not answered.',
    replacements: [
      {
        file: 'raft/candidate.ts',
        find: 'if (!core.votes.has(from)) core.votes.set(from, granted);',
        replace:
          'const silent = core.conf.voters.find((id) => !core.votes.has(id));\n' +
          '  core.votes.set(core.votes.has(from) && silent !== undefined ? silent : from, granted);',
      },
    ],
  },
  {
    name: 'candidate asks before its term is durable',
    hazard:
      'After a power cut it runs again in the same term with a shorter log, and wins by votes granted to the longer one.',
    replacements: [
      {
        file: 'raft/candidate.ts',
        find: 'core.sendAfterSave(request);',
        replace: 'core.send(request);',
      },
    ],
  },
  {
    name: 'vote granted to a log that lacks entries',
    hazard: 'Whoever asks in a free term is voted for, so a leader may lack what is committed.',
    replacements: [
      {
        file: 'raft/follower.ts',
        find: 'const granted = isFree && !isProtected && isUpToDate;',
        replace: 'const granted = isFree && !isProtected;',
      },
    ],
  },
  {
    name: 'logs compared by their last term alone',
    hazard: 'A log that ends in the same term wins however short it is, and what only the longer ones have is lost.',
    replacements: [
      {
        file: 'raft/log.ts',
        find: '(last.term === this.lastTerm && last.index >= this.lastIndex);',
        replace: 'last.term === this.lastTerm;',
      },
    ],
  },
  {
    name: 'quorum off by one at even size',
    hazard: 'Half of the members count as a majority: two halves elect and commit each for itself.',
    replacements: [
      {
        file: 'raft/quorum.ts',
        find: 'return Math.floor(voters / 2) + 1;',
        replace: 'return Math.ceil(voters / 2);',
      },
    ],
  },
];

const commitMutants: readonly Mutant[] = [
  {
    name: 'older-term entry committed by counting',
    hazard: 'A leader commits an entry of an earlier term by its copies, and a later leader replaces it (Raft §5.4.2).',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: 'if (index <= core.log.commitIndex || core.log.termAt(index) !== core.term) return;',
        replace: 'if (index <= core.log.commitIndex) return;',
      },
    ],
  },
  {
    name: 'leader does not wait for its own sync',
    hazard: 'The leader counts itself for what is only in its memory; followers apply it and answer.',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: 'const index = quorumIndex(core.conf.voters, (id) => core.progress.get(id)?.match ?? 0);',
        replace:
          'const matchOf = (id: NodeId): number => core.progress.get(id)?.match ?? 0;\n' +
          '  const index = quorumIndex(core.conf.voters, (id) => (id === core.id ? core.log.lastIndex : matchOf(id)));',
      },
    ],
  },
  {
    name: 'append accepted before it is durable',
    hazard: 'A follower is counted for entries that its next power cut takes back.',
    replacements: [
      {
        file: 'raft/follower.ts',
        find: 'core.sendAfterSave({',
        replace: 'core.send({',
      },
    ],
  },
  {
    name: 'truncation on a stale append',
    hazard: 'A short, late append cuts off what follows it, although nothing conflicts.',
    replacements: [
      {
        file: 'raft/follower.ts',
        find: 'const fresh = log.findNew(entries);',
        replace:
          'const fresh = log.findNew(entries);\n' +
          '  const end = message.prevIndex + message.entries.length;\n' +
          '  if (fresh === undefined && end >= commitIndex && end < log.lastIndex) core.truncateAfter(end);',
      },
    ],
  },
  {
    name: 'commit index taken beyond what the append carries',
    hazard: 'A follower commits the tail of its own log, which may conflict with the leader.',
    replacements: [
      {
        file: 'raft/follower.ts',
        find: 'log.commitTo(Math.min(message.commit, lastNew));',
        replace: 'log.commitTo(Math.min(message.commit, log.lastIndex));',
      },
    ],
  },
  {
    name: 'heartbeat tells a commit index beyond the match',
    hazard:
      'A follower commits entries that the leader does not know it to have; they may conflict. It takes less where its log ends earlier, instead of asserting.',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: 'commit: Math.min(progress.match, core.log.commitIndex),',
        replace: 'commit: core.log.commitIndex,',
      },
      {
        file: 'raft/follower.ts',
        find: 'core.log.commitTo(message.commit);',
        replace: 'core.log.commitTo(Math.min(message.commit, core.log.lastIndex));',
      },
    ],
  },
  {
    name: "match raised by an old term's ack",
    hazard: 'An acknowledgement of an earlier term speaks of entries that were replaced meanwhile.',
    replacements: [
      {
        file: 'raft/raft.ts',
        find: '} else if (message.term < core.term) {',
        replace: "} else if (message.term < core.term && message.type !== 'appendResponse') {",
      },
    ],
  },
  {
    name: 'learner counted',
    hazard: 'The acknowledgement of a member without a vote helps to commit.',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: 'const index = quorumIndex(core.conf.voters, (id) => core.progress.get(id)?.match ?? 0);',
        replace:
          'const reached = membersOf(core.conf).map((id) => core.progress.get(id)?.match ?? 0);\n' +
          '  const index = reached.sort((a, b) => b - a)[Math.floor(core.conf.voters.length / 2)] ?? 0;',
      },
    ],
  },
];

const membershipMutants: readonly Mutant[] = [
  {
    name: 'configuration change before own-term commit',
    hazard:
      'Two leaders in a row change the members and end in majorities that do not overlap (Ongaro, raft-dev 2015).',
    replacements: [
      {
        file: 'raft/raft.ts',
        find: 'if (membership.currentIndex > log.appliedIndex || log.termAt(log.commitIndex) !== term) {',
        replace: 'if (membership.currentIndex > log.appliedIndex) {',
      },
    ],
  },
  {
    name: 'two pending configuration changes',
    hazard: 'A change starts before the one before it is committed: old and new majorities need not overlap.',
    replacements: [
      {
        file: 'raft/raft.ts',
        find: 'if (membership.currentIndex > log.appliedIndex || log.termAt(log.commitIndex) !== term) {',
        replace: 'if (log.termAt(log.commitIndex) !== term) {',
      },
    ],
  },
  {
    name: "removed member's acks counted",
    hazard: 'A member that was removed is still replicated to, and its acknowledgements still help to commit.',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: 'for (const id of core.progress.keys()) if (!members.includes(id)) core.progress.delete(id);\n',
        replace: '',
      },
      {
        file: 'raft/leader.ts',
        find: '  for (const id of membersOf(core.conf)) {\n    const progress = core.progress.get(id);',
        replace: '  for (const id of core.progress.keys()) {\n    const progress = core.progress.get(id);',
      },
      {
        file: 'raft/leader.ts',
        find: 'const index = quorumIndex(core.conf.voters, (id) => core.progress.get(id)?.match ?? 0);',
        replace:
          'const counted = [...core.progress].filter(([id]) => !core.conf.learners.includes(id));\n' +
          '  const reached = counted.map(([, { match }]) => match).sort((a, b) => b - a);\n' +
          '  const index = reached[Math.floor(core.conf.voters.length / 2)] ?? 0;',
      },
    ],
  },
  {
    name: 'first entry does not tell who began',
    hazard:
      'A member that joins by the log knows no configuration before its own entry, and passes that on with its snapshots.',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: 'const isFirst = core.log.lastIndex === 0;',
        replace: 'const isFirst = core.log.lastIndex < 0;',
      },
      {
        // It would notice at once, wherever such a member is.
        file: 'raft/invariants.ts',
        find: ' && now.lastIndex === 0;',
        replace: ';',
      },
      {
        file: 'raft/follower.ts',
        find: "  assert(meta.conf.voters.length > 0, 'a snapshot tells who votes', { from: message.from, index: meta.index });\n",
        replace: '',
      },
    ],
  },
  {
    name: 'truncation keeps the configuration',
    hazard: 'The configuration of an entry that was cut off stays in force.',
    replacements: [
      {
        file: 'raft/core.ts',
        find: '    this.membership.truncateAfter(index);\n',
        replace: '',
      },
      {
        // It would notice the next one.
        file: 'raft/membership.ts',
        find: "    assert(entry.index > this.currentIndex, 'configuration entries out of order', { index: entry.index });\n",
        replace: '',
      },
    ],
  },
];

const readMutants: readonly Mutant[] = [
  {
    name: 'no own-term commit before ReadIndex',
    hazard: 'A new leader confirms reads before it knows what is committed (Thesis §6.4).',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: 'if (core.log.termAt(core.log.commitIndex) !== core.term) {\n    core.rounds.hold',
        replace: 'if (core.log.commitIndex < core.log.startIndex) {\n    core.rounds.hold',
      },
    ],
  },
  {
    name: 'ReadIndex token reused on retry',
    hazard:
      'A round that is asked again keeps its token: a late answer to the first question confirms reads that came later.',
    replacements: [
      {
        file: 'raft/raft.ts',
        find: '  #readCounter = 0;\n',
        replace: '  #readCounter = 0;\n  #forgotten: number | undefined;\n',
      },
      {
        file: 'raft/raft.ts',
        find: 'const token = core.config.boot * READ_TOKENS_PER_BOOT + this.#readCounter;',
        replace:
          'const token = this.#forgotten ?? core.config.boot * READ_TOKENS_PER_BOOT + this.#readCounter;\n' +
          '    this.#forgotten = undefined;',
      },
      {
        file: 'raft/raft.ts',
        find: '    this.#core.forwardedReads.delete(token);',
        replace: '    this.#core.forwardedReads.delete(token);\n    this.#forgotten = token;',
      },
    ],
  },
  {
    name: 'leader reads without asking anybody',
    hazard: 'A leader that is cut off answers reads from the past.',
    replacements: [
      {
        file: 'raft/read-index.ts',
        find: 'if (!isQuorum(voters, (id) => id === self || (this.#answered.get(id) ?? 0) >= number)) break;',
        replace: 'if (voters.length === 0) break;',
      },
    ],
  },
];

const snapshotMutants: readonly Mutant[] = [
  {
    name: 'snapshot accepted that is older',
    hazard:
      'A snapshot replaces the log whatever is committed and whatever follows it there. Gone, too: the assertions behind the decision, in the log and in the store.',
    replacements: [
      {
        file: 'raft/follower.ts',
        find: 'if (meta.index > log.commitIndex && !log.matches(meta)) {',
        replace: 'if (meta.index > 0) {',
      },
      {
        file: 'raft/log.ts',
        find: "    assert(meta.index > this.#commitIndex, 'snapshot goes back', { index: meta.index, commit: this.#commitIndex });\n",
        replace: '',
      },
      {
        file: 'storage/engine-member-store.ts',
        find: 'assert(meta.index > this.#applied.index,',
        replace: 'assert(meta.index > 0,',
      },
    ],
  },
];

const progressMutants: readonly Mutant[] = [
  {
    name: 'lost append is not sent again',
    hazard: 'A follower that missed the last append, or a probe, waits for ever.',
    replacements: [
      {
        file: 'raft/leader.ts',
        find: "if (progress.match < core.log.lastIndex && progress.mode !== 'snapshot') nudge",
        replace: 'if (progress.match > core.log.lastIndex) nudge',
      },
    ],
  },
  {
    name: 'refusal of a probe ignored',
    hazard: 'The leader never finds the place where the logs agree.',
    replacements: [
      {
        file: 'raft/progress.ts',
        find: "if (this.#mode !== 'probe' || this.#next - 1 !== rejected) return false;",
        replace: "if (this.#mode === 'probe' || this.#next - 1 !== rejected) return false;",
      },
    ],
  },
  {
    name: 'failed snapshot is not tried again',
    hazard: 'A follower whose snapshot was cut off on its way is forgotten.',
    replacements: [
      {
        file: 'raft/progress.ts',
        find: "if (this.#mode !== 'snapshot') return;",
        replace: "if (this.#mode !== 'snapshot' || index === undefined) return;",
      },
    ],
  },
];

export const RAFT_MUTANTS: readonly Mutant[] = [
  ...electionMutants,
  ...commitMutants,
  ...membershipMutants,
  ...readMutants,
  ...snapshotMutants,
  ...progressMutants,
];
