/** Bugs in what the SDK makes of leases and grants: in what it believes to hold, and in what it does about that. */
import type { Mutant } from './mutant.js';

const LEASE = 'client/api/lease.ts';
const KEEPER = 'client/calls/lease-keeper.ts';
const DEADLINE = 'client/core/lease-deadline.ts';
const ACQUIRE = 'client/grant/acquire.ts';
const GRANT = 'client/grant/grant.ts';
const ELECTION = 'client/grant/election.ts';
const MUTEX = 'client/grant/mutex.ts';

export const SDK_GRANT_MUTANTS: readonly Mutant[] = [
  {
    name: 'lease counted from the answer to its renewal',
    hazard: 'The answer may be late by any time, and the time of the lease runs meanwhile.',
    replacements: [
      {
        file: KEEPER,
        find: '    this.#deadline.renewed(sent, ttlMs);',
        replace: '    this.#deadline.renewed(momentOf(this.#clock), ttlMs);',
      },
    ],
  },
  {
    name: 'lease counted from the answer to its grant',
    hazard: 'The same, for a lease that was never renewed.',
    replacements: [
      {
        file: LEASE,
        find: 'this.#keeper.keep(id, sent, ttlMs, {',
        replace: 'this.#keeper.keep(id, momentOf(this.#clock), ttlMs, {',
      },
    ],
  },
  {
    name: 'lease renewed by the sending',
    hazard: 'A renewal that nobody has answered counts.',
    replacements: [
      {
        file: KEEPER,
        find: '    this.#unanswered.push(momentOf(this.#clock));\n',
        replace:
          '    this.#unanswered.push(momentOf(this.#clock));\n    this.#deadline.renewed(momentOf(this.#clock), this.ttlMs);\n',
      },
    ],
  },
  {
    name: 'drift margin left out',
    hazard: "The server's clock may run faster than the client's.",
    replacements: [{ file: DEADLINE, find: 'CLOCK_DRIFT = 0.01;', replace: 'CLOCK_DRIFT = 0;' }],
  },
  {
    name: 'wall clock not looked at',
    hazard: 'The monotonic clock stands still while the machine sleeps, and the lease ends.',
    replacements: [{ file: DEADLINE, find: '(slept ? elapsedWall : elapsed)', replace: '(slept ? elapsed : elapsed)' }],
  },
  {
    name: 'assertHeld goes by what a timer has noted',
    hazard: 'After a pause no timer has run yet.',
    replacements: [
      {
        file: LEASE,
        find: '    const { state } = this;\n',
        replace:
          "    const state = this.#ended.signal.aborted ? 'lost' : this.#kept.remainingMs < 0 ? 'atRisk' : 'held';\n",
      },
    ],
  },
  {
    name: 'broken stream told as a loss',
    hazard: 'The lease lives on, and with it the lock.',
    replacements: [
      {
        file: KEEPER,
        find: '    this.#options.rotation.failed(this.#member);\n',
        replace:
          '    this.#options.rotation.failed(this.#member);\n    for (const lease of this.leases) lease.lose();\n',
      },
    ],
  },
  {
    name: 'loss by force never told',
    hazard: 'The lease lives, so nothing else tells.',
    replacements: [
      {
        file: GRANT,
        find: '() => void this.#watchLoss(), WATCH_AFTER_MS',
        replace: '() => undefined, WATCH_AFTER_MS',
      },
    ],
  },
  {
    name: 'grant relied on while it is given back',
    hazard: 'Somebody else may have it before the answer comes.',
    replacements: [
      {
        file: GRANT,
        find: 'return this.#releasing !== undefined;',
        replace: 'return this.#releasing !== undefined && this.#isReleased;',
      },
    ],
  },
  {
    name: 'giving back told as a loss',
    hazard: 'Who watches for the loss is told that there is no such grant any more.',
    replacements: [
      {
        file: GRANT,
        find: 'if (!this.#isLeaving) return this.#lose(',
        replace: 'if (!this.#isReleased) return this.#lose(',
      },
    ],
  },
  {
    name: 'release told as it was wished',
    hazard: 'It was lost before, and somebody else may have had it.',
    replacements: [
      { file: GRANT, find: '      return wasHeld;\n', replace: '      return wasHeld || this.#isReleased;\n' },
    ],
  },
  {
    name: 'attempt given up is not given back',
    hazard: 'Its lease is shared and lives on: nobody ever gets past it.',
    replacements: [{ file: ACQUIRE, find: 'void giveBack(ports, attempt, use);', replace: 'use.end(true);' }],
  },
  {
    name: 'release in doubt left to its lease',
    hazard: 'Others of the process keep that alive, and may wait for the very lock.',
    replacements: [
      { file: GRANT, find: '        void giveBack(ports, attempt, use);\n', replace: '        use.end(false);\n' },
    ],
  },
  {
    name: 'acquire asked again under another name',
    hazard: 'The first attempt may stand in the queue, before the second.',
    replacements: [
      {
        file: ACQUIRE,
        find: 'const place = await enter(ports, wish, deadlineAt, signal);',
        replace:
          'const enterAs = (name: string): Promise<Place> =>\n' +
          '      enter(ports, { ...wish, attempt: name }, deadlineAt, signal);\n' +
          '    const again = randomId(ports.random, ATTEMPT_WORDS);\n' +
          '    const place = await enterAs(attempt).catch(() => {\n' +
          '      attempt = again;\n' +
          '      return enterAs(again);\n' +
          '    });',
      },
      { file: ACQUIRE, find: '  const attempt = randomId(', replace: '  let attempt = randomId(' },
    ],
  },
  {
    name: 'whatever fails is told as taken',
    hazard: 'A try that was not answered says that somebody else has it.',
    replacements: [
      {
        file: ACQUIRE,
        find: '  return attempted(ports, wanted, false, options);\n',
        replace: '  return attempted(ports, wanted, false, options).catch(() => null);\n',
      },
    ],
  },
  {
    name: 'run gives back before its body has settled',
    hazard: 'A body that takes long works on without the lock.',
    replacements: [
      {
        file: MUTEX,
        find: '      result = await held.run(names, async () => body(grant));\n',
        replace:
          '      const work = held.run(names, async () => body(grant));\n' +
          '      await Promise.race([work, new Promise((resolve) => this.#ports.clock.setTimer(() => resolve(undefined), 1000))]);\n' +
          '      void work.catch(() => undefined);\n' +
          '      await grant.release();\n' +
          '      result = await work;\n',
      },
    ],
  },
  {
    name: 'term begins while the work of the last one goes on',
    hazard: 'Two terms overlap in one process.',
    replacements: [
      {
        file: ELECTION,
        find: '        timer = clock.setTimer(overrun, stopTimeout);\n',
        replace:
          '        if (stopTimeout > 0) reject(term.signal.reason);\n        else timer = clock.setTimer(overrun, stopTimeout);\n',
      },
    ],
  },
  {
    name: 'overrun forgotten at once',
    hazard: 'The object leads again while the work of a lost term goes on.',
    replacements: [
      {
        file: ELECTION,
        find: '        this.#overrun = work.then(forget, forget);\n',
        replace: '        work.then(forget, forget);\n',
      },
    ],
  },
  {
    name: 'requirement left out',
    hazard: 'The transaction is applied whatever has become of the grant.',
    replacements: [
      {
        file: 'client/api/txn.ts',
        find: 'required.length === 0 ? this.#plain(options)',
        replace: 'required.length >= 0 ? this.#plain(options)',
      },
    ],
  },
  {
    name: 'refusal of a token told as not yet known',
    hazard: 'What was fenced is told as in doubt.',
    replacements: [
      {
        file: 'client/api/txn.ts',
        find: "throw new QuorateError('FENCED', { detail: 'a grant that the transaction requires is not current' });",
        replace:
          "throw new QuorateError('FENCED', { outcome: 'unknown', detail: 'a grant that the transaction requires is not current' });",
      },
    ],
  },
  {
    name: 'observer believes whoever it asks',
    hazard: 'A member that is behind takes it back.',
    replacements: [
      {
        file: 'client/calls/observe-stream.ts',
        find: '      if (observed.change <= this.#change) return;\n',
        replace: '',
      },
      {
        file: 'client/calls/observe-stream.ts',
        find: 'observeMessage(name, this.#change)',
        replace: 'observeMessage(name, 0)',
      },
    ],
  },
];
