/**
 * The state machine against kv-model.ts: random requests, reads in slices that overlap with writes and compaction,
 * restarts, and a twin that applies the same commands. QUORATE_SEED repeats a run, QUORATE_PROPERTY_RUNS sets how many.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import type { Command, RangeQuery } from '../../server/state/command.js';
import type { RangeCursor } from '../../server/state/mvcc/range-cursor.js';
import type { Pin } from '../../server/state/mvcc/pins.js';
import type { Applied, LeaseInfo, RangeResult, Revision, TxnOpResult } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { KvGenerator } from './kv-generator.js';
import { KvModel, type ModelAnswer, type ModelOpResult, type ModelResult } from './kv-model.js';
import { keyOf, MachineOnDisk, opened } from './machine-on-disk.js';

const RUNS = Number(process.env['QUORATE_PROPERTY_RUNS'] ?? 1_200);
const FIRST_SEED = Number(process.env['QUORATE_SEED'] ?? Date.now() % 1_000_000_000);
const STEPS = 120;
/** Of the entries that the commands stand in. */
const TERM = 1;

/** A read under way, with the answer that the model gave when it was opened. */
interface Read {
  readonly query: RangeQuery;
  readonly expected: RangeResult;
  /** Of a range inside a txn, which may also wait, pinned, to be opened. */
  readonly at: Revision | undefined;
  pin: Pin | undefined;
  cursor: RangeCursor | undefined;
}

class Run {
  readonly real = new MachineOnDisk();
  readonly twin = StateMachine.create({ members: [] });
  readonly model = new KvModel();
  readonly generator: KvGenerator;
  readonly reads: Read[] = [];

  constructor(seed: number) {
    this.generator = new KvGenerator(seededRandom(seed));
  }

  step(): void {
    const roll = this.generator.below(100);
    if (roll < 45) this.apply(this.generator.command());
    else if (roll < 65) this.read(this.generator.range());
    else if (roll < 85) this.advanceRead();
    else if (roll < 97) this.real.compactionStep(1 + this.generator.below(3));
    else if (roll < 99) this.hash();
    else this.restart();
    this.generator.revision = this.model.revision;
    this.generator.leases = this.model.leases.map(({ id }) => id);
  }

  apply(command: Command): void {
    const written = this.model.writes.length;
    const expected = this.model.apply(command, TERM);
    const applied = this.real.apply(command, TERM);
    deepStrictEqual(this.twin.apply(command, TERM), applied, 'the twin differs');
    this.checkLeases();
    const { expectedAnswers, answer } = splitRanges(expected);
    deepStrictEqual(withoutPlaces(applied), answer);
    this.openPending(applied, expectedAnswers);
    this.checkEvents(applied, written);
    deepStrictEqual(
      [this.real.machine.revision, this.real.machine.compactedRevision],
      [this.model.revision, this.model.compacted],
    );
  }

  /** The table, and for each lease the keys that say they hang on it. */
  checkLeases(): void {
    const { leases } = this.real.machine;
    deepStrictEqual([...leases.all()].sort(byId), [...this.model.leases].sort(byId));
    for (const { id } of this.model.leases) {
      deepStrictEqual(leases.keysOf(id), this.model.keysOf(id));
      deepStrictEqual(leases.keyCount(id), this.model.keysOf(id).length);
    }
  }

  /** Events tell the same story as the model's writes, and the disk is told the same as the watchers. */
  checkEvents(applied: Applied, written: number): void {
    const expected = this.model.writes.slice(written).map(({ key, at, kv, prevKv, cause }) => ({
      type: kv === undefined ? 'delete' : 'put',
      revision: at,
      kv: kv ?? { key, value: '', createRevision: 0, modRevision: at.main, version: 0, lease: 0n },
      prevKv,
      ...(cause === undefined ? {} : { cause }),
    }));
    deepStrictEqual(applied.events, expected);
    const toDisk = applied.writes.filter((write) => write.kind === 'putRevision');
    deepStrictEqual(
      toDisk,
      expected.map(({ type, revision, kv, cause }) => {
        const write = { kind: 'putRevision', revision, tombstone: type === 'delete', kv };
        return cause === undefined ? write : { ...write, cause };
      }),
    );
  }

  read(query: RangeQuery): void {
    const expected = this.model.range(query);
    const answer = this.real.machine.openRange(query, undefined, 1 + this.generator.below(4));
    if (!answer.ok || !expected.ok) {
      deepStrictEqual(answer.ok ? 'ok' : answer.code, expected.ok ? 'ok' : expected.code);
      return;
    }
    deepStrictEqual(answer.cursor.revision, expected.revision);
    if (expected.result.kind !== 'range') throw new Error('the model did not answer with a range');
    this.watchRead({ query, expected: expected.result.answer, at: undefined, pin: undefined, cursor: answer.cursor });
  }

  openPending(applied: Applied, expectedAnswers: readonly RangeResult[]): void {
    pendingOf(applied).forEach(({ query, at }, index) => {
      const expected = expectedAnswers[index];
      if (expected === undefined) throw new Error('the model answered fewer ranges');
      const { machine } = this.real;
      const waits = this.generator.chance(30);
      const pin = waits ? machine.pin(at) : undefined;
      const cursor = waits ? undefined : opened(machine.openRange(query, at, 1 + this.generator.below(3)));
      this.watchRead({ query, expected, at, pin, cursor });
    });
  }

