/** Bugs in sessions: in what the members remember of them, and in what the SDK makes of that. */
import type { Mutant, Replacement } from './mutant.js';

const TABLE = 'state/session/session-table.ts';
const SESSION = 'state/session/session.ts';
const LEDGER = 'client/core/session-ledger.ts';

/** The session's own assertions: which replies are there is not looked at any more. */
const SESSION_ASSERTS_NOTHING: readonly Replacement[] = [
  {
    file: SESSION,
    find: "    assert(sequence === this.next, 'a write of a session is applied out of turn', { sequence, next: this.next });\n",
    replace: '',
  },
  {
    file: SESSION,
    find: "    assert(this.#replies.size === kept, 'replies of a session are missing', { session: this.id, kept });\n",
    replace: '',
  },
];

export const SESSION_MUTANTS: readonly Mutant[] = [
  {
    name: 'reply cache not in the snapshot',
    hazard: 'Whoever takes a snapshot does not know what was applied. The session looks away.',
    replacements: [
      {
        file: 'storage/snapshot-reader.ts',
        find: "import { appliedSubkey, stateSubkey } from './keys.js';",
        replace: "import { appliedSubkey, stateSubkey, stateTable } from './keys.js';",
      },
      {
        file: 'storage/snapshot-reader.ts',
        find: '        assertIntact(record);\n',
        replace: '        assertIntact(record);\n        if (record.subkey[0] === stateTable.reply) continue;\n',
      },
      ...SESSION_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'sessions end by local clocks',
    hazard: "Each member goes by its own clock instead of the leader's word.",
    replacements: [
      {
        file: 'node/applier.ts',
        find: '  /** Events of one revision, in order. */',
        replace: '  readonly now: () => number;\n  /** Events of one revision, in order. */',
      },
      {
        file: 'node/applier.ts',
        find: 'const applied = this.#machine.apply(command, entry.term, entry.index, stamp);',
        replace:
          "const timed = command.kind === 'clusterTime' ? { ...command, ms: Math.floor(this.#parts.now()) } : command;\n" +
          '    const applied = this.#machine.apply(timed, entry.term, entry.index, stamp);',
      },
      {
        file: 'node/raft-node.ts',
        find: '      boot: loaded.boot,\n      publish: (events) =>',
        replace: '      boot: loaded.boot,\n      now: () => parts.clock.now(),\n      publish: (events) =>',
      },
    ],
  },
  {
    name: 'session ends a period early',
    hazard: 'The last contact is younger than it is noted, by up to a period, and the session is not given that time.',
    replacements: [{ file: SESSION, find: 'this.#identity.ttlMs + marginMs;', replace: 'this.#identity.ttlMs;' }],
  },
  {
    name: 'window off by one',
    hazard: 'A session keeps one reply more than there are places on the disk. Another limit that hides it is lifted.',
    replacements: [
      { file: TABLE, find: 'if (replies.size >= WINDOW_REPLIES) {', replace: 'if (replies.size > WINDOW_REPLIES) {' },
      { file: 'node/session-member.ts', find: '{ replies: WINDOW_REPLIES,', replace: '{ replies: WINDOW_REPLIES + 1,' },
      {
        file: 'rpc/session-exchange.ts',
        find: 'requestsInFlightMax = 1_024;',
        replace: 'requestsInFlightMax = 2_048;',
      },
    ],
  },
  {
    name: 'resend under a new sequence',
    hazard: 'The SDK sends a write again, after its stream broke, as if it were another one.',
    replacements: [
      {
        file: LEDGER,
        find: "        entry.outcome = outcomeAfter(entry.outcome, 'lost');\n        this.#sendAgain(entry);\n      } else {",
        replace:
          '        this.#open[entry.sequence % this.#open.length] = undefined;\n' +
          '        this.#window.abandoned(entry.sequence);\n' +
          '        entry.sequence = 0;\n' +
          "        entry.place = 'fresh';\n" +
          '        this.#freshWrites.push(entry);\n' +
          '      } else {',
      },
    ],
  },
  {
    name: 'settled up to the last answer',
    hazard: 'The SDK gives up the replies of all writes before the one that was answered.',
    replacements: [
      {
        file: 'client/core/sequence-window.ts',
        find: '    this.#states[sequence % this.#size] = state;\n    while',
        replace:
          '    this.#states[sequence % this.#size] = state;\n' +
          '    this.#settled = Math.max(this.#settled, sequence);\n' +
          '    while',
      },
      {
        file: 'client/core/sequence-window.ts',
        find: "assert(sequence > this.#settled && sequence < this.#next, 'a sequence number that is not open');",
        replace: 'if (sequence <= this.#settled) return;',
      },
    ],
  },
  {
    name: 'reply forgotten one too early',
    hazard: 'What a client has settled takes the reply after it along. The session looks away.',
    replacements: [
      { file: SESSION, find: 'if (sequence > settled) break;', replace: 'if (sequence > settled + 1) break;' },
      ...SESSION_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'session that has ended lives again',
    hazard: 'A write of a session that is not there any more begins it anew, with nothing remembered.',
    replacements: [
      {
        file: TABLE,
        find:
          '    const session = this.#sessions.get(id);\n' +
          "    if (session === undefined) return refused(refuse('SESSION_EXPIRED', `session ${id}`), []);\n" +
          '    const bytesBefore',
        replace:
          '    const applied = sequence - 1;\n' +
          "    const anew = { id, clientName: '', ttlMs: 60_000, settled: applied, applied, contactMs: this.#timeMs };\n" +
          '    const session = this.#sessions.get(id) ?? new Session(anew);\n' +
          '    this.#sessions.set(id, session);\n' +
          '    const bytesBefore',
      },
    ],
  },
  {
    name: 'order of a session not kept',
    hazard: 'A write is taken although the one before it is missing. The session looks away.',
    replacements: [
      { file: TABLE, find: 'return sequence === next ? undefined', replace: 'return sequence >= next ? undefined' },
      ...SESSION_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'write that comes again is applied again',
    hazard: 'The reply that is kept is not looked for. The session looks away.',
    replacements: [
      {
        file: TABLE,
        find: "if (reply !== undefined) return { kind: 'known', reply, writes };",
        replace: "if (reply !== undefined) return { kind: 'apply' };",
      },
      ...SESSION_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'reply told again at the present revision',
    hazard: 'A write that comes again is told the revision of now instead of its own.',
    replacements: [
      {
        file: 'state/state-machine.ts',
        find: 'return { outcome, revision: reply.revision, events: [], writes, isReplay: true };',
        replace: 'return { outcome, revision: this.revision, events: [], writes, isReplay: true };',
      },
    ],
  },
  {
    name: 'contact forgotten at a restart',
    hazard: 'That a session was heard of, by a write that came again, is not written to the disk.',
    replacements: [
      {
        file: TABLE,
        find: 'if (session.contact(this.#timeMs, settled)) writes.push(',
        replace: 'if (session.contact(this.#timeMs, settled) && settled < 0) writes.push(',
      },
    ],
  },
  {
    name: 'given up in flight is told as not applied',
    hazard: 'The SDK says of a write that is under way, and given up, that it never happened.',
    replacements: [
      {
        file: LEDGER,
        find: "    if (entry.place === 'inFlight') entry.outcome = outcomeAfter(entry.outcome, 'lost');\n",
        replace: '',
      },
    ],
  },
  {
    name: 'stream that broke leaves no doubt',
    hazard: 'The SDK takes what was sent and not answered, when its stream broke, for what was never sent.',
    replacements: [
      {
        file: LEDGER,
        find: "        entry.outcome = outcomeAfter(entry.outcome, 'lost');\n        this.#sendAgain(entry);\n      } else {",
        replace: '        this.#sendAgain(entry);\n      } else {',
      },
    ],
  },
  {
    name: 'session read does not wait',
    hazard: 'A member answers a read of a session from a state that is older than what the client has seen.',
    replacements: [
      {
        file: 'node/requests.ts',
        find: 'return node.machine.revision >= consistency.seenRevision;',
        replace: 'return node.machine.revision >= 0;',
      },
    ],
  },
  {
    name: 'session read does not say what was seen',
    hazard: 'The SDK asks any member, and forgets to say how new its state must be.',
    replacements: [
      {
        file: 'client/calls/freshness.ts',
        find: "if (consistency === 'session') return sessionFreshness(seen);",
        replace: "if (consistency === 'session') return sessionFreshness(Math.min(seen, 0));",
      },
    ],
  },
];
