/** Sessions where the random programs of the property test do not come: limits, slots, expiry of many, odd commands. */
import { describe, expect, it } from 'vitest';
import type { Command, Stamp } from '../../server/state/command.js';
import type { Applied } from '../../server/state/result.js';
import {
  CLIENT_NAME_LENGTH_MAX,
  CLUSTER_TIME_PERIOD_MS,
  EXPIRE_RECORDS_TARGET,
  REPLIES_BYTES_MAX,
  REPLY_BYTES_MAX,
  SESSION_TTL_MS_MAX,
  SESSIONS_MAX,
  WINDOW_BYTES,
  WINDOW_REPLIES,
} from '../../server/state/session/session-limits.js';
import type { SessionRecord } from '../../server/state/session/session-table.js';
import { StateRebuild } from '../../server/state/state-rebuild.js';
import { clusterTime, expire, grant, put, range, revoke, sessionOpen, txn, VOID } from './commands.js';
import { MachineOnDisk } from './machine-on-disk.js';

const TERM = 4;

function withSession(ttlMs?: number): MachineOnDisk {
  const disk = new MachineOnDisk();
  disk.apply(sessionOpen('it', ttlMs), TERM);
  return disk;
}

function write(disk: MachineOnDisk, command: Command, sequence: number, rest: Partial<Stamp> = {}): Applied {
  return disk.apply(command, TERM, { session: 1, sequence, settled: 0, ...rest });
}

/** 'ok', or the code and what it says. */
function told({ outcome }: Applied): string {
  return outcome.ok ? 'ok' : `${outcome.code} ${outcome.detail}`;
}

/** Until it has moved on by `ms` at least. */
function pass(disk: MachineOnDisk, ms: number): readonly number[] {
  const expired: number[] = [];
  const to = disk.machine.sessions.timeMs + ms;
  while (disk.machine.sessions.timeMs < to) {
    const { outcome } = disk.apply(clusterTime(TERM, disk.machine.sessions.timeMs + CLUSTER_TIME_PERIOD_MS), TERM);
    if (outcome.ok && outcome.result.kind === 'clusterTime') expired.push(...outcome.result.expired);
  }
  return expired;
}

describe('a session', () => {
  it.each([
    ['the longest name and time', 'x'.repeat(CLIENT_NAME_LENGTH_MAX), SESSION_TTL_MS_MAX, 'ok'],
    ['a longer name', 'x'.repeat(CLIENT_NAME_LENGTH_MAX + 1), 1, 'INVALID_SESSION'],
    ['a longer time', '', SESSION_TTL_MS_MAX + 1, 'INVALID_SESSION'],
    ['no time', '', 0, 'INVALID_SESSION'],
    ['half a millisecond', '', 0.5, 'INVALID_SESSION'],
  ])('with %s', (_, name, ttlMs, code) => {
    expect(told(new MachineOnDisk().apply(sessionOpen(name, ttlMs)))).toMatch(new RegExp(`^${code}`));
  });

  it(`is one of ${SESSIONS_MAX} at most, and its id is never used again`, () => {
    const disk = withSession(1);
    for (let count = 1; count < SESSIONS_MAX; count += 1) disk.apply(sessionOpen(''), TERM);
    expect(told(disk.apply(sessionOpen(''), TERM))).toBe(`TOO_MANY_SESSIONS there are ${SESSIONS_MAX} already`);
    expect(pass(disk, 2 * CLUSTER_TIME_PERIOD_MS)).toEqual([1]);
    disk.restart();
    expect(disk.apply(sessionOpen(''), TERM).outcome).toMatchObject({ result: { id: SESSIONS_MAX + 1 } });
  });

  it('writes only what is a write, and what is none takes its number too', () => {
    const disk = withSession();
    const kinds = [
      clusterTime(TERM, 5),
      sessionOpen(''),
      expire(TERM, 1n),
      { kind: 'publishMember' as const, id: 1n, name: '', clientUrls: [] },
      { kind: 'unknown' as const, version: 9 },
    ];
    kinds.forEach((command, place) => {
      expect(told(write(disk, command, place + 1))).toBe(`UNKNOWN_COMMAND ${command.kind} as a write of a session`);
      expect(write(disk, put('a'), place + 1)).toMatchObject({ isReplay: true, outcome: { code: 'UNKNOWN_COMMAND' } });
    });
    expect(disk.machine.sessions.size).toBe(1);
    expect(told(write(disk, put('a'), kinds.length + 1))).toBe('ok');
  });

  it('alone may write nothing', () => {
    expect(told(new MachineOnDisk().apply(VOID))).toBe('UNKNOWN_COMMAND a void write of no session');
  });

  it('is told the lease that was granted first, whatever it asks for again', () => {
    const disk = withSession();
    write(disk, grant(7n, 5000), 1);
    const again = write(disk, grant(8n, 9000), 1);
    expect(again).toMatchObject({ isReplay: true, outcome: { result: { kind: 'leaseGrant', id: 7n, ttlMs: 5000 } } });
    expect([...disk.machine.leases.all()].map(({ id }) => id)).toEqual([7n]);
    expect(told(write(disk, revoke(7n), 2))).toBe('ok');
    expect(told(write(disk, revoke(7n), 2))).toBe('ok');
    expect(told(write(disk, revoke(7n), 3))).toMatch(/^LEASE_NOT_FOUND/);
  });

  it('that settles ahead of its writes gives up those between', () => {
    const disk = withSession();
    write(disk, put('a'), 1);
    expect(told(write(disk, put('b'), 9, { settled: 8 }))).toBe('ok');
    expect(told(write(disk, put('c'), 5))).toBe('SEQUENCE_SETTLED 5, settled up to 8');
    expect(told(write(disk, put('c'), 11))).toBe('SEQUENCE_GAP 11, the next one is 10');
    disk.restart();
    expect(told(write(disk, put('c'), 8))).toBe('SEQUENCE_SETTLED 8, settled up to 8');
    expect(disk.machine.sessions.get(1)).toMatchObject({ settled: 8, applied: 9 });
  });
});

