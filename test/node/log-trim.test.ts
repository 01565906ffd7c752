import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../server/node/limits.js';
import { type LogView, type NeededLog, trimTarget } from '../../server/node/log-trim.js';

const OPTIONS = { snapshotCount: 100, snapshotCatchUpEntries: 50 };
const SMALL: LogView & NeededLog = {
  startIndex: 1000,
  lastIndex: 1210,
  logBytes: 10_000,
  durableIndex: 1200,
  neededIndex: Infinity,
  peers: [],
};
const peer = (match: number, parts: Partial<LogView['peers'][number]> = {}): LogView['peers'][number] => ({
  match,
  mode: 'replicate',
  recentActive: true,
  ...parts,
});

interface Case {
  readonly name: string;
  readonly log: Partial<LogView & NeededLog>;
  readonly target: number | undefined;
}

const CASES: readonly Case[] = [
  { name: 'keeps a tail behind the durable state', log: {}, target: 1150 },
  { name: 'waits until enough was applied since the last trim', log: { durableIndex: 1100 }, target: undefined },
  { name: 'trims once one more was applied', log: { durableIndex: 1101 }, target: 1051 },
  { name: 'keeps everything when the tail is longer than the log', log: { startIndex: 1150 }, target: undefined },
  { name: 'looks at what is durable, not at what was appended', log: { lastIndex: 90_000 }, target: 1150 },
  { name: 'keeps what an active follower still needs', log: { peers: [peer(1210), peer(1042)] }, target: 1042 },
  { name: 'keeps the tail for followers that are ahead of it', log: { peers: [peer(1210), peer(1199)] }, target: 1150 },
  {
    name: 'keeps what an active follower needs while it is probed',
    log: { peers: [peer(1042, { mode: 'probe' })] },
    target: 1042,
  },
  {
    name: 'keeps everything while a new leader does not know where an active follower stands',
    log: { peers: [peer(0, { mode: 'probe' })] },
    target: undefined,
  },
  { name: 'leaves a dead follower behind', log: { peers: [peer(1042, { recentActive: false })] }, target: 1150 },
  {
    name: 'leaves a follower behind that gets a snapshot',
    log: { peers: [peer(3, { mode: 'snapshot' })] },
    target: 1150,
  },
  { name: 'keeps what follows a snapshot on its way', log: { neededIndex: 1020 }, target: 1020 },
  { name: 'keeps a snapshot on its way of older state than the log', log: { neededIndex: 1000 }, target: undefined },
  {
    name: 'full by bytes: drops the older half although a follower needs it',
    log: { logBytes: LIMITS.logBytesMax + 1, peers: [peer(1010)] },
    target: 1100,
  },
  {
    name: 'at the limit of bytes it is not full',
    log: { logBytes: LIMITS.logBytesMax, peers: [peer(1010)] },
    target: 1010,
  },
  {
    name: 'full by entries: drops the older half',
    log: { lastIndex: 1001 + LIMITS.logEntriesMax, peers: [peer(1010)] },
    target: 1100,
  },
  {
    name: 'full: a follower in the newer half still needs no snapshot',
    log: { logBytes: LIMITS.logBytesMax + 1, peers: [peer(1120)] },
    target: 1120,
  },
  {
    name: 'full before the count is reached: trims all the same',
    log: { logBytes: LIMITS.logBytesMax + 1, durableIndex: 1020 },
    target: 1010,
  },
  {
    name: 'full: a snapshot on its way is not made useless',
    log: { logBytes: LIMITS.logBytesMax + 1, neededIndex: 1015 },
    target: 1015,
  },
  {
    name: 'full of entries that are not durable: nothing can go',
    log: { logBytes: LIMITS.logBytesMax + 1, durableIndex: 1000 },
    target: undefined,
  },
];

describe('the trim of the log', () => {
  for (const { name, log, target } of CASES) {
    it(name, () => expect(trimTarget({ ...SMALL, ...log }, { ...SMALL, ...log }, OPTIONS)).toBe(target));
  }

  it('never goes beyond the durable state', () => {
    for (let durableIndex = 1000; durableIndex < 1400; durableIndex += 7) {
      for (const logBytes of [0, LIMITS.logBytesMax + 1]) {
        for (const catchUp of [0, 50]) {
          const log = { ...SMALL, lastIndex: 1500, durableIndex, logBytes };
          const target = trimTarget(log, log, { ...OPTIONS, snapshotCatchUpEntries: catchUp });
          expect(target ?? 0).toBeLessThanOrEqual(durableIndex);
        }
      }
    }
  });
});
