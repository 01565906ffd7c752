/** Bugs in the time of leases and in what hangs on them. */
import type { Mutant, Replacement } from './mutant.js';

const KEEPER = 'node/lease-keeper.ts';
const COMMANDS = 'state/lease/lease-commands.ts';
const TABLE = 'state/lease/lease-table.ts';

/** The lease table's own assertions: what hangs where is not looked at any more. */
const TABLE_ASSERTS_NOTHING: readonly Replacement[] = [
  {
    file: TABLE,
    find: "    assert(!this.#attached.has(id), 'a lease ends while keys hang on it', { id });",
    replace: '    this.#attached.delete(id);',
  },
  {
    file: TABLE,
    find: "    assert(wasThere, 'a key leaves a lease that it did not hang on', { id });",
    replace: '    if (attached === undefined || !wasThere) return;',
  },
  {
    file: TABLE,
    find: "    for (const id of this.#attached.keys()) assert(this.#leases.has(id), 'a key hangs on a lease that is not', { id });",
    replace: '',
  },
];

/** A deposed leader goes on counting, and whatever it says about leases is carried to its successor. */
const DEPOSED_GOES_ON: readonly Replacement[] = [
  {
    file: 'node/leases.ts',
    find: 'if (this.#keeper !== undefined && !this.#isInOffice()) {',
    replace: "if (this.#keeper !== undefined && raft.role === 'leader' && !this.#isInOffice()) {",
  },
  {
    file: 'node/leases.ts',
    find: "const propose: KeeperParts['propose'] = (command) => raft.propose(encode(command));",
    replace:
      'const sent = new Set<string>();\n' +
      "    const propose: KeeperParts['propose'] = (command) => {\n" +
      '      const placed = raft.propose(encode(command));\n' +
      "      if (placed.ok || !('leases' in command)) return placed;\n" +
      '      const word = `${command.kind} ${command.leases.map(({ id }) => id).join()}`;\n' +
      '      if (!sent.has(word)) this.#parts.forward(command);\n' +
      '      sent.add(word);\n' +
      '      return placed;\n' +
      '    };',
  },
  {
    file: 'node/leases.ts',
    find: "  readonly read: KeeperParts['read'];",
    replace: "  readonly forward: (command: Command) => void;\n  readonly read: KeeperParts['read'];",
  },
  {
    file: 'node/raft-node.ts',
    find: '      read: (waiter) => this.read(waiter),',
    replace:
      '      forward: (command) => {\n' +
      '        this.propose(command, Infinity, { applied: () => undefined, failed: () => undefined });\n' +
      '      },\n' +
      '      read: (waiter) => this.read(waiter),',
  },
];

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    name: 'lease expired by an old leader',
    hazard:
      'A deposed leader goes on counting and has its successor take up its word; whose term it was is not looked at when it is applied.',
    replacements: [
      {
        file: COMMANDS,
        find: 'const named of term === entryTerm ? leases : []) {\n    const { id } = named;',
        replace: 'const named of leases) {\n    const { id } = named;',
      },
      ...DEPOSED_GOES_ON,
    ],
  },
  {
    name: 'note of an old leader is taken',
    hazard:
      'A deposed leader goes on noting what is left and has its successor take up its word; whose term it was is not looked at when it is applied.',
    replacements: [
      {
        file: COMMANDS,
        find: 'const named of term === entryTerm ? leases : []) {\n    const { remainingMs } = named;',
        replace: 'const named of leases) {\n    const { remainingMs } = named;',
      },
      ...DEPOSED_GOES_ON,
    ],
  },
  {
    name: 'new leader shortens leases',
    hazard: 'A new leader gives the leases of before half of their time.',
    replacements: [
      {
        file: KEEPER,
        find: 'this.#since + (lease.remainingMs || lease.ttlMs)',
        replace: 'this.#since + (lease.remainingMs || lease.ttlMs) / 2',
      },
    ],
  },
  {
    name: 'renewal answered by a deposed leader',
    hazard: 'A leader renews without asking its quorum whether it still leads.',
    replacements: [{ file: KEEPER, find: 'this.#arrived.push(question);', replace: 'this.#answer(question);' }],
  },
  {
    name: 'renewal answered by a follower',
    hazard: 'A member that knows a lease answers for the leader.',
    replacements: [
      {
        file: 'node/leases.ts',
        find: '    this.#asks.add(ask, deadline, waiter);',
        replace:
          '    const known = this.#parts.state().leases.get(ask.id);\n' +
          '    if (!ask.renew || known === undefined) this.#asks.add(ask, deadline, waiter);\n' +
          '    else waiter.answered({ ttlMs: known.ttlMs, leftMs: known.ttlMs });',
      },
    ],
  },
  {
    name: 'renewal answered while the end is under way',
    hazard: 'A lease whose end stands in the log already is renewed, and ends.',
    replacements: [
      {
        file: KEEPER,
        find: 'else if (ending !== undefined) ending.push(question);',
        replace: 'else if (ending !== undefined) this.#renew(lease, question);',
      },
    ],
  },
  {
    name: 'office taken before the log is applied',
    hazard: 'A new leader counts, and answers, with the leases of an old state.',
    replacements: [
      {
        file: 'node/leases.ts',
        find: "|| raft.role !== 'leader' || appliedTerm !== raft.term) return;",
        replace: "|| raft.role !== 'leader' || appliedTerm < 0) return;",
      },
      {
        file: 'node/leases.ts',
        find: "raft.role === 'leader' && state().appliedTerm === raft.term;",
        replace: "raft.role === 'leader' && state().appliedTerm >= 0;",
      },
    ],
  },
  {
    name: 'what is noted of a lease is ignored',
    hazard: 'A new leader gives a lease its whole time, though less was noted as left: it may live for ever.',
    replacements: [
      {
        file: KEEPER,
        find: 'this.#since + (lease.remainingMs || lease.ttlMs)',
        replace: 'this.#since + lease.ttlMs',
      },
    ],
  },
  {
    name: 'nothing is noted of leases',
    hazard: 'Nobody writes down what is left of a long lease: with every new leader it begins anew.',
    replacements: [
      { file: KEEPER, find: '    if (notes.length === 0) return;', replace: '    if (notes.length >= 0) return;' },
    ],
  },
  {
    name: 'renewal leaves the note in the log',
    hazard: 'A lease is renewed, and the next leader goes by what was left of it before.',
    replacements: [
      { file: KEEPER, find: 'lease.remainingMs > 0 || this.#note?.ids.has(id) === true || ', replace: '' },
    ],
  },
  {
    name: 'note on its way forgotten at a renewal',
    hazard: 'A lease is renewed while a note of what was left of it is in flight, and the next leader goes by that.',
    replacements: [{ file: KEEPER, find: 'this.#note?.ids.has(id) === true || ', replace: '' }],
  },
  {
    name: 'expiry overtakes a renewal',
    hazard: 'A lease ends when its first time is over, whatever was answered since.',
    replacements: [
      {
        file: 'node/lease-deadlines.ts',
        find: '      if (timed.deadline <= now) due.push(timed);\n      else this.giveBack(timed);',
        replace: '      due.push(timed);',
      },
    ],
  },
  {
    name: 'expiry a tick early',
    hazard: 'A lease is ended when its time will be over before the next look.',
    replacements: [
      { file: 'node/lease-deadlines.ts', find: 'first.heapAt <= now;', replace: 'first.heapAt <= now + 20;' },
      { file: 'node/lease-deadlines.ts', find: 'timed.deadline <= now)', replace: 'timed.deadline <= now + 20)' },
    ],
  },
  {
    name: 'leases of before are not counted',
    hazard: 'A new leader looks only at leases that were granted or asked for under it.',
    replacements: [
      { file: KEEPER, find: '    this.#untimed = parts.leases.all();', replace: '    this.#untimed = undefined;' },
    ],
  },
  {
    name: 'expiry that was refused is not tried again',
    hazard: 'A lease whose end the log did not take at once lives for as long as its leader.',
    replacements: [
      {
        file: KEEPER,
        find: '      for (const timed of over) this.#deadlines.giveBack(timed);\n      return;',
        replace: '      return;',
      },
    ],
  },
  {
    name: 'old answer about the time is taken',
    hazard: 'What was left of a lease before this process was paused is told after it.',
    replacements: [
      {
        file: 'node/lease-asks.ts',
        find: 'if (now - pending.sentAt > this.#staleMs) {',
        replace: 'if (this.#staleMs < 0) {',
      },
    ],
  },
  {
    name: 'word about a lease meets the next one of its id',
    hazard: 'A lease is revoked and granted anew under its id while its end is on the way: the new one ends at once.',
    replacements: [
      {
        file: COMMANDS,
        find: 'return known?.grantedIndex === grantedIndex ? known : undefined;',
        replace: 'return known === undefined || grantedIndex < 0 ? undefined : known;',
      },
    ],
  },
  {
    name: 'expiry leaves a key',
    hazard: 'The end of a lease forgets one of its keys. The lease table looks away.',
    replacements: [
      {
        file: COMMANDS,
        find: 'writer.deleteKeys(store.leases.keysOf(id));',
        replace: 'writer.deleteKeys(store.leases.keysOf(id).slice(1));',
      },
      ...TABLE_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'revoke leaves attachments',
    hazard: 'A lease is revoked, and its keys stay. The lease table looks away.',
    replacements: [
      {
        file: COMMANDS,
        find: "const { events, writes } = endKeys(store, id, 'leaseRevoked');",
        replace: 'store.leases.remove(id);\n  const [events, writes]: [Event[], StateWrite[]] = [[], []];',
      },
      ...TABLE_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'key that moved goes with the lease it left',
    hazard: 'A key that is put under another lease hangs on the old one, too. The lease table looks away.',
    replacements: [
      {
        file: TABLE,
        find: '    if (from !== 0n) this.#detach(key, from);',
        replace: '    if (from !== 0n && to === 0n) this.#detach(key, from);',
      },
      {
        file: COMMANDS,
        find: 'writer.deleteKeys(store.leases.keysOf(id));',
        replace: 'writer.deleteKeys(store.leases.keysOf(id).filter((key) => store.live(key) !== undefined));',
      },
      ...TABLE_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'key put under a lease that ended',
    hazard: 'Whether the lease of a put is there is not looked at. The lease table looks away.',
    replacements: [
      {
        file: 'state/mvcc/txn.ts',
        find: 'const exists = lease === 0n || store.leases.get(lease) !== undefined;',
        replace: 'const exists = lease === 0n || store.leases.size >= 0;',
      },
      ...TABLE_ASSERTS_NOTHING,
    ],
  },
  {
    name: 'keys of a lease go in several revisions',
    hazard: 'Whoever reads in between sees half of what hung on a lease.',
    replacements: [
      {
        file: COMMANDS,
        find: '  const writer = new RevisionWriter(store, cause);\n  writer.deleteKeys(store.leases.keysOf(id));',
        replace:
          '  const writers = store.leases.keysOf(id).map((key) => {\n' +
          '    const one = new RevisionWriter(store, cause);\n' +
          '    one.deleteKeys([key]);\n' +
          '    return one;\n' +
          '  });\n' +
          '  const events = writers.flatMap((one) => one.events);\n' +
          '  const writer = { events, writes: writers.flatMap((one) => one.writes) };',
      },
    ],
  },
  {
    name: 'keys of a lease go in the order in which they came',
    hazard: 'The order of events is that of each member, for it is another one after a restart.',
    replacements: [{ file: TABLE, find: '.sort(compareByteStrings);', replace: ';' }],
  },
  {
    name: 'lease forgotten at a restart',
    hazard: 'A grant is not written to the disk.',
    replacements: [{ file: COMMANDS, find: "writes: [{ kind: 'putLease', lease }],", replace: 'writes: [],' }],
  },
];