describe('records that are missing', () => {
  const rebuilt = (records: readonly SessionRecord[]): void => {
    const rebuild = new StateRebuild({ revision: 4, compactedRevision: -1, members: [] });
    rebuild.addSessions(records);
    rebuild.finish();
  };
  const records = (): readonly SessionRecord[] => {
    const disk = withSession();
    for (let sequence = 1; sequence <= 3; sequence += 1) write(disk, VOID, sequence);
    return disk.sessionRecords();
  };

  it('of a session, or of a reply before its last one, keep a member from going on', () => {
    expect(() => rebuilt(records())).not.toThrow();
    expect(() => rebuilt(records().filter(({ kind }) => kind !== 'putSession'))).toThrow('a session that is not there');
    expect(() => rebuilt(records().filter((_, place) => place !== 3))).toThrow('replies of a session are missing');
  });
});

describe('the window', () => {
  it(`holds ${WINDOW_REPLIES} replies, void ones too`, () => {
    const disk = withSession();
    for (let sequence = 1; sequence <= WINDOW_REPLIES; sequence += 1) {
      expect(told(write(disk, sequence % 2 === 0 ? VOID : put('a'), sequence))).toBe('ok');
    }
    const beyond = WINDOW_REPLIES + 1;
    const full = `SESSION_WINDOW_FULL ${WINDOW_REPLIES} replies are not settled, at most ${WINDOW_REPLIES}`;
    expect(told(write(disk, put('a'), beyond))).toBe(full);
    expect(told(write(disk, VOID, beyond))).toBe(full);
    expect(write(disk, put('a'), 1)).toMatchObject({ isReplay: true });
    expect(told(write(disk, put('a'), beyond, { settled: 1 }))).toBe('ok');
    disk.restart();
    for (let sequence = 2; sequence <= beyond; sequence += 1) {
      expect(write(disk, put('a'), sequence)).toMatchObject({ isReplay: true });
    }
  });

  it('keeps the right replies in its slots however far a client is behind, over restarts', () => {
    const disk = withSession();
    for (let sequence = 1; sequence <= 5_000; sequence += 1) {
      const settled = Math.max(0, sequence - 1 - ((sequence * 7) % WINDOW_REPLIES));
      const { revision } = write(disk, put('a', String(sequence)), sequence, { settled });
      if (sequence % 701 !== 0) continue;
      disk.restart();
      const { settled: kept } = disk.machine.sessions.get(1) ?? { settled: -1 };
      expect(write(disk, put('a'), sequence)).toMatchObject({ isReplay: true, revision });
      expect(write(disk, put('a'), kept + 1)).toMatchObject({ isReplay: true, revision: kept + 2 });
      expect(told(write(disk, put('a'), kept))).toMatch(/^SEQUENCE_SETTLED/);
    }
    expect(disk.sessionRecords()).toHaveLength(WINDOW_REPLIES + 2);
  });

  it(`holds ${WINDOW_BYTES} bytes, and no reply of more than ${REPLY_BYTES_MAX}`, () => {
    const disk = withSession();
    const big = put('a', 'x'.repeat(REPLY_BYTES_MAX - 1000), { prevKv: true });
    write(disk, big, 1);
    for (let sequence = 2; sequence <= 6; sequence += 1) {
      expect(told(write(disk, big, sequence))).toBe('ok');
      disk.restart();
    }
    expect(told(write(disk, big, 7))).toMatch(/^SESSION_WINDOW_FULL \d+ bytes of replies are not settled, at most /);
    expect(write(disk, big, 6)).toMatchObject({ isReplay: true, outcome: { result: { prevKv: { key: 'a' } } } });
    write(disk, put('a', 'x'.repeat(REPLY_BYTES_MAX)), 7, { settled: 6 });
    const whole = write(disk, put('a', '', { prevKv: true }), 8);
    expect(whole.outcome).toMatchObject({ ok: true, result: { prevKv: { modRevision: 8 } } });
    disk.restart();
    const again = write(disk, put('a', '', { prevKv: true }), 8);
    expect(told(again)).toMatch(/^REPLY_TOO_LARGE the reply had \d+ bytes, at most 262144 are kept$/);
    expect(again).toMatchObject({ isReplay: true, revision: whole.revision });
  });

  it(`shares ${REPLIES_BYTES_MAX} bytes with all others`, () => {
    const disk = new MachineOnDisk();
    const big = put('a', 'x'.repeat(REPLY_BYTES_MAX - 1000), { prevKv: true });
    disk.apply(big);
    const perSession = Math.ceil(WINDOW_BYTES / REPLY_BYTES_MAX) + 1;
    /** Until one is refused. */
    const fill = (): { readonly writes: number; readonly answer: string } => {
      for (let writes = 0; writes < 10_000; ) {
        const { outcome } = disk.apply(sessionOpen(''), TERM);
        const session = outcome.ok && outcome.result.kind === 'sessionOpen' ? outcome.result.id : 0;
        for (let sequence = 1; sequence <= perSession; sequence += 1, writes += 1) {
          const answer = told(write(disk, big, sequence, { session }));
          if (answer !== 'ok') return { writes, answer };
        }
      }
      throw new Error('never refused');
    };
    const first = fill();
    expect(first.answer).toMatch(/^SESSION_WINDOW_FULL all sessions keep \d+ bytes, at most /);
    // What one settles is room for the others.
    write(disk, VOID, perSession + 1, { session: 2, settled: perSession });
    expect(told(write(disk, put('b'), perSession + 1, { session: 3, settled: 1 }))).toBe('ok');
    pass(disk, 320_000);
    expect(disk.machine.sessions.size).toBe(0);
    expect(fill()).toEqual(first);
  });
});

