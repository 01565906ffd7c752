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
        find: '        const first = this.#queues.get(name)?.first;',
        replace:
          '        const queue = this.#queues.get(name);\n' +
          "        const first = queue?.waiting.find((one) => one.mode === 'shared' && this.#hasRoom(one)) ?? queue?.first;",
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
];
