/**
 * The load on members that are made up, so that its histories can be checked for what they are worth: as they were
 * recorded they are right, and with a single fact changed they are not.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import { type AppendRecord, decodeList } from '../checkers/append-op.js';
import type { FinalHistory } from '../checkers/final-history.js';
import { KvSpec } from '../checkers/kv-spec.js';
import type { Answer, KeyValue, Operation } from '../checkers/operation.js';
import { putsOf } from '../checkers/operation-facts.js';
import { CallError } from '../harness/cluster-outcome.js';
import { History, isAcknowledged } from './history.js';
import { type Evidence, violationsOf } from './history-checks.js';
import type { CallTarget, SentCall } from './member-calls.js';
import { Writers } from './writers.js';

const seed = 7;
const writerCount = 6;
const operationsMin = 2_000;
const ackTimeoutMs = 5_000;
/** Calls that are carried out or not without a word, and calls that are refused. */
const silentPercent = 2;
const refusedPercent = 2;

/** All members at once, as one store that never is behind. */
class Store {
  readonly #spec = new KvSpec(1);
  readonly #random = seededRandom(seed);

  target(name: string): CallTarget {
    return {
      name,
      client: {
        put: async (key, value) => this.#answer({ kind: 'put', key, value }).header,
        range: async (query) => {
          const call = { revision: 0, limit: 0, ...query, kind: 'range', read: 'linearizable' } as const;
          const { header, answer } = this.#answer(call);
          if (answer.kind !== 'range') throw new Error(`a range was answered with a ${answer.kind}`);
          return { ...header, ...answer };
        },
        txn: async (call) => {
          const { header, answer } = this.#answer(call);
          if (answer.kind !== 'txn') throw new Error(`a transaction was answered with a ${answer.kind}`);
          return { ...header, ...answer };
        },
      },
    };
  }

  held(): FinalHistory {
    const { revision } = this.#spec;
    const all = new Map<string, KeyValue>();
    for (let at = 1; at <= revision; at += 1) {
      for (const key of this.#spec.writtenAt(at)) {
        const kv = this.#spec.get(key, at);
        if (kv !== undefined) all.set(`${at} ${key}`, kv);
      }
    }
    const isCurrent = (kv: KeyValue): boolean => this.#spec.get(kv.key)?.modRevision === kv.modRevision;
    const current = [...all.values()].filter(isCurrent).sort((a, b) => (a.key < b.key ? -1 : 1));
    return { revision, current, past: [...all.values()].filter((kv) => !isCurrent(kv)) };
  }

