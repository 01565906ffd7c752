/** Random histories of one register: valid ones of any length, the same with one lie, and small ones of any truth. */
import type { Random } from '../../server/lib/random.js';
import { seededRandom } from '../../server/lib/random.js';
import { KvSpec } from './kv-spec.js';
import type { Answer, Call, DeleteRange, Operation, OpAnswer, Put, Range, Txn, TxnOp } from './operation.js';

const key = 'r1';
const look: Range = { kind: 'range', key, revision: 0, limit: 0 };
const get = { ...look, read: 'linearizable' } as const;
const deletion: DeleteRange = { kind: 'deleteRange', key };

export interface RandomOptions {
  readonly seed: number;
  readonly operations: number;
  readonly clients: number;
  /** Percent of calls whose outcome is unknown. */
  readonly unknownPercent: number;
}

interface Timing {
  readonly client: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly isUnknown: boolean;
  /** When it happens; a call of unknown outcome may never do so. */
  readonly effectMs: number;
}

/** A register that does one thing at a time, at some moment of each call. */
export function validHistory({ seed, operations, clients, unknownPercent }: RandomOptions): Operation[] {
  const random = seededRandom(seed);
  const timings = Array.from({ length: clients }, (_, client) => {
    const mine = Math.floor(operations / clients) + (client < operations % clients ? 1 : 0);
    return drawTimings(random, client, mine, unknownPercent);
  }).flat();
  const [spec, written] = [new KvSpec(), ['v0']];
  return timings
    .toSorted((a, b) => a.effectMs - b.effectMs)
    .map(({ client, startMs, endMs, isUnknown, effectMs }): Operation => {
      const call = drawCall(random, written, spec);
      const answer = effectMs === Infinity ? 'never' : call.kind === 'range' ? spec.range(call) : spec.apply(call);
      const outcome =
        isUnknown || typeof answer === 'string'
          ? ({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' } as const)
          : ({ kind: 'ok', revision: spec.revision, answer } as const);
      return { client, member: 'm1', call, outcome, startMs, endMs };
    });
}

function drawTimings(random: Random, client: number, count: number, unknownPercent: number): Timing[] {
  let ms = random.below(10);
  return Array.from({ length: count }, () => {
    const startMs = ms + random.below(8);
    const usualMs = startMs + random.below(10);
    const endMs = usualMs + random.below(10);
    const isUnknown = random.below(100) < unknownPercent;
    const lateMs = usualMs + (random.below(2) === 0 ? 0 : random.below(400));
    ms = endMs;
    const effectMs = !isUnknown ? usualMs : random.below(2) === 0 ? lateMs : Infinity;
    return { client, startMs, endMs, isUnknown, effectMs };
  });
}

function drawCall(random: Random, written: string[], spec: KvSpec): Put | DeleteRange | Txn | typeof get {
  const roll = random.below(100);
  if (roll < 30) return get;
  if (roll < 42) return deletion;
  const value = `v${written.length}`;
  written.push(value);
  if (roll < 65) return { kind: 'put', key, value };
  const recent = written[Math.max(0, written.length - 2 - random.below(4))] ?? value;
  const now = spec.get(key);
  const isCurrent = random.below(2) === 0;
  const operand = isCurrent ? (now?.value ?? recent) : recent;
  const modRevision = isCurrent ? (now?.modRevision ?? 0) : random.below(spec.revision + 1);
  return {
    kind: 'txn',
    compares: [
      roll < 85
        ? { key, target: 'value', is: 'equal', operand }
        : { key, target: 'mod', is: 'equal', operand: roll < 92 ? modRevision : 0 },
    ],
    success: [{ kind: 'put', key, value }],
    failure: random.below(2) === 0 ? [] : [look],
  };
}

/** Makes a valid history one that no order explains, by one call; undefined where there is no occasion. */
export type Lie = (history: readonly Operation[], random: Random) => readonly Operation[] | undefined;

export const lies: Readonly<Record<string, Lie>> = {
  'a stale read': (history, random) =>
    somewhere(random, history.filter(isRead), (read) => {
      const old = goneBefore(history, read.startMs);
      return somewhere(random, old, ({ value }) => answering(history, read, showing(value)));
    }),

  'a lost write, as a later read shows': (history, random) =>
    betweenWriteAndRead(history, random, { kind: 'put', key, value: 'lost' }, { kind: 'put' }),

  'a swap that succeeded although its value was gone': (history, random) =>
    somewhere(random, history, (swap) => {
      if (succeededOf(swap) !== false) return undefined;
      const isGone = goneBefore(history, swap.startMs).some(({ value }) => value === expectedBy(swap));
      const answer: Answer = { kind: 'txn', succeeded: true, results: [{ kind: 'put' }] };
      return isGone ? answering(history, swap, answer) : undefined;
    }),

  'a swap that was refused although its value was read': (history, random) =>
    somewhere(random, writesIn(history), ({ by, value }) => {
      if (by.call.kind !== 'txn' || by.call.failure.length > 0) return undefined;
      const isRead = history.some((read) => shownBy(read) === value);
      return isRead ? answering(history, by, { kind: 'txn', succeeded: false, results: [] }) : undefined;
    }),

  'a value that is read before its write began': (history, random) =>
    somewhere(random, history.filter(isRead), (read) => {
      const later = writesIn(history).filter(({ by }) => by.startMs > read.endMs);
      return somewhere(random, later, ({ value }) => answering(history, read, showing(value)));
    }),

  'a deletion that found nothing where something was': (history, random) =>
    betweenWriteAndRead(history, random, deletion, { kind: 'deleteRange', deleted: 0 }),

  'a deletion that counted what was still there afterwards': (history, random) =>
    betweenWriteAndRead(history, random, deletion, { kind: 'deleteRange', deleted: 1 }),
};

/** A few calls close to each other, with answers that need not be true. */
export function smallHistory(seed: number): Operation[] {
  const random = seededRandom(seed);
  const clients = 2 + random.below(3);
  const ends = Array<number>(clients).fill(0);
  const oneIsUnknownIn = 2 + random.below(6);
  return Array.from({ length: 3 + random.below(5) }, (_, place): Operation => {
    const client = random.below(clients);
    const startMs = (ends[client] ?? 0) + random.below(3);
    const endMs = startMs + random.below(5);
    ends[client] = endMs;
    const [call, answer] = drawAnswered(random, place);
    const isUnknown = random.below(oneIsUnknownIn) === 0;
    const outcome = isUnknown
      ? ({ kind: 'unknown', code: 'OUTCOME_UNKNOWN' } as const)
      : ({ kind: 'ok', revision: 1, answer } as const);
    return { client, member: 'm1', call, outcome, startMs, endMs };
  });
}

function drawAnswered(random: Random, place: number): [Call, Answer] {
  const value = `v${place}`;
  const shown = (): OpAnswer => showing(random.below(3) === 0 ? undefined : `v${random.below(place + 1)}`);
  const deleted: OpAnswer = { kind: 'deleteRange', deleted: random.below(2) };
  const roll = random.below(12);
  if (roll < 3) return [{ kind: 'put', key, value }, { kind: 'put' }];
  if (roll < 6) return [get, shown()];
  if (roll < 8) return [deletion, deleted];
  const byValue = { key, target: 'value', is: 'equal', operand: `v${random.below(place + 1)}` } as const;
  const byNumber = { key, target: 'version', is: random.below(2) === 0 ? 'greater' : 'equal', operand: 0 } as const;
  const compares = [byValue, byNumber].filter(() => random.below(2) === 0);
  const put: Put = { kind: 'put', key, value };
  const branches: readonly TxnOp[][] = [[put], [put, look], [look, put], [look, deletion]];
  const success = branches[random.below(branches.length)] ?? [];
  const others: readonly TxnOp[][] = [[], [look], [{ ...put, value: `${value}b` }]];
  const failure = others[random.below(others.length)] ?? [];
  const succeeded = random.below(2) === 0;
  const results = (succeeded ? success : failure).map((op): OpAnswer => {
    if (op.kind === 'put') return { kind: 'put' };
    return op.kind === 'range' ? shown() : deleted;
  });
  return [
    { kind: 'txn', compares, success, failure },
    { kind: 'txn', succeeded, results },
  ];
}

interface Write {
  readonly by: Operation;
  readonly value: string;
}

/** Those that surely happened. */
function writesIn(history: readonly Operation[]): readonly Write[] {
  return history.flatMap((by): Write[] => {
    if (by.outcome.kind !== 'ok') return [];
    if (by.call.kind === 'put') return [{ by, value: by.call.value }];
    if (by.call.kind !== 'txn' || succeededOf(by) !== true) return [];
    return by.call.success.flatMap((op) => (op.kind === 'put' ? [{ by, value: op.value }] : []));
  });
}

/** Values that were overwritten or deleted when all of it was over. */
function goneBefore(history: readonly Operation[], ms: number): readonly Write[] {
  const writes = writesIn(history);
  const changes = [...writes.map(({ by }) => by), ...history.filter(hasDeleted)].filter(({ endMs }) => endMs < ms);
  return writes.filter(({ by }) => changes.some(({ startMs }) => startMs > by.endMs));
}

function betweenWriteAndRead(
  history: readonly Operation[],
  random: Random,
  call: Call,
  answer: Answer,
): readonly Operation[] | undefined {
  return somewhere(random, writesIn(history), ({ by, value }) =>
    somewhere(
      random,
      history.filter((read) => shownBy(read) === value),
      (read) => {
        const [startMs, endMs] = [by.endMs + 1, read.startMs - 1];
        if (endMs < startMs) return undefined;
        const outcome = { kind: 'ok', revision: 1, answer } as const;
        return [...history, { client: 99, member: 'm1', call, outcome, startMs, endMs }];
      },
    ),
  );
}

/** The first attempt that comes to something, beginning anywhere. */
function somewhere<Item, Result>(
  random: Random,
  items: readonly Item[],
  attempt: (item: Item) => Result | undefined,
): Result | undefined {
  const from = random.below(Math.max(1, items.length));
  for (const item of [...items.slice(from), ...items.slice(0, from)]) {
    const result = attempt(item);
    if (result !== undefined) return result;
  }
  return undefined;
}

function answering(history: readonly Operation[], which: Operation, answer: Answer): readonly Operation[] {
  const outcome = { kind: 'ok', revision: 1, answer } as const;
  return history.map((operation) => (operation === which ? { ...operation, outcome } : operation));
}

function showing(value: string | undefined): OpAnswer {
  const kvs = value === undefined ? [] : [{ key, value, createRevision: 1, modRevision: 1, version: 1 }];
  return { kind: 'range', kvs, more: false, count: kvs.length };
}

function isRead({ call, outcome }: Operation): boolean {
  return call.kind === 'range' && outcome.kind === 'ok';
}

function shownBy({ outcome }: Operation): string | undefined {
  return outcome.kind === 'ok' && outcome.answer.kind === 'range' ? outcome.answer.kvs[0]?.value : undefined;
}

function hasDeleted({ outcome }: Operation): boolean {
  return outcome.kind === 'ok' && outcome.answer.kind === 'deleteRange' && outcome.answer.deleted > 0;
}

function succeededOf({ outcome }: Operation): boolean | undefined {
  return outcome.kind === 'ok' && outcome.answer.kind === 'txn' ? outcome.answer.succeeded : undefined;
}

function expectedBy({ call }: Operation): string | undefined {
  const [guard] = call.kind === 'txn' ? call.compares : [];
  return guard?.target === 'value' ? guard.operand : undefined;
}
