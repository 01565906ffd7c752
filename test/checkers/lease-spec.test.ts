import { describe, expect, it } from 'vitest';
import type { Command } from '../../server/state/command.js';
import type { Applied, Event } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { del, put, txn } from '../node/requests.js';
import { grant, revoke } from '../state/commands.js';
import { LeaseSpec, type LoggedEntry } from './lease-spec.js';

type Lie = (applied: Applied) => Applied;

const TERM = 2;
const honest: Lie = (applied) => applied;

/** A log that a real state machine applies, and may lie about. */
class Log {
  readonly machine = StateMachine.create({ members: [] });
  readonly spec = new LeaseSpec();
  #index = 0;

  take(command: Command, { lie = honest, term = TERM }: { lie?: Lie; term?: number } = {}): readonly string[] {
    this.#index += 1;
    const index = this.#index;
    const applied = lie(this.machine.apply(command, term, index));
    const entry: LoggedEntry = { index, term, atMs: 100 * index, command, applied };
    return this.spec.take(entry);
  }

  get differences(): readonly string[] {
    const { leases } = this.machine;
    return this.spec.differencesFrom(leases.all(), (id) => leases.keysOf(id));
  }
}

const under = (lease: bigint, key: string): Command => put(key, `${key} under ${lease}`, { lease });
/** Each named with the entry that granted it. */
const expire = (...leases: readonly (readonly [bigint, number])[]): Command => ({
  kind: 'leaseExpire',
  term: TERM,
  leases: leases.map(([id, grantedIndex]) => ({ id, grantedIndex })),
});
const note = (id: bigint, grantedIndex: number, remainingMs: number): Command => ({
  kind: 'leaseCheckpoint',
  term: TERM,
  leases: [{ id, grantedIndex, remainingMs }],
});

function logWith(...commands: readonly Command[]): Log {
  const log = new Log();
  for (const command of commands) expect(log.take(command)).toEqual([]);
  return log;
}

const withEvents =
  (change: (events: readonly Event[]) => readonly Event[]): Lie =>
  (applied) => ({ ...applied, events: change(applied.events) });

describe('a log that is applied as it says', () => {
  it('has nothing to complain of', () => {
    const log = logWith(
      under(0n, 'a'),
      grant(7n, 5000),
      grant(8n, 5000),
      grant(7n, 5000),
      under(7n, 'c'),
      under(7n, 'a'),
      under(8n, 'b'),
      txn({ success: [put('d', '1', { lease: 7n }), put('e', '2', { lease: 8n }), del('b')] }),
      put('c', 'free again'),
      under(9n, 'f'),
      note(7n, 2, 1000),
      note(7n, 2, 0),
      note(7n, 4, 1000),
      note(8n, 3, 9000),
      note(9n, 1, 1000),
      expire([7n, 4], [8n, 4]),
      expire([7n, 2], [9n, 1], [8n, 3], [7n, 2]),
      revoke(8n),
      grant(8n, 5000),
      expire([8n, 3]),
      revoke(8n),
    );
    expect(log.differences).toEqual([]);
    const told = log.spec.lives.map(({ id, granted, ended }) => [id, granted.index, ended?.cause, ended?.keys]);
    expect(told).toEqual([
      ['7', 2, 'expired', ['a', 'd']],
      ['8', 3, 'expired', ['e']],
      ['8', 19, 'revoked', []],
    ]);
  });

  it('knows what a transaction inside a transaction puts, in the branch that was taken', () => {
    const inner = txn({ success: [put('a', '1', { lease: 7n })], failure: [put('b', '1', { lease: 8n })] });
    const log = logWith(grant(7n, 5000), txn({ success: [inner], failure: [put('c', '1', { lease: 8n })] }));
    expect(log.differences).toEqual([]);
    expect(log.spec.lives[0]?.keys.at(-1)?.keys).toEqual(['a']);
  });

  it('tells what hung on a lease, and which leases there were, at any time', () => {
    const { spec } = logWith(
      grant(7n, 5000),
      under(7n, 'b'),
      under(7n, 'a'),
      del('b'),
      grant(8n, 5000),
      expire([7n, 1]),
    );
    expect(spec.lives[0]?.keys.map(({ atMs, keys }) => [atMs, keys])).toEqual([
      [100, []],
      [200, ['b']],
      [300, ['a', 'b']],
      [400, ['a']],
    ]);
    expect(spec.firstListed(1, [])).toBe(0);
    expect(spec.firstListed(3, ['7'])).toBe(300);
    expect(spec.firstListed(4, ['8', '7'])).toBe(500);
    expect(spec.firstListed(5, ['8'])).toBe(600);
    expect(spec.firstListed(5, ['7', '8'])).toBeUndefined();
    expect([...spec.live].map(({ id }) => id)).toEqual(['8']);
  });

  it('does nothing by the word of a leader of another term', () => {
    const log = logWith(grant(7n, 5000), under(7n, 'a'));
    expect(log.take(expire([7n, 1]), { term: TERM + 1 })).toEqual([]);
    expect(log.take(note(7n, 1, 1000), { term: TERM + 1 })).toEqual([]);
    expect(log.differences).toEqual([]);
    expect(log.spec.lives[0]?.ended).toBeUndefined();
  });
});

