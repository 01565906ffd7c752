import { expect, it } from 'vitest';
import { LeaseLateness, SLACK_MS } from './lease-lateness.js';
import type { LeaseLife, LeaseNote } from './lease-life.js';

const TTL_MS = 5000;
const ELECTION_MS = 500;
const CHECKPOINT_MS = 2000;
/** Of the office that is looked at: term 2, member 1, since 1000 ms, its first entry is 10. */
const SINCE_MS = 1000;

/** A lease, and the life of a leader. */
interface Story {
  readonly life?: Partial<LeaseLife>;
  readonly rate?: number;
  /** Whatever else happens. */
  readonly also?: (lateness: LeaseLateness) => void;
  /** The leader proposes an entry every 100 ms until then, and each is applied 10 ms later. */
  readonly untilMs: number;
  /** Between these two moments nothing that it proposes is applied. */
  readonly cutOffMs?: readonly [number, number];
}

function judged({ life = {}, rate = 1, also = () => undefined, untilMs, cutOffMs = [0, 0] }: Story): readonly string[] {
  const found: string[] = [];
  const report = (message: string): void => void found.push(message);
  const lateness = new LeaseLateness({ electionMs: ELECTION_MS, checkpointMs: CHECKPOINT_MS, report });
  const lease: LeaseLife = {
    id: '7',
    ttlMs: TTL_MS,
    granted: { index: 3, term: 1, atMs: 100 },
    notes: [],
    keys: [],
    ended: undefined,
    ...life,
  };
  lateness.begins({ term: 2, member: '1', rate, firstIndex: 10, atMs: SINCE_MS });
  also(lateness);
  let index = 11;
  let waiting: number[] = [];
  for (let atMs = SINCE_MS + 100; atMs <= untilMs; atMs += 100, index += 1) {
    lateness.proposed(2, index, atMs);
    waiting.push(index);
    if (atMs >= cutOffMs[0] && atMs < cutOffMs[1]) continue;
    lateness.applied(2, index, atMs + 10);
    for (const done of waiting) lateness.committed(2, done, [lease]);
    waiting = [];
  }
  return found;
}

const note = (remainingMs: number, index: number, term: number): LeaseNote => ({ remainingMs, index, term, atMs: 0 });
/** Short enough to need no notes. */
const SHORT = { ttlMs: CHECKPOINT_MS };
/** Proposed a slack after it is due, applied, and then another slack. */
const LATE_MS = 2 * SLACK_MS + 200;

it('a lease of before is late when its time since the leader came is over, and what came after it is done', () => {
  const life = SHORT;
  expect(judged({ life, untilMs: SINCE_MS + CHECKPOINT_MS + LATE_MS - 200 })).toEqual([]);
  expect(judged({ life, untilMs: SINCE_MS + CHECKPOINT_MS + LATE_MS })).toEqual([
    expect.stringContaining('was due at 3000 ms'),
  ]);
});

it('time passes by the clock of the leader', () => {
  const life = SHORT;
  expect(judged({ life, rate: 0.8, untilMs: SINCE_MS + CHECKPOINT_MS + LATE_MS })).toEqual([]);
  expect(judged({ life, rate: 0.8, untilMs: SINCE_MS + CHECKPOINT_MS / 0.8 + LATE_MS })).toHaveLength(1);
  expect(judged({ life, rate: 1.25, untilMs: SINCE_MS + CHECKPOINT_MS / 1.25 + LATE_MS })).toHaveLength(1);
});

it('a leader without its quorum is late with nothing, and soon with everything when it has it again', () => {
  const untilMs = SINCE_MS + CHECKPOINT_MS + 5000;
  expect(judged({ life: SHORT, untilMs, cutOffMs: [2500, untilMs - 500] })).toEqual([]);
  expect(judged({ life: SHORT, untilMs: untilMs + LATE_MS, cutOffMs: [2500, untilMs - 500] })).toHaveLength(1);
});

