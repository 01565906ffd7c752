import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../../server/lib/quorate-error.js';
import type { Plan } from '../plan-types.js';
import { cleanRuns, type Door, judgedRun } from './judged-run.js';
import * as doors from './lying-doors.js';

const HISTORY = /^(revision order|linearizability|append cycles): /;

/** Members go away and come back, are cut off and slow: calls fail, and calls have unknown outcomes. */
const HARD_TIMES: Plan['faults'] = {
  messageLoss: 0.1,
  messageDelay: 0.2,
  partitionSymmetric: 0.6,
  crash: 0.3,
  gracefulStop: 0.5,
  pause: 0.4,
};

/** Whole clusters run here: seconds on a machine of their own, and many times that on a busy one. */
const slow = { timeout: 180_000 };

describe('members that keep their word are judged clean', slow, () => {
  it('when nothing goes wrong', async () => {
    const sum = await cleanRuns(3, {});
    expect(sum['operations']).toBeGreaterThan(150);
  });

  it('when they crash and are cut off', async () => {
    const sum = await cleanRuns(6, { faults: HARD_TIMES, faultyMs: 20_000 });
    const oks = ['put', 'txn', 'deleteRange', 'compact', 'linearizable read', 'serializable read', 'old read'];
    const codes = ['STOPPED', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'TIMEOUT', 'COMPACTED', 'FUTURE_REVISION'];
    const others = ['txn failed', 'txn unknown', 'put unknown', 'appends', 'transfers', 'retries', 'late answers'];
    const names = [...oks.map((kind) => `${kind} ok`), ...codes.map((code) => `code ${code}`), ...others];
    expect(names.filter((name) => (sum[name] ?? 0) === 0)).toEqual([]);
  });
});

describe('clients with leases', slow, () => {
  it('have them granted, kept, told of, revoked and ended, and the members that serve them are judged clean', async () => {
    const sum = await cleanRuns(6, { leaseClients: 2, faults: { pause: 0.3, leaderTransfer: 0.5 }, faultyMs: 15_000 });
    const calls = ['grant', 'keepAlive', 'timeToLive', 'leases', 'revoke'].map((kind) => `lease ${kind} ok`);
    const others = [
      'leases expired',
      'leases revoked',
      'ends of leases with keys',
      'code LEASE_EXISTS',
      'code LEASE_NOT_FOUND',
    ];
    expect([...calls, ...others].filter((name) => (sum[name] ?? 0) === 0)).toEqual([]);
  });
});

describe('clients of the SDK', () => {
  it('write, read, give up and come back, and what they were told is borne out by the log', slow, async () => {
    const faults = { messageLoss: 0.8, partitionSymmetric: 0.5, pause: 0.5, crash: 0.5 };
    const sum = await cleanRuns(6, { sessionClients: 2, faults, faultyMs: 20_000 });
    const calls = ['put', 'txn', 'deleteRange', 'linearizable read', 'session read', 'serializable read'];
    const sessions = ['session writes', 'session writes that came again', 'sessions expired'];
    const others = ['sdk put unknown', 'sdk code DEADLINE_EXCEEDED', 'client streams broken', 'client cuts'];
    const names = [...calls.map((kind) => `sdk ${kind} ok`), ...sessions, ...others];
    expect(names.filter((name) => (sum[name] ?? 0) === 0)).toEqual([]);
  });
});

describe('processes with grants of the SDK', () => {
  it('hold nothing that the log has ended, are paused and lose, and leave nothing behind', slow, async () => {
    const faults = { messageLoss: 0.5, partitionSymmetric: 0.7, pause: 0.9, clockRate: 1, wallClockJump: 0.7 };
    const sum = await cleanRuns(10, { sdkGrantClients: 2, faults, faultyMs: 20_000 });
    const grants = ['acquired', 'released', 'lost', 'not free', 'not acquired'].map((what) => `sdk grants ${what}`);
    const looks = ['sdk looks at a holding in jeopardy', 'sdk holdings looked at after a pause'];
    const others = ['sdk terms', 'sdk observations', 'sdk runs', 'sdk guarded writes', 'sdk proclamations'];
    expect([...grants, ...looks, ...others].filter((name) => (sum[name] ?? 0) === 0)).toEqual([]);
  });
});

describe('a member that breaks its word is found out:', slow, () => {
  const lies: readonly (readonly [string, Door, RegExp])[] = [
    ['names another member', doors.saysOtherMember, /^client: .* member 2 in the header/],
    ['names another cluster', doors.saysOtherCluster, /^client: .* cluster \d+ in the header, not \d+/],
    ['goes back in terms', doors.goesBackInTerms, /^client: .* term \d+ after term \d+/],
    ['goes back in revisions', doors.goesBackInTime, /^client: .* revision 1 after revision \d+/],
    ['rejects with a bug', doors.rejectsWith(new TypeError('x')), /^client: .* rejected with TypeError: x/],
    ['misses a key', doors.rejectsWith(new QuorateError('KEY_NOT_FOUND')), /^client: .* rejected with KEY_NOT_FOUND/],
    ['cancels on its own', doors.rejectsWith(new QuorateError('CANCELED')), /^client: .* nobody took it back/],
    ['calls a write a late read', doors.rejectsWith(new QuorateError('TIMEOUT')), /^client: .* rejected with TIMEOUT/],
    ['throws', doors.throws, /^client: .* threw Error: thrown instead of rejecting/],
    ['settles twice', doors.settlesTwice, /^client: .* settled twice/],
    ['answers other ops', doors.answersOtherOps, /^client: .* a deleteRange answers a put/],
    ['loses writes', doors.losesWrites, HISTORY],
    ['reads what is stale', doors.readsStale, HISTORY],
    ['applies half a transaction', doors.appliesHalfTxns, HISTORY],
    ['applies half a transfer', doors.appliesHalfTxns, /^bank: c\d saw \d of \d accounts/],
    ['writes twice', doors.writesTwice, HISTORY],
    ['writes what nobody asked for', doors.writesUnasked, HISTORY],
    ['takes the wrong branch', doors.takesTheWrongBranch, HISTORY],
    ['ignores what a transaction is guarded by', doors.ignoresGuards, HISTORY],
    ['denies writes that happened', doors.deniesWrites, HISTORY],
    ['miscounts', doors.miscounts, HISTORY],
    ['miscounts what it deletes', doors.miscountsDeletes, HISTORY],
    ['changes the past', doors.changesThePast, HISTORY],
    ['forgets in the end', doors.forgets, HISTORY],
    ['mixes values up', doors.mixesValuesUp, HISTORY],
  ];
  for (const [name, door, expected] of lies) {
    it(name, async () => {
      expect(await firstFinding(expected, door)).toMatch(expected);
    });
  }
});

/** What the first seed with such a finding says; not every seed does what a lie is about. */
async function firstFinding(expected: RegExp, door: Door): Promise<string> {
  for (let seed = 1; seed < 10; seed += 1) {
    const { findings } = await judgedRun({ seed, door });
    const found = findings.map(({ checker, message }) => `${checker}: ${message}`).find((said) => expected.test(said));
    if (found !== undefined) return found;
  }
  return 'nothing of the kind in any seed';
}
