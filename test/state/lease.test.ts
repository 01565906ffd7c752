/** Leases where the random programs of the property test do not come: limits, causes, terms, what goes to the disk. */
import { describe, expect, it } from 'vitest';
import { EXPIRE_KEYS_TARGET, LEASE_TTL_MS_MAX } from '../../server/state/lease/lease-commands.js';
import { LEASE_KEY_BYTES_MAX, LEASE_KEYS_MAX } from '../../server/state/lease/lease-table.js';
import type { Applied } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { StateRebuild } from '../../server/state/state-rebuild.js';
import { checkpoint, del, expire, grant, put, revoke, txn } from './commands.js';

const TERM = 4;

function machineWith(...leases: readonly bigint[]): StateMachine {
  const machine = StateMachine.create({ members: [] });
  for (const id of leases) machine.apply(grant(id, 5000), TERM);
  return machine;
}

function codeOf({ outcome }: Applied): string {
  return outcome.ok ? 'ok' : outcome.code;
}

function deletedKeys({ events }: Applied): string[] {
  return events.map(({ kv, revision, cause }) => `${kv.key}@${revision.main}.${revision.sub} ${cause}`);
}

describe('a lease', () => {
  it('takes its keys along when it is revoked, in byte order, in one revision', () => {
    const machine = machineWith(1n);
    for (const key of ['b', 'a', '\xff', 'c']) machine.apply(put(key, '', { lease: 1n }), TERM);
    machine.apply(put('c'), TERM);
    const applied = machine.apply(revoke(1n), TERM);
    expect(applied).toMatchObject({ outcome: { ok: true, result: { kind: 'leaseRevoke' } }, revision: 7 });
    expect(deletedKeys(applied)).toEqual(['a@7.0 leaseRevoked', 'b@7.1 leaseRevoked', '\xff@7.2 leaseRevoked']);
    expect(applied.writes.at(-1)).toEqual({ kind: 'deleteLease', id: 1n });
    expect(codeOf(machine.apply(revoke(1n), TERM))).toBe('LEASE_NOT_FOUND');
    expect(codeOf(machine.apply(put('d', '', { lease: 1n }), TERM))).toBe('LEASE_NOT_FOUND');
  });

  it('without keys comes and goes without a revision', () => {
    const machine = machineWith(1n, 2n);
    expect(machine.apply(revoke(1n), TERM)).toMatchObject({ revision: 1, events: [] });
    expect(machine.apply(expire(TERM, 2n), TERM)).toMatchObject({ revision: 1, events: [] });
    expect(machine.leases.size).toBe(0);
  });

  it.each([
    ['an id in use', grant(1n), 'LEASE_EXISTS'],
    ['the largest ttl', grant(2n, LEASE_TTL_MS_MAX), 'ok'],
    ['a ttl beyond', grant(2n, LEASE_TTL_MS_MAX + 1), 'LEASE_TTL_TOO_LARGE'],
    ['no id', grant(0n), 'INVALID_LEASE'],
    ['no time', grant(2n, 0), 'INVALID_LEASE'],
    ['a negative time', grant(2n, -1), 'INVALID_LEASE'],
    ['no number', grant(2n, Number.NaN), 'INVALID_LEASE'],
    ['a negative id', grant(-(2n ** 63n)), 'ok'],
  ])('granted with %s: %s', (_, command, code) => {
    expect(codeOf(machineWith(1n).apply(command, TERM))).toBe(code);
  });

  it('loses a key to a put without it, to another lease and to a delete', () => {
    const machine = machineWith(1n, 2n);
    for (const key of ['a', 'b', 'c', 'd']) machine.apply(put(key, '', { lease: 1n }), TERM);
    machine.apply(put('a'), TERM);
    machine.apply(put('b', '', { lease: 2n }), TERM);
    machine.apply(del('c'), TERM);
    machine.apply(put('d', 'new', { ignoreLease: true }), TERM);
    expect(machine.leases.keysOf(1n)).toEqual(['d']);
    expect(machine.leases.keysOf(2n)).toEqual(['b']);
  });

  it('is known to the txn that puts with it, and the causes of deletes tell it from others', () => {
    const machine = machineWith(1n);
    const both = machine.apply(txn([put('a', '', { lease: 1n }), txn([put('b', '', { lease: 1n })])]), TERM);
    expect(codeOf(both)).toBe('ok');
    expect(deletedKeys(machine.apply(txn([del('a')]), TERM))).toEqual(['a@3.0 txn']);
    expect(deletedKeys(machine.apply(expire(TERM, 1n), TERM))).toEqual(['b@4.0 leaseExpired']);
    machine.apply(put('c'), TERM);
    expect(deletedKeys(machine.apply(del('c'), TERM))).toEqual(['c@6.0 delete']);
  });
});