describe('a write of a session that comes again', () => {
  const again = (log: Log, command: Command, applied: Applied): readonly string[] =>
    log.spec.take({ index: 9, term: TERM, atMs: 900, command, applied, takesEffect: false });
  const told: Applied = { outcome: { ok: true, result: { kind: 'leaseRevoke' } }, revision: 1, events: [], writes: [] };

  it('does nothing, whatever it is told', () => {
    const log = logWith(grant(7n, 5000), under(7n, 'a'));
    expect(again(log, revoke(7n), told)).toEqual([]);
    expect(again(log, grant(8n, 5000), told)).toEqual([]);
    expect(log.differences).toEqual([]);
    // The revision that it was told is an old one, and not that of the store.
    expect(log.take(revoke(7n))).toEqual([]);
  });

  it('is found out when it does something', () => {
    const log = logWith(grant(7n, 5000), under(7n, 'a'));
    const { events } = log.machine.apply(revoke(7n), TERM, 9);
    expect(again(log, revoke(7n), { ...told, events })).toEqual(['entry 2/9, leaseRevoke: it did 3.0 delete a']);
  });
});

describe('the end of a lease is found out when', () => {
  const two = (): Log => logWith(grant(7n, 5000), under(7n, 'b'), under(7n, 'a'), put('c', 'free'));

  const lies: readonly (readonly [string, Lie, string])[] = [
    [
      'it leaves a key',
      withEvents((events) => events.slice(1)),
      'it did 5.1 delete b, and should have done 5.0 delete a',
    ],
    ['it leaves all', (applied) => ({ ...applied, events: [], revision: 4 }), 'it did nothing, and should have done'],
    ['it takes its keys in another order', withEvents((events) => events.toReversed()), 'it did 5.1 delete b, 5.0'],
    [
      'it takes them in two revisions',
      withEvents((events) => events.map((event, sub) => ({ ...event, revision: { main: 5 + sub, sub: 0 } }))),
      'it did 5.0 delete a, 6.0 delete b',
    ],
    [
      'it takes another key',
      withEvents((events) => events.map((event) => ({ ...event, kv: { ...event.kv, key: 'c' } }))),
      'it did 5.0 delete c',
    ],
    ['it takes two revisions', (applied) => ({ ...applied, revision: 6 }), 'it left revision 6, not 5'],
    [
      'it is told as something else',
      withEvents((events) => events.map((event) => ({ ...event, cause: 'delete' as const }))),
      '5.0 delete a is told as delete',
    ],
  ];
  it.each(lies)('%s', (_, lie, says) => {
    for (const command of [expire([7n, 1]), revoke(7n)]) {
      expect(two().take(command, { lie })).toContainEqual(expect.stringContaining(says));
    }
  });

  it('it was the word of a leader of another term', () => {
    const log = two();
    const term = TERM + 1;
    const lie: Lie = () => log.machine.apply(expire([7n, 1]), TERM);
    expect(log.take(expire([7n, 1]), { term, lie })).toContainEqual(
      expect.stringContaining('and should have done nothing'),
    );
    expect(log.differences).toEqual(['lease 7 is missing']);
  });
});

describe('other effects are found out:', () => {
  it('a key under a lease that is not there', () => {
    const lie: Lie = (applied) => ({ ...applied, outcome: { ok: true, result: { kind: 'put', prevKv: undefined } } });
    expect(logWith(grant(7n, 5000)).take(under(8n, 'a'), { lie })).toContainEqual(
      expect.stringContaining('a was put under lease 8, which is not there'),
    );
  });

  it('a key that has another lease than its put said', () => {
    const lie = withEvents((events) => events.map((event) => ({ ...event, kv: { ...event.kv, lease: 0n } })));
    expect(logWith(grant(7n, 5000)).take(under(7n, 'a'), { lie })).toContainEqual(
      expect.stringContaining('a has lease 0'),
    );
  });

  it('a delete by a client that is told as the end of a lease', () => {
    const lie = withEvents((events) => events.map((event) => ({ ...event, cause: 'leaseExpired' as const })));
    expect(logWith(put('a', 'x')).take(del('a'), { lie })).toContainEqual(
      expect.stringContaining('a is told as leaseExpired'),
    );
  });

  it('a grant of what is there, and the refusal of one that is not', () => {
    const taken: Lie = (applied) => ({ ...applied, outcome: { ok: true, result: { kind: 'leaseRevoke' } } });
    const refused: Lie = (applied) => ({ ...applied, outcome: { ok: false, code: 'LEASE_EXISTS', detail: '' } });
    expect(logWith(grant(7n, 5000)).take(grant(7n, 5000), { lie: taken })).toContainEqual(
      expect.stringContaining('granted'),
    );
    expect(logWith(grant(7n, 5000)).take(grant(8n, 5000), { lie: refused })).toContainEqual(
      expect.stringContaining('refused'),
    );
    expect(logWith(grant(7n, 5000)).take(revoke(7n), { lie: refused })).toContainEqual(
      expect.stringContaining('refused'),
    );
  });

  it('leases that differ from those of the log', () => {
    const log = logWith(grant(7n, 5000), under(7n, 'a'), note(7n, 1, 1000));
    log.machine.apply(note(7n, 1, 2000), TERM);
    expect(log.differences).toEqual(['lease 7 has 5000 ms and 2000 noted, not 5000 and 1000']);
    log.machine.apply(under(7n, 'b'));
    expect(log.differences).toEqual(['on lease 7 hang a, b, and a should']);
    log.machine.apply(grant(8n, 5000));
    log.machine.apply(revoke(7n));
    expect(log.differences).toEqual(['lease 7 is missing', 'lease 8 is there and should not be']);
  });
});