it('a lease of its own counts from when it has applied the grant', () => {
  const life = { ...SHORT, granted: { index: 21, term: 2, atMs: 2100 } };
  expect(judged({ life, untilMs: 2110 + CHECKPOINT_MS + LATE_MS - 200 })).toEqual([]);
  expect(judged({ life, untilMs: 2110 + CHECKPOINT_MS + LATE_MS })).toEqual([
    expect.stringContaining('was due at 4110 ms'),
  ]);
});

it('what was noted before the leader came counts, and a note that was taken back does not', () => {
  const life = { ...SHORT, notes: [note(500, 9, 1)] };
  expect(judged({ life, untilMs: SINCE_MS + 500 + LATE_MS })).toEqual([expect.stringContaining('was due at 1500 ms')]);
  const again = { ...SHORT, notes: [note(500, 8, 1), note(0, 9, 1)] };
  expect(judged({ life: again, untilMs: SINCE_MS + 500 + LATE_MS })).toEqual([]);
  expect(judged({ life: again, untilMs: SINCE_MS + CHECKPOINT_MS + LATE_MS })).toHaveLength(1);
});

it('a question to renew it puts the end off, by its whole time and an election timeout', () => {
  const asked = (member: string, lease: string) => (lateness: LeaseLateness) => lateness.asked(member, lease, 2000);
  const untilMs = SINCE_MS + CHECKPOINT_MS + LATE_MS;
  expect(judged({ life: SHORT, untilMs, also: asked('1', '7') })).toEqual([]);
  expect(judged({ life: SHORT, untilMs: untilMs + 1000 + ELECTION_MS, also: asked('1', '7') })).toHaveLength(1);
  expect(judged({ life: SHORT, untilMs, also: asked('2', '7') })).toHaveLength(1);
  expect(judged({ life: SHORT, untilMs, also: asked('1', '8') })).toHaveLength(1);
});

it('nothing is due while a question is with the member, unless that was in an earlier life of it', () => {
  const untilMs = SINCE_MS + CHECKPOINT_MS + 5000;
  const opened = (lateness: LeaseLateness): void => lateness.opened('1', '7');
  expect(judged({ life: SHORT, untilMs, also: opened })).toEqual([]);
  const closed = (lateness: LeaseLateness): void => {
    opened(lateness);
    lateness.closed('1', '7', 1500);
  };
  expect(judged({ life: SHORT, untilMs, also: closed })).toHaveLength(1);
  const startsAnew = (lateness: LeaseLateness): void => {
    opened(lateness);
    lateness.starts('1');
  };
  expect(judged({ life: SHORT, untilMs, also: startsAnew })).toHaveLength(1);
});

it('a renewal that had to take a note back may have happened when that was applied', () => {
  const life = { ...SHORT, notes: [note(500, 9, 1), note(0, 31, 2)] };
  expect(judged({ life, untilMs: 3110 + CHECKPOINT_MS + LATE_MS - 200 })).toEqual([]);
  expect(judged({ life, untilMs: 3110 + CHECKPOINT_MS + LATE_MS })).toEqual([
    expect.stringContaining('was due at 5110 ms'),
  ]);
});

it('a leader that was paused begins to be late when it goes on', () => {
  const resumed = (lateness: LeaseLateness): void => lateness.resumed(2, 4500);
  expect(judged({ life: SHORT, untilMs: 4500 + LATE_MS - 200, also: resumed })).toEqual([]);
  expect(judged({ life: SHORT, untilMs: 4500 + LATE_MS, also: resumed })).toHaveLength(1);
});

it('of a long lease that nobody renews, what is left is noted', () => {
  const life = { ttlMs: 60_000 };
  // Two and a half walks, and the slack before and after what proves that they are over.
  const untilMs = SINCE_MS + 2.5 * CHECKPOINT_MS + 2 * SLACK_MS + 300;
  expect(judged({ life, untilMs: untilMs - 200 })).toEqual([]);
  expect(judged({ life, untilMs })).toEqual([expect.stringContaining('and 60000 ms are noted')]);
  expect(judged({ life: { ...life, notes: [note(58_000, 40, 2)] }, untilMs })).toEqual([]);
  const asked = (lateness: LeaseLateness): void => lateness.asked('1', '7', untilMs - 2000);
  expect(judged({ life, untilMs, also: asked })).toEqual([]);
});