  #answer(call: SentCall): { header: { revision: number; term: number; memberId: bigint }; answer: Answer } {
    const draw = this.#random.below(100);
    if (draw < refusedPercent) throw new CallError('failed', status.UNAVAILABLE, 'etcdserver: no leader');
    const isSilent = draw < refusedPercent + silentPercent;
    if (isSilent && this.#random.below(2) === 0) throw silence();
    const answer = call.kind === 'range' ? this.#spec.range(call) : this.#spec.apply(call);
    if (isSilent) throw silence();
    if (typeof answer === 'string') throw new Error(`the store refused: ${answer}`);
    return { header: { revision: this.#spec.revision, term: 1, memberId: 1n }, answer };
  }
}

function silence(): CallError {
  return new CallError('unknown', status.DEADLINE_EXCEEDED, 'Deadline exceeded');
}

let folder = '';
let recorded: Evidence = { operations: [], appends: [], members: {}, firstRevision: 1 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-writers-'));
  const run = { type: 'run', program: 'made up', seed, startedAt: '' } as const;
  const history = new History(run, join(folder, 'history.jsonl'));
  const store = new Store();
  const members = ['m1', 'm2', 'm3'].map((name) => store.target(name));
  const writers = new Writers({ count: writerCount, members, history, random: seededRandom(seed) });
  while (history.operations.length < operationsMin) await history.untilAcknowledged(0, ackTimeoutMs);
  await writers.stop();
  await history.close();
  const held = store.held();
  const { operations, appends } = history;
  recorded = { operations, appends, members: { m1: held, m2: held, m3: held }, firstRevision: 1 };
});

afterAll(() => rm(folder, { recursive: true }));

describe('a history of the load', () => {
  it('is right as it was recorded', () => {
    expect(violationsOf(recorded)).toEqual([]);
  });

  it('has all outcomes in it', () => {
    const kinds = new Set(recorded.operations.map(({ outcome }) => outcome.kind));
    expect([...kinds].sort()).toEqual(['failed', 'ok', 'unknown']);
    expect(new Set(recorded.appends.map(({ outcome }) => outcome))).toContain('ok');
  });

  it('is wrong when an acknowledged write is gone from every member', () => {
    const { key } = putsAcknowledged().at(-3)?.call ?? {};
    const without = withHeld((held) => ({ ...held, current: held.current.filter((kv) => kv.key !== key) }));
    expect(said(without)).toEqual(['revision order', 'members']);
  });

  it('is wrong when one member lacks a write', () => {
    const { key } = putsAcknowledged().at(-3)?.call ?? {};
    const { m1 } = recorded.members;
    if (m1 === undefined) throw new Error('no member');
    const members = { ...recorded.members, m2: { ...m1, current: m1.current.filter((kv) => kv.key !== key) } };
    expect(said({ ...recorded, members })).toEqual(['members']);
  });

  it('is wrong when a write that was refused is there', () => {
    const [operation] = putsAcknowledged();
    const outcome = { kind: 'failed', code: 'UNAVAILABLE: etcdserver: no leader' } as const;
    expect(said(withOperation(operation, { outcome }))).toEqual(['revision order', 'members']);
  });

  it('is wrong when two writes have swapped their revisions', () => {
    const [one, , other] = putsAcknowledged();
    const swapped = withOperation(one, { outcome: other.outcome });
    const both = withOperation(other, { outcome: one.outcome }, swapped);
    expect(said(both)).toEqual(['revision order', 'members']);
  });

  it('is wrong when a read of a register shows what had been overwritten before', () => {
    const [read, stale] = staleRead();
    const { outcome } = read;
    if (outcome.kind !== 'ok') throw new Error('not answered');
    const answer = { kind: 'range', kvs: [stale], more: false, count: 1 } as const;
    expect(said(withOperation(read, { outcome: { ...outcome, answer } }))).toEqual([
      'revision order',
      'linearizability',
    ]);
  });

  it('is wrong when a stale read claims the revision that it would be true of', () => {
    const [read, stale] = staleRead();
    const answer = { kind: 'range', kvs: [stale], more: false, count: 1 } as const;
    const outcome = { kind: 'ok', revision: stale.modRevision, answer } as const;
    expect(said(withOperation(read, { outcome }))).toEqual(['revision order', 'linearizability']);
  });

  it('is wrong when a transaction over lists misses what was appended before', () => {
    const { appends } = recorded;
    const index = appends.findLastIndex(hasRead);
    const appended = appends[index];
    if (appended === undefined) throw new Error('no list was read');
    const ops = appended.ops.map((op) => (op.kind === 'read' ? { ...op, list: op.list.slice(0, -1) } : op));
    expect(said({ ...recorded, appends: appends.with(index, { ...appended, ops }) })).toEqual(['append cycles']);
  });
});

/** The checkers that complain, once each. */
function said(evidence: Evidence): readonly string[] {
  return [...new Set(violationsOf(evidence).map((violation) => violation.slice(0, violation.indexOf(':'))))];
}

function withHeld(change: (held: FinalHistory) => FinalHistory): Evidence {
  const members = Object.entries(recorded.members).map(([name, held]) => [name, change(held)] as const);
  return { ...recorded, members: Object.fromEntries(members) };
}

function withOperation(operation: Operation, change: Partial<Operation>, evidence = recorded): Evidence {
  const { operations } = evidence;
  return { ...evidence, operations: operations.with(operations.indexOf(operation), { ...operation, ...change }) };
}

/** Of keys that nobody else writes. */
function putsAcknowledged(): readonly [PutOperation, PutOperation, PutOperation, ...PutOperation[]] {
  const [one, two, three, ...others] = recorded.operations.filter(isFreshPut);
  if (one === undefined || two === undefined || three === undefined) throw new Error('too few writes');
  return [one, two, three, ...others];
}

interface PutOperation extends Operation {
  readonly call: Extract<Operation['call'], { kind: 'put' }>;
}

function isFreshPut(operation: Operation): operation is PutOperation {
  const { call } = operation;
  return call.kind === 'put' && call.key.startsWith('fresh/') && isAcknowledged(operation);
}

/** A linearizable read of a register, and what had been there long before it. */
function staleRead(): readonly [Operation, KeyValue] {
  for (const operation of recorded.operations.toReversed()) {
    const { call, outcome } = operation;
    if (call.kind !== 'range' || call.read !== 'linearizable' || !call.key.startsWith('r')) continue;
    const shown = outcome.kind === 'ok' && outcome.answer.kind === 'range' ? outcome.answer.kvs[0] : undefined;
    const older = recorded.members['m1']?.past.filter((kv) => kv.key === call.key && kv.version <= 3) ?? [];
    const [first] = older.filter(({ version }) => version === 1);
    if (shown === undefined || shown.version <= 3 || first === undefined) continue;
    // What nobody acknowledged may have been written at any later time as well.
    if (older.every(({ value }) => isCertain(value))) return [operation, first];
  }
  throw new Error('no register was read after several writes');
}

function hasRead({ ops, outcome }: AppendRecord): boolean {
  return outcome === 'ok' && ops.some((op) => op.kind === 'read' && op.list.length > 1 && isCertain(op.list.at(-1)));
}

/** Whether a call that was answered wrote it, or appended it to a list. */
function isCertain(value: string | undefined): boolean {
  return recorded.operations.some(
    ({ call, outcome }) => outcome.kind === 'ok' && putsOf(call).some((put) => decodeList(put.value).at(-1) === value),
  );
}