describe('what a leader says about time', () => {
  it.each([TERM - 1, TERM + 1, 0])('counts in an entry of its own term only, not in one of %i', (entryTerm) => {
    const machine = machineWith(1n);
    machine.apply(put('a', '', { lease: 1n }), TERM);
    expect(machine.apply(expire(TERM, 1n), entryTerm)).toMatchObject({
      outcome: { ok: true, result: { expired: [] } },
      revision: 2,
      writes: [],
    });
    expect(machine.apply(checkpoint(TERM, { id: 1n, remainingMs: 7 }), entryTerm).writes).toEqual([]);
    expect(machine.leases.get(1n)).toEqual({ id: 1n, ttlMs: 5000, remainingMs: 0, grantedIndex: 0 });
  });

  it('is about the lease that it means, not about another one that came under its id meanwhile', () => {
    const machine = StateMachine.create({ members: [] });
    machine.apply(grant(1n, 5000), TERM, 3);
    const ending = { kind: 'leaseExpire', term: TERM, leases: [{ id: 1n, grantedIndex: 3 }] } as const;
    const noting = {
      kind: 'leaseCheckpoint',
      term: TERM,
      leases: [{ id: 1n, grantedIndex: 3, remainingMs: 7 }],
    } as const;
    machine.apply(revoke(1n), TERM, 4);
    machine.apply(grant(1n, 9000), TERM, 5);
    machine.apply(put('a', '', { lease: 1n }), TERM, 6);
    expect(machine.apply(noting, TERM, 7).writes).toEqual([]);
    expect(machine.apply(ending, TERM, 8)).toMatchObject({
      outcome: { result: { expired: [] } },
      events: [],
      writes: [],
    });
    expect(machine.leases.get(1n)).toEqual({ id: 1n, ttlMs: 9000, remainingMs: 0, grantedIndex: 5 });
    const ended = machine.apply({ ...ending, leases: [{ id: 1n, grantedIndex: 5 }] }, TERM, 9);
    expect(deletedKeys(ended)).toEqual(['a@3.0 leaseExpired']);
  });

  it('ends several leases, each in a revision of its own, and passes over those that are gone', () => {
    const machine = machineWith(1n, 2n, 3n);
    for (const [key, lease] of [
      ['b', 1n],
      ['a', 1n],
      ['c', 3n],
    ] as const)
      machine.apply(put(key, '', { lease }), TERM);
    const applied = machine.apply(expire(TERM, 3n, 9n, 2n, 1n, 3n), TERM);
    expect(applied).toMatchObject({ outcome: { result: { expired: [3n, 2n, 1n] } }, revision: 6 });
    expect(deletedKeys(applied)).toEqual(['c@5.0 leaseExpired', 'a@6.0 leaseExpired', 'b@6.1 leaseExpired']);
  });

  it('leaves leases with many keys for the next command, but always takes the first', () => {
    const machine = machineWith(1n, 2n, 3n);
    for (let i = 0; i <= EXPIRE_KEYS_TARGET; i += 1) machine.apply(put(`k${i}`, '', { lease: 1n }), TERM);
    machine.apply(put('z', '', { lease: 2n }), TERM);
    const expired = (applied: Applied) => applied.outcome.ok && applied.outcome.result;
    expect(expired(machine.apply(expire(TERM, 1n, 2n, 3n), TERM))).toEqual({ kind: 'leaseExpire', expired: [1n] });
    expect(expired(machine.apply(expire(TERM, 2n, 3n), TERM))).toEqual({ kind: 'leaseExpire', expired: [2n, 3n] });
  });

  it.each([
    [1, 1],
    [4999, 4999],
    [5000, 0],
    [9000, 0],
    [0, 0],
    [-5, 0],
  ])('notes %i ms of 5000 as %i', (remainingMs, noted) => {
    const machine = machineWith(1n);
    machine.apply(checkpoint(TERM, { id: 1n, remainingMs: 3000 }), TERM);
    const { writes } = machine.apply(checkpoint(TERM, { id: 1n, remainingMs }, { id: 2n, remainingMs: 1 }), TERM);
    expect(writes).toEqual([{ kind: 'putLease', lease: { id: 1n, ttlMs: 5000, remainingMs: noted, grantedIndex: 0 } }]);
    expect(machine.apply(checkpoint(TERM, { id: 1n, remainingMs }), TERM).writes).toEqual([]);
  });
});

describe('the room on a lease', () => {
  it(`ends at ${LEASE_KEYS_MAX} keys, however they come`, () => {
    const machine = machineWith(1n);
    for (let i = 0; i < LEASE_KEYS_MAX - 1; i += 1) machine.apply(put(`k${i}`, '', { lease: 1n }), TERM);
    expect(codeOf(machine.apply(txn([put('x', '', { lease: 1n }), put('y', '', { lease: 1n })]), TERM))).toBe(
      'LEASE_TOO_LARGE',
    );
    expect(codeOf(machine.apply(put('x', '', { lease: 1n }), TERM))).toBe('ok');
    expect(codeOf(machine.apply(put('y', '', { lease: 1n }), TERM))).toBe('LEASE_TOO_LARGE');
    // Those that hang on it already may be written.
    expect(codeOf(machine.apply(put('x', 'again', { lease: 1n }), TERM))).toBe('ok');
    const applied = machine.apply(revoke(1n), TERM);
    expect(applied.events).toHaveLength(LEASE_KEYS_MAX);
    expect(machine.leases.size).toBe(0);
  });

  it(`ends at ${LEASE_KEY_BYTES_MAX} bytes of keys`, () => {
    const machine = machineWith(1n);
    const large = 'x'.repeat(1024 * 1024);
    const keys = LEASE_KEY_BYTES_MAX / (large.length + 8);
    for (let i = 0; i < Math.floor(keys); i += 1) {
      machine.apply(put(`${large}${String(i).padStart(8)}`, '', { lease: 1n }), TERM);
    }
    expect(codeOf(machine.apply(put(large, '', { lease: 1n }), TERM))).toBe('LEASE_TOO_LARGE');
    expect(codeOf(machine.apply(put('small', '', { lease: 1n }), TERM))).toBe('ok');
    expect(codeOf(machine.apply(revoke(1n), TERM))).toBe('ok');
  });
});

it('a rebuild refuses a key on a lease that the disk does not have', () => {
  const rebuild = new StateRebuild({ revision: 2, compactedRevision: -1, members: [] });
  const kv = { key: 'a', value: '', createRevision: 2, modRevision: 2, version: 1, lease: 7n };
  rebuild.add([{ revision: { main: 2, sub: 0 }, tombstone: false, kv }]);
  expect(() => rebuild.finish()).toThrow('lease');
});
