import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../client/core/outcome.js';
import { LedgerEntry, type Refusal, SessionLedger } from '../../../client/core/session-ledger.js';

class Entry extends LedgerEntry {
  readonly frameBytesMax = 10;

  constructor(
    readonly name: string,
    readonly isWrite = true,
  ) {
    super();
  }
}

const never = 1_000_000;
const text = { message: '', detail: '' };
const passing: Refusal = { ...text, code: 'NO_LEADER', outcome: 'notApplied', retryable: true };
const gap: Refusal = { ...text, code: 'SEQUENCE_GAP', outcome: 'notApplied', retryable: true };
const final: Refusal = { ...text, code: 'LEASE_NOT_FOUND', outcome: 'notApplied', retryable: false };

function begun(limits: { windowReplies?: number; requestsInFlight?: number } = {}): SessionLedger<Entry> {
  const ledger = new SessionLedger<Entry>({ below: (bound) => bound - 1 });
  ledger.begin({ windowReplies: 8, requestsInFlight: 100, ...limits });
  return ledger;
}

function submitted(ledger: SessionLedger<Entry>, ...names: readonly string[]): readonly Entry[] {
  const entries = names.map((name) => new Entry(name, !name.startsWith('r')));
  for (const entry of entries) ledger.submit(entry);
  return entries;
}

/** Name, number and sequence number of each. */
const sent = (ledger: SessionLedger<Entry>, now = 0, bytesMax = never): readonly string[] =>
  ledger
    .take(now, bytesMax)
    .map(({ name, number, sequence, isVoid }) => `${isVoid ? 'void of ' : ''}${name} #${number} s${sequence}`);

describe('the session ledger', () => {
  it('numbers requests, and writes in sequence', () => {
    const ledger = begun();
    submitted(ledger, 'a', 'r', 'b');
    expect(sent(ledger)).toEqual(['a #1 s1', 'b #2 s2', 'r #3 s0']);
    expect(ledger.answered(2)?.name).toBe('b');
    expect(ledger.settled).toBe(0);
    expect(ledger.answered(1)?.name).toBe('a');
    expect(ledger.settled).toBe(2);
    expect(ledger.answered(1)).toBeUndefined();
  });

  it('sends no more writes than the session keeps replies, and lets reads pass', () => {
    const ledger = begun({ windowReplies: 2 });
    submitted(ledger, 'a', 'b', 'c', 'r');
    expect(sent(ledger)).toEqual(['a #1 s1', 'b #2 s2', 'r #3 s0']);
    ledger.answered(2);
    expect(sent(ledger)).toEqual([]);
    ledger.answered(1);
    expect(sent(ledger)).toEqual(['c #4 s3']);
  });

  it('sends no more requests than the member reads, and no larger frames than asked, but always one', () => {
    const ledger = begun({ requestsInFlight: 3 });
    submitted(ledger, 'a', 'b', 'c', 'd');
    expect(sent(ledger, 0, 1)).toEqual(['a #1 s1']);
    expect(sent(ledger, 0, 20)).toEqual(['b #2 s2', 'c #3 s3']);
    expect(sent(ledger)).toEqual([]);
  });

  it('sends again what a broken stream left unanswered, under the same sequence numbers and in order', () => {
    const ledger = begun();
    const [a, b] = submitted(ledger, 'a', 'b', 'r');
    sent(ledger);
    ledger.answered(1);
    ledger.streamLost();
    submitted(ledger, 'c');
    ledger.resume({ requestsInFlight: 100 });
    expect(sent(ledger)).toEqual(['b #4 s2', 'r #5 s0', 'c #6 s3']);
    expect([a?.outcome, b?.outcome]).toEqual(['notApplied', 'unknown']);
    expect(b?.attempts).toBe(2);
  });

  it('waits after a refusal, and lets nothing overtake', () => {
    const ledger = begun();
    submitted(ledger, 'a');
    sent(ledger);
    expect(ledger.refused(1, passing, 1_000).verdict).toBe('again');
    submitted(ledger, 'b', 'r');
    expect(ledger.heldUntil).toBe(1_050);
    expect(sent(ledger, 1_049)).toEqual(['r #2 s0']);
    expect(sent(ledger, 1_050)).toEqual(['a #3 s1', 'b #4 s2']);
  });

  it('counts a wave of refusals as one', () => {
    const ledger = begun();
    submitted(ledger, 'a', 'b', 'c');
    sent(ledger);
    for (const number of [1, 2, 3]) ledger.refused(number, passing, 0);
    expect(ledger.heldUntil).toBe(50);
    sent(ledger, 50);
    for (const number of [4, 5, 6]) ledger.refused(number, passing, 50);
    expect(ledger.heldUntil).toBe(150);
  });

  it('sends a write that came too early when the one before it has been sent again', () => {
    const ledger = begun();
    submitted(ledger, 'a', 'b');
    sent(ledger);
    // b found a gap because a got lost on the way to the leader; a has not been answered yet.
    ledger.refused(2, gap, 0);
    expect(sent(ledger)).toEqual([]);
    ledger.refused(1, passing, 0);
    expect(sent(ledger, 50)).toEqual(['a #3 s1', 'b #4 s2']);
  });

  it('lets a write follow a final refusal once everything before that is over', () => {
    const ledger = begun();
    const [, b] = submitted(ledger, 'a', 'b', 'c');
    sent(ledger);
    expect(ledger.refused(2, final, 0)).toEqual({ verdict: 'rejected', entry: b });
    expect(b?.outcome).toBe('notApplied');
    ledger.refused(3, gap, 0);
    expect(sent(ledger)).toEqual([]);
    ledger.answered(1);
    expect(ledger.settled).toBe(2);
    expect(sent(ledger)).toEqual(['c #4 s3']);
  });

  it('rejects reads without further ado', () => {
    const ledger = begun();
    const [r] = submitted(ledger, 'r');
    sent(ledger);
    expect(ledger.refused(1, final, 0)).toEqual({ verdict: 'rejected', entry: r });
  });

  it('tells what was applied though its reply is gone', () => {
    const ledger = begun();
    const [a] = submitted(ledger, 'a');
    sent(ledger);
    ledger.streamLost();
    sent(ledger);
    ledger.refused(2, { ...text, code: 'REPLY_TOO_LARGE', outcome: 'applied', retryable: false }, 0);
    expect(a?.outcome).toBe('applied');
    expect(ledger.settled).toBe(1);
  });
});