  watchRead(read: Read): void {
    if (read.cursor?.progress === 'done') deepStrictEqual(read.cursor.result(), read.expected);
    else if (this.generator.chance(10) && read.cursor !== undefined) read.cursor.close();
    else this.reads.push(read);
  }

  advanceRead(): void {
    const index = this.generator.below(Math.max(1, this.reads.length));
    const read = this.reads[index];
    if (read === undefined || !this.advance(read)) return;
    this.reads.splice(index, 1);
  }

  /** True once the read is answered, and rightly. */
  advance(read: Read): boolean {
    if (read.cursor === undefined) {
      read.cursor = opened(this.real.machine.openRange(read.query, read.at, 1));
      read.pin?.release();
    } else {
      this.real.step(read.cursor, 1 + this.generator.below(3));
    }
    if (read.cursor.progress !== 'done') return false;
    deepStrictEqual(read.cursor.result(), read.expected, JSON.stringify(read.query));
    return true;
  }

  finishReads(): void {
    for (const read of this.reads.splice(0)) {
      while (!this.advance(read));
    }
  }

  /** One hash for everybody: however far this member has removed, restarted or not. */
  hash(): void {
    const revision = this.generator.chance(50) ? 0 : Math.max(this.model.compacted, 1, this.model.revision - 3);
    const before = this.real.hash(revision);
    this.real.compactionStep(2);
    deepStrictEqual(this.real.hash(revision), before, 'removal changed the hash');
    this.finishReads();
    this.real.restart();
    deepStrictEqual(this.real.hash(revision), before, 'a restart changed the hash');
  }

  restart(): void {
    this.finishReads();
    this.real.restart(1 + this.generator.below(50));
    this.checkLeases();
  }

  finish(): void {
    this.finishReads();
    this.real.removeAll();
    deepStrictEqual(
      this.real.records().map(({ revision, kv }) => [keyOf(revision), kv.key]),
      this.model.kept().map(({ at, key }) => [keyOf(at), key]),
      'the disk holds something else than what compaction keeps',
    );
    deepStrictEqual(this.real.machine.hasCompactionWork, false);
    const hash = this.real.hash();
    this.real.restart();
    deepStrictEqual(this.real.hash(), hash);
  }
}

describe(`the state machine and the model agree (QUORATE_SEED=${FIRST_SEED}, ${RUNS} runs)`, () => {
  it('on every answer, event, write, old read, hash and on what stays on disk', { timeout: 0 }, () => {
    let writes = 0;
    let compactions = 0;
    let expired = 0;
    let revoked = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const run = new Run(seed);
      let step = 0;
      try {
        for (; step < STEPS; step += 1) run.step();
        run.finish();
      } catch (error) {
        throw new Error(`QUORATE_SEED=${seed} QUORATE_PROPERTY_RUNS=1 repeats it; step ${step}`, { cause: error });
      }
      writes += run.model.writes.length;
      expired += run.model.writes.filter(({ cause }) => cause === 'leaseExpired').length;
      revoked += run.model.writes.filter(({ cause }) => cause === 'leaseRevoked').length;
      compactions += run.model.compacted > 0 ? 1 : 0;
    }
    expect(writes).toBeGreaterThan(RUNS * 20);
    expect(expired).toBeGreaterThan(RUNS / 10);
    expect(revoked).toBeGreaterThan(RUNS / 10);
    expect(compactions).toBeGreaterThan(RUNS / 4);
  });
});

function byId(a: LeaseInfo, b: LeaseInfo): number {
  return a.id < b.id ? -1 : 1;
}

/** The model answers ranges inside a txn at once, the machine later: taken apart to compare both parts. */
function splitRanges(answer: ModelAnswer): { answer: object; expectedAnswers: RangeResult[] } {
  const expectedAnswers: RangeResult[] = [];
  if (!answer.ok) return { answer, expectedAnswers };
  const strip = (result: ModelResult): object => {
    if (result.kind === 'txn') return { ...result, results: result.results.map(stripOp) };
    if (result.kind !== 'range') return result;
    expectedAnswers.push(result.answer);
    return { kind: 'range' };
  };
  const stripOp = (op: ModelOpResult): object =>
    op.revision === undefined ? strip(op) : { ...strip(op), revision: op.revision };
  return { answer: { ...answer, result: strip(answer.result) }, expectedAnswers };
}

function withoutPlaces({ outcome, revision }: Applied): object {
  if (!outcome.ok) return { ok: false, revision, code: outcome.code };
  const { result } = outcome;
  const strip = (op: TxnOpResult): object => {
    if (op.kind === 'range') return { kind: 'range', revision: op.revision };
    return op.kind === 'txn' ? { ...op, results: op.results.map(strip) } : op;
  };
  return {
    ok: true,
    revision,
    result: result.kind === 'txn' ? { ...result, results: result.results.map(strip) } : result,
  };
}

function pendingOf({ outcome }: Applied): { query: RangeQuery; at: Revision }[] {
  const collect = (op: TxnOpResult): { query: RangeQuery; at: Revision }[] => {
    if (op.kind === 'range') return [{ query: op.query, at: op.at }];
    return op.kind === 'txn' ? op.results.flatMap(collect) : [];
  };
  return outcome.ok && outcome.result.kind === 'txn' ? outcome.result.results.flatMap(collect) : [];
}