describe("the cluster's time", () => {
  it.each([TERM - 1, TERM + 1, 0])('moves in an entry of its own term only, not in one of %i', (entryTerm) => {
    const disk = withSession(1);
    const applied = disk.apply(clusterTime(TERM, 9_000), entryTerm);
    expect(applied).toMatchObject({ outcome: { result: { expired: [] } }, writes: [] });
    expect(disk.machine.sessions.timeMs).toBe(0);
  });

  it('ends a session when its time and a period have passed since its last write, not before', () => {
    const disk = withSession(60_000);
    pass(disk, 40_000);
    write(disk, put('a'), 1);
    expect(pass(disk, 60_000 + CLUSTER_TIME_PERIOD_MS)).toEqual([]);
    expect(told(write(disk, put('a'), 1))).toBe('ok');
    expect(pass(disk, 60_000 + CLUSTER_TIME_PERIOD_MS)).toEqual([]);
    expect(pass(disk, 1)).toEqual([1]);
    expect(told(write(disk, put('a'), 2))).toBe('SESSION_EXPIRED session 1');
    expect(disk.sessionRecords().map(({ kind }) => kind)).toEqual(['sessionClock']);
  });

  it('ends as many in one entry as one may delete, by id, and says that more are due', () => {
    const disk = new MachineOnDisk();
    const heavy = 12;
    for (let session = 1; session <= heavy; session += 1) {
      disk.apply(sessionOpen('', 1), TERM);
      for (let sequence = 1; sequence <= WINDOW_REPLIES; sequence += 1) {
        write(disk, VOID, sequence, { session, settled: sequence - 1 });
      }
    }
    const perEntry = Math.floor(EXPIRE_RECORDS_TARGET / (WINDOW_REPLIES + 1));
    const ids = Array.from({ length: heavy }, (_, place) => place + 1);
    expect(pass(disk, 2 * CLUSTER_TIME_PERIOD_MS)).toEqual(ids.slice(0, perEntry));
    expect(disk.machine.sessions.hasOverdue).toBe(true);
    disk.restart();
    expect(disk.apply(clusterTime(TERM, 0), TERM).outcome).toMatchObject({ result: { expired: ids.slice(perEntry) } });
    expect(disk.machine.sessions.hasOverdue).toBe(false);
    expect(disk.sessionRecords()).toHaveLength(1);
  });
});

describe('a reply that reads', () => {
  it('between two writes of a revision can be told until that revision is compacted', () => {
    const disk = withSession();
    const between = txn([put('a', '1'), range('a'), put('b', '2')]);
    write(disk, between, 1);
    disk.apply(put('c'));
    expect(told(write(disk, between, 1))).toBe('ok');
    disk.apply({ kind: 'compact', revision: 2 });
    expect(told(write(disk, between, 1))).toBe('REPLY_TOO_OLD it reads revision 2, compacted up to 2');
  });

  it('at the end of a revision can be told as long as that one can be read', () => {
    const disk = withSession();
    disk.apply(put('a', '1'));
    write(disk, txn([range('a'), txn([range('a')])]), 1);
    disk.apply(put('a', '2'));
    disk.apply({ kind: 'compact', revision: 2 });
    disk.removeAll();
    expect(told(write(disk, VOID, 1))).toBe('ok');
    disk.apply({ kind: 'compact', revision: 3 });
    expect(told(write(disk, VOID, 1))).toBe('REPLY_TOO_OLD it reads revision 2, compacted up to 3');
  });
});