describe('giving up', () => {
  const outcomes = (ledger: SessionLedger<Entry>, ...entries: readonly Entry[]): readonly Outcome[] =>
    entries.map((entry) => ledger.giveUp(entry));

  it('forgets what was never sent', () => {
    const ledger = begun();
    expect(outcomes(ledger, ...submitted(ledger, 'a', 'r'))).toEqual(['notApplied', 'notApplied']);
    expect(sent(ledger)).toEqual([]);
    expect(ledger.takeCancels()).toEqual([]);
  });

  it('puts a void in the place of a write that was sent', () => {
    const ledger = begun();
    const [a] = submitted(ledger, 'a', 'b') as [Entry, Entry];
    sent(ledger);
    expect(ledger.giveUp(a)).toBe('unknown');
    expect(ledger.takeCancels()).toEqual([1]);
    expect(ledger.takeCancels()).toEqual([]);
    expect(sent(ledger)).toEqual(['void of a #3 s1']);
    ledger.answered(2);
    expect(ledger.settled).toBe(0);
    expect(ledger.answered(3)).toBe(a);
    expect(ledger.settled).toBe(2);
  });

  it('takes a late reply to the write itself as well', () => {
    const ledger = begun();
    const [a] = submitted(ledger, 'a') as [Entry];
    sent(ledger);
    ledger.giveUp(a);
    sent(ledger);
    expect(ledger.refused(1, passing, 0).verdict).toBe('ignored');
    expect(ledger.answered(2)).toBe(a);
    expect(ledger.settled).toBe(1);
    expect(ledger.inFlightCount).toBe(0);
  });

  it('takes a refusal of the write for none of the void that is yet to be sent', () => {
    const ledger = begun();
    const [a] = submitted(ledger, 'a') as [Entry];
    sent(ledger);
    ledger.giveUp(a);
    expect(ledger.refused(1, final, 0).verdict).toBe('ignored');
    expect(sent(ledger)).toEqual(['void of a #2 s1']);
  });

  it('sends the void on the next stream too', () => {
    const ledger = begun();
    const [a] = submitted(ledger, 'a') as [Entry];
    sent(ledger);
    ledger.giveUp(a);
    sent(ledger);
    ledger.streamLost();
    ledger.resume({ requestsInFlight: 100 });
    expect(sent(ledger)).toEqual(['void of a #3 s1']);
  });

  it('needs no void for a write that every attempt surely failed', () => {
    const ledger = begun();
    const [a] = submitted(ledger, 'a') as [Entry];
    sent(ledger);
    ledger.refused(1, passing, 0);
    expect(ledger.giveUp(a)).toBe('notApplied');
    expect(ledger.settled).toBe(1);
    submitted(ledger, 'b');
    expect(sent(ledger, 50)).toEqual(['b #2 s2']);
  });

  it('cancels a read', () => {
    const ledger = begun();
    const [r] = submitted(ledger, 'r') as [Entry];
    sent(ledger);
    expect(ledger.giveUp(r)).toBe('notApplied');
    expect(ledger.takeCancels()).toEqual([1]);
    expect(ledger.inFlightCount).toBe(0);
  });

  it('does not fill its queues with what was given up', () => {
    const ledger = begun();
    for (let count = 0; count < 5_000; count += 1) {
      ledger.giveUp(submitted(ledger, count % 2 === 0 ? 'a' : 'r')[0] as Entry);
    }
    expect(ledger.waitingCount).toBeLessThan(2_000);
  });
});

