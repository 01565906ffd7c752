/** Bugs in grants: what they are given by, in which turn, under which token, and what is told of them. */
import type { Mutant } from './mutant.js';

const TABLE = 'state/grant/grant-table.ts';
const QUEUE = 'state/grant/grant-queue.ts';
const MEMBER = 'node/grant-member.ts';

export const GRANT_MUTANTS: readonly Mutant[] = [
  {
    name: 'promotion of a dead lease',
    hazard: 'A session that died while it waited holds the lock, and nobody will ever release it.',
    replacements: [
      {
        file: TABLE,
        find: 'for (const entry of this.#leases.get(lease)?.values() ?? []) this.#end(entry, end);',
        replace:
          'for (const entry of [...(this.#leases.get(lease)?.values() ?? [])]) if (entry.token > 0) this.#end(entry, end);',
      },
    ],
  },
  {
    name: 'token minted at enqueue',
    hazard: 'Who overtakes by priority has a lower token than the holder before it.',
    replacements: [
      {
        file: TABLE,
        find: '      const token = this.#clock.lastToken + 1;',
        replace: '      const token = next.place;',
      },
    ],
  },
  {
    name: "token from a member's counter",
    hazard: 'After a restart tokens begin anew, on one member and not on the others.',
    replacements: [
      {
        file: TABLE,
        find: '      const token = this.#clock.lastToken + 1;',
        replace: '      this.#minted += 1;\n      const token = this.#minted;',
      },
      {
        file: TABLE,
        find: '  readonly #dirty = new Set<ByteString>();',
        replace: '  readonly #dirty = new Set<ByteString>();\n  #minted = 0;',
      },
    ],
  },
  {
    name: 'token counter does not come back from the disk',
    hazard: 'Tokens that were used before are used again.',
    replacements: [
      {
        file: TABLE,
        find: '      this.#clock = record.clock;',
        replace: '      this.#clock = { ...record.clock, lastToken: 0 };',
      },
    ],
  },
  {
    name: 'release by name only',
    hazard: 'Who has lost a lock releases it for its next holder.',
    replacements: [
      {
        file: TABLE,
        find: '    const entry = this.#attempts.get(attempt);\n    if (entry === undefined) return undefined;\n    if (to',
        replace:
          '    const entry = this.#attempts.get(attempt) ?? [...this.#attempts.values()].find(({ token }) => token > 0);\n' +
          '    if (entry === undefined) return undefined;\n    if (to',
      },
    ],
  },
  {
    name: 'retry that queues twice',
    hazard: 'The answer was lost, and the client stands behind itself.',
    replacements: [
      {
        file: TABLE,
        find: '    const known = this.#attempts.get(wish.attempt);',
        replace: '    const known = [...this.#attempts.values()].find(({ place }) => place < 0);',
      },
      {
        file: TABLE,
        find: "      assert(!this.#attempts.has(entry.attempt), 'an attempt that is there twice', { place: entry.place });\n",
        replace: '',
      },
    ],
  },
  {
    name: 'lock-delay skipped',
    hazard: 'The next holder begins while the one before does not know yet.',
    replacements: [
      {
        file: TABLE,
        find: '    if (!isLoss || !isHeld(entry) || entry.lockDelayMs === 0) return;',
        replace: '    if (!isLoss || !isHeld(entry) || entry.lockDelayMs >= 0) return;',
      },
    ],
  },
  {
    name: 'shared granted past a waiting writer',
    hazard: 'Readers that keep coming starve the writer.',
    replacements: [
      {
        file: TABLE,
        find: '      const first = this.#queues.get(name)?.first;',
        replace:
          '      const queue = this.#queues.get(name);\n' +
          "      const first = queue?.waiting.find((one) => one.mode === 'shared' && this.#hasRoom(one)) ?? queue?.first;",
      },
      {
        file: QUEUE,
        find: '    return this.#turn(entry) === 0 && this.#fits(entry);',
        replace: "    return (entry.mode === 'shared' || this.#turn(entry) === 0) && this.#fits(entry);",
      },
    ],
  },
  {
    name: 'weights beyond the capacity',
    hazard: 'More is given away than there is.',
    replacements: [
      {
        file: QUEUE,
        find: '    return capacity === 0 || taken + weight <= capacity;',
        replace: '    return capacity === 0 || (weight > 0 && taken < capacity);',
      },
    ],
  },
  {
    name: 'several names granted when one is free',
    hazard: 'Two hold the same name.',
    replacements: [
      {
        file: TABLE,
        find: '    return entry.names.every((name) => this.#queues.get(name)?.hasRoom(entry) ?? true);',
        replace: '    return entry.names.some((name) => this.#queues.get(name)?.hasRoom(entry) ?? true);',
      },
    ],
  },
  {
    name: 'abandoned attempt keeps its place',
    hazard: 'The lock is given to somebody who has gone away.',
    replacements: [
      {
        file: TABLE,
        find: "    this.#end(entry, 'released');",
        replace: "    if (entry.token > 0) this.#end(entry, 'released');",
      },
    ],
  },
  {
    name: 'a free place is given on with the next request only',
    hazard: 'Those who wait wait for somebody else to come.',
    replacements: [
      {
        file: TABLE,
        find: '    this.#promote(timeMs);',
        replace: '    if ([...this.#changed.values()].some((entry) => entry !== undefined)) this.#promote(timeMs);',
      },
    ],
  },
  {
    name: 'token that is lost is current while the lock is kept free',
    hazard: 'A holder that was taken for dead writes under its token.',
    replacements: [
      {
        file: QUEUE,
        find: '    return entry !== undefined && isHeld(entry) ? entry : undefined;',
        replace: '    return entry;',
      },
    ],
  },
  {
    name: 'fence that lets the last one through',
    hazard: 'A write of the holder before comes after those of the present one.',
    replacements: [
      {
        file: 'state/grant/fence-mark.ts',
        find: '  return Number(mark) <= token ? undefined',
        replace: '  return Number(mark) <= token + 1 ? undefined',
      },
    ],
  },
  {
    name: 'observer told of the same state again',
    hazard: 'Whoever takes each word for a change acts twice.',
    replacements: [
      {
        file: MEMBER,
        find: 'this.#isFresh(change + 1) ?',
        replace: 'this.#isFresh(change) ?',
      },
    ],
  },
  {
    name: 'state before the attempt asked about it',
    hazard: 'A member that is behind tells a client that its place is lost.',
    replacements: [
      {
        file: MEMBER,
        find: '      if (!this.#isFresh(change)) return undefined;',
        replace: '      if (!this.#isFresh(0)) return undefined;',
      },
    ],
  },
  {
    name: 'proclamation under a token that is over',
    hazard: 'Observers hear a leader that is none any more.',
    replacements: [
      {
        file: TABLE,
        find: '    if (entry === undefined || token === 0 || entry.token !== token) {',
        replace: '    if (entry === undefined || token === 0 || entry.token === 0) {',
      },
    ],
  },
  {
    name: 'forced by name only',
    hazard: 'An operator takes a grant away that is not the one that was meant.',
    replacements: [
      {
        file: QUEUE,
        find: '    const entry = this.#granted.get(token);\n    return entry',
        replace:
          '    const entry = this.#granted.get(token) ?? [...this.#granted.values()].find(isHeld);\n    return entry',
      },
      {
        file: TABLE,
        find: 'return this.#queues.get(name)?.held(token) !== undefined;',
        replace: 'return this.#queues.get(name)?.held(token)?.token === token;',
      },
    ],
  },
  {
    name: 'lock-delay counted from the last time told',
    hazard: "The cluster's time was told a while ago, so the delay is shorter by that.",
    replacements: [
      {
        file: TABLE,
        find: '    this.#insert({ ...entry, barsUntilMs: BAR_NOT_BEGUN });',
        replace: '    this.#insert({ ...entry, barsUntilMs: Math.max(1, timeMs + entry.lockDelayMs) });',
      },
      {
        file: TABLE,
        find: '  #end(entry: GrantEntry, end: GrantEnd): void {',
        replace: '  #end(entry: GrantEntry, end: GrantEnd, timeMs: number): void {',
      },
      { file: TABLE, find: "    this.#end(entry, 'released');", replace: "    this.#end(entry, 'released', timeMs);" },
      { file: TABLE, find: "    this.#end(entry, 'forced');", replace: "    this.#end(entry, 'forced', timeMs);" },
      { file: TABLE, find: '?? []) this.#end(entry, end);', replace: '?? []) this.#end(entry, end, timeMs);' },
      { file: TABLE, find: "this.#end(entry, 'barOver');", replace: "this.#end(entry, 'barOver', timeMs);" },
    ],
  },
  {
    name: 'lock-delay begins with the first time told',
    hazard: 'The time that is told first after a loss was on its way before it, for as long as the leader was cut off.',
    replacements: [
      {
        file: TABLE,
        find: '    this.#insert({ ...entry, barsUntilMs: BAR_NOT_BEGUN });',
        replace: '    this.#insert({ ...entry, barsUntilMs: BAR_TOLD_ONCE });',
      },
    ],
  },
  {
    name: 'lock-delay whose time nobody tells',
    hazard: 'The time is told in its own rhythm only, so a short delay becomes a long one.',
    replacements: [
      {
        file: 'node/session-time.ts',
        find: 'sessions.hasOverdue || grants.isTimeWanted(sessions.timeMs + Math.floor(passed));',
        replace: 'sessions.hasOverdue;',
      },
    ],
  },
  {
    name: 'try leaves a place',
    hazard: 'Who did not want to wait waits all the same.',
    replacements: [
      {
        file: TABLE,
        find: 'if (!mayWait && !this.#hasRoom(entry)) return { entry: undefined, changes: NO_GRANT_CHANGES };',
        replace:
          'if (!mayWait && !this.#hasRoom(entry)) {\n' +
          '      this.#clock = { ...this.#clock, lastPlace: place };\n' +
          '      this.#insert(entry);\n' +
          '      return { entry: undefined, changes: this.#finish(timeMs) };\n' +
          '    }',
      },
    ],
  },
  {
    name: 'hand-over ignored',
    hazard: 'Whoever is named as the next one waits for its turn as before.',
    replacements: [{ file: TABLE, find: '{ ...next, isFirst: true }', replace: '{ ...next, isFirst: false }' }],
  },
  {
    name: 'grant forgotten at a restart',
    hazard: 'That a waiter was promoted is not written to the disk.',
    replacements: [
      {
        file: TABLE,
        find: '    for (const [place, entry] of this.#changed) {',
        replace:
          '    for (const [place, entry] of this.#changed) {\n' +
          '      if (entry !== undefined && entry.token > 0 && entry.cameMs < entry.grantedMs) continue;',
      },
    ],
  },
  {
    name: 'fence does not raise its mark',
    hazard: 'Only the first token is ever marked.',
    replacements: [
      {
        file: 'state/grant/fence-mark.ts',
        find: '  if (store.live(key)?.value === String(token)) return undefined;',
        replace: '  if (store.live(key) !== undefined) return undefined;',
      },
    ],
  },
  {
    name: 'end of a lease wakes nobody',
    hazard: 'Who is promoted because a lease ended is told when anything else happens to the name.',
    replacements: [
      {
        file: 'state/lease/lease-commands.ts',
        find: "return { result: { kind: 'leaseExpire', expired }, events, writes, grantNames: grants.names };",
        replace: "return { result: { kind: 'leaseExpire', expired }, events, writes, grantNames: [] };",
      },
    ],
  },
  {
    name: 'snapshot wakes nobody',
    hazard: 'Who waits while a snapshot becomes the state is not told what it says.',
    replacements: [{ file: 'node/raft-node.ts', find: '          this.grantListeners.tellAll();\n', replace: '' }],
  },
  {
    name: 'holders told in the order of their last word',
    hazard: 'The order in which holders are told depends on who proclaimed, and is another one after a restart.',
    replacements: [{ file: QUEUE, find: '.sort((a, b) => a.token - b.token);', replace: ';' }],
  },
  {
    name: 'place told as a grant',
    hazard: 'The service answers whoever waits as soon as it has a place, with the token of nobody.',
    replacements: [
      {
        file: 'rpc/coordination-service.ts',
        find: '    if (answer.place === 0 || answer.token > 0) return acquireToWire(answer);',
        replace: '    if (answer.place >= 0) return acquireToWire(answer);',
      },
    ],
  },
];