describe('a doubt', () => {
  /** A write whose first attempt was lost, and whose second was refused for good. */
  function doubtful(): { readonly ledger: SessionLedger<Entry>; readonly a: Entry } {
    const ledger = begun();
    const [a] = submitted(ledger, 'a') as [Entry];
    sent(ledger);
    ledger.streamLost();
    ledger.resume({ requestsInFlight: 100 });
    sent(ledger);
    expect(ledger.refused(2, final, 0).verdict).toBe('again');
    expect(sent(ledger)).toEqual(['void of a #3 s1']);
    return { ledger, a };
  }

  it('is settled by a void before the caller is told', () => {
    const { ledger, a } = doubtful();
    expect(ledger.answered(3)).toBe(a);
    expect(a.refusal).toEqual(final);
    expect(ledger.settled).toBe(1);
  });

  it('is settled by the same refusal out of the log', () => {
    const { ledger, a } = doubtful();
    expect(ledger.refused(3, final, 0)).toEqual({ verdict: 'rejected', entry: a });
    expect(a.outcome).toBe('notApplied');
  });

  it('stays when the void is refused for another reason', () => {
    const { ledger, a } = doubtful();
    expect(ledger.refused(3, { ...final, code: 'UNIMPLEMENTED' }, 0)).toEqual({ verdict: 'rejected', entry: a });
    expect(a.outcome).toBe('unknown');
  });

  it('stays when the caller does not wait for the void', () => {
    const { ledger, a } = doubtful();
    expect(ledger.giveUp(a)).toBe('unknown');
    expect(a.refusal).toBeUndefined();
  });
});

describe('an expired session', () => {
  it('leaves every write that may have happened unknown, and takes the others along', () => {
    const ledger = begun();
    const [a, b, c] = submitted(ledger, 'a', 'b', 'c', 'r') as [Entry, Entry, Entry, Entry];
    sent(ledger);
    ledger.answered(1);
    ledger.refused(3, gap, 0);
    submitted(ledger, 'd');
    expect(ledger.refused(2, { ...text, code: 'SESSION_EXPIRED', outcome: 'notApplied', retryable: false }, 0)).toEqual(
      {
        verdict: 'expired',
      },
    );
    expect(ledger.expired()).toEqual([b]);
    expect([a.outcome, b.outcome, c.outcome]).toEqual(['notApplied', 'unknown', 'notApplied']);
    ledger.begin({ windowReplies: 8, requestsInFlight: 100 });
    expect(sent(ledger)).toEqual(['r #5 s0', 'c #6 s1', 'd #7 s2']);
  });

  it('forgets voids', () => {
    const ledger = begun();
    const [a] = submitted(ledger, 'a') as [Entry];
    sent(ledger);
    ledger.giveUp(a);
    expect(ledger.expired()).toEqual([]);
    expect(ledger.waitingCount).toBe(0);
  });
});
