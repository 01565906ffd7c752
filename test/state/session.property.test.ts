/**
 * Sessions against session-model.ts: writes that come once, twice, too early, too late or void, clients that settle and
 * fall silent, restarts from the records, and a twin that applies the same entries. What a write does is told by a machine
 * that knows no sessions and gets each write once. QUORATE_SEED repeats a run, QUORATE_PROPERTY_RUNS sets how many.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../server/lib/random.js';
import type { Command, Stamp } from '../../server/state/command.js';
import type { Applied, Outcome, RangeResult, TxnOpResult } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { clusterTime, compact, put, range, sessionOpen, txn, VOID } from './commands.js';
import { KvGenerator } from './kv-generator.js';
import { MachineOnDisk, opened } from './machine-on-disk.js';
import { SessionModel } from './session-model.js';

const RUNS = Number(process.env['QUORATE_PROPERTY_RUNS'] ?? 150);
const FIRST_SEED = Number(process.env['QUORATE_SEED'] ?? Date.now() % 1_000_000_000);
const STEPS = 150;
const TERM = 3;

interface Told {
  readonly outcome: Outcome;
  readonly revision: number;
  /** What its reads showed, in order. */
  readonly reads: readonly RangeResult[];
}

class Run {
  readonly real = new MachineOnDisk();
  readonly twin = StateMachine.create({ members: [] });
  /** Gets every write once, and no stamp. */
  readonly plain = StateMachine.create({ members: [] });
  readonly model = new SessionModel<Told>();
  readonly generator: KvGenerator;
  readonly counts: Record<string, number> = {};

  constructor(seed: number) {
    this.generator = new KvGenerator(seededRandom(seed));
  }

  step(): void {
    const roll = this.generator.below(100);
    if (roll < 5) this.open();
    else if (roll < 73) this.write();
    else if (roll < 75) this.outlive();
    else if (roll < 81) this.alone(this.generator.command());
    else if (roll < 83) this.alone(compact(this.plain.revision - this.generator.below(5)));
    else if (roll < 92) this.pass();
    else if (roll < 97) this.real.compactionStep(1 + this.generator.below(3));
    else this.restart();
    this.generator.revision = this.plain.revision;
    this.generator.leases = [...this.plain.leases.all()].map(({ id }) => id);
    this.compareTables();
  }

  open(): void {
    const ttlMs = 1 + this.generator.below(4) * 15_000;
    const applied = this.both(sessionOpen('somebody', ttlMs));
    deepStrictEqual(applied.outcome, { ok: true, result: { kind: 'sessionOpen', id: this.model.open(ttlMs), ttlMs } });
  }

  /** A write that also reads, a compaction of what it read, and the write once more. */
  outlive(): void {
    const stamp = this.stamp();
    const command = txn([range('a', '\0'), put('a')]);
    this.write(stamp, command);
    this.alone(compact(this.plain.revision));
    this.write(stamp, command);
  }

  write(stamp = this.stamp(), command = this.command()): void {
    const verdict = this.model.verdict(stamp);
    const revisionBefore = this.real.machine.revision;
    const applied = this.both(command, stamp);
    this.count(verdict.kind === 'refused' ? verdict.code : verdict.kind);
    if (verdict.kind === 'apply') {
      const reads = this.read(applied);
      const once = command.kind === 'void' ? voided(this.plain) : this.plain.apply(command);
      deepStrictEqual(applied.outcome, once.outcome);
      deepStrictEqual([applied.events, applied.revision], [once.events, once.revision]);
      this.model.keep(stamp, { outcome: applied.outcome, revision: applied.revision, reads });
      return;
    }
    deepStrictEqual([applied.events, this.real.machine.revision], [[], revisionBefore], 'it was applied again');
    if (verdict.kind === 'refused') deepStrictEqual(codeOf(applied.outcome), verdict.code);
    else this.checkAgain(applied, verdict.answer);
  }

  command(): Command {
    return this.generator.chance(12) ? VOID : kvCommand(this.generator);
  }

  /** Told as the first time; unless it reads what was compacted since. */
  checkAgain(applied: Applied, told: Told): void {
    deepStrictEqual([applied.isReplay, applied.revision], [true, told.revision]);
    const lowest = Math.min(...pendingOf(told.outcome).map(({ at }) => at.main));
    const { compactedRevision } = this.real.machine;
    if (codeOf(applied.outcome) === 'REPLY_TOO_OLD') {
      deepStrictEqual(lowest <= compactedRevision, true, 'a reply is called too old that is not');
      this.count('too old');
      return;
    }
    deepStrictEqual(lowest >= compactedRevision, true, 'a reply is told that cannot be read any more');
    deepStrictEqual(applied.outcome, told.outcome);
    deepStrictEqual(this.read(applied), told.reads);
  }

  alone(command: Command): void {
    const applied = this.both(command);
    const once = this.plain.apply(command, TERM);
    deepStrictEqual([applied.outcome, applied.events, applied.revision], [once.outcome, once.events, once.revision]);
  }

  /** A clusterTime of another term does nothing, and none moves the time back or by more than a period. */
  pass(): void {
    const term = this.generator.chance(85) ? TERM : TERM - 1;
    const ms = this.model.timeMs + this.generator.below(30) * 1000 - 4000;
    const expired = term === TERM ? this.model.pass(ms) : [];
    deepStrictEqual(this.both(clusterTime(term, ms)).outcome, { ok: true, result: { kind: 'clusterTime', expired } });
    for (const _ of expired) this.count('expired');
  }

  restart(): void {
    this.real.restart();
    this.count('restarts');
  }

  /** Mostly the next number of a session that is there. */
  stamp(): Stamp {
    const { generator, model } = this;
    const known = model.sessions.length > 0 && generator.chance(95) ? generator.pick(model.sessions) : undefined;
    if (known === undefined) return { session: 1 + generator.below(model.lastId + 2), sequence: 1, settled: 0 };
    const next = Math.max(known.settled, ...known.answers.keys()) + 1;
    const roll = generator.below(100);
    const back = generator.below(4);
    const sequence = roll < 60 ? next : roll < 88 ? next - 1 - back : next + 1 + generator.below(3);
    const settled = generator.chance(6) ? next + back - 1 : Math.max(0, next - 1 - generator.below(6));
    return { session: known.id, sequence, settled: generator.chance(40) ? known.settled : settled };
  }

  both(command: Command, stamp?: Stamp): Applied {
    const applied = this.real.apply(command, TERM, stamp);
    deepStrictEqual(this.twin.apply(command, TERM, 0, stamp), applied, 'the twin differs');
    return applied;
  }

  read({ outcome }: Applied): RangeResult[] {
    return pendingOf(outcome).map(({ query, at }) => this.real.finish(opened(this.real.machine.openRange(query, at))));
  }

  compareTables(): void {
    for (const machine of [this.real.machine, this.twin]) {
      const { sessions } = machine;
      const kept = [...sessions.all()].map(({ info, replies }) => [info, replies] as const);
      deepStrictEqual([sessions.timeMs, sessions.lastId], [this.model.timeMs, this.model.lastId]);
      deepStrictEqual(
        kept.map(([{ id, settled, contactMs }, replies]) => [id, settled, contactMs, [...replies].map(([at]) => at)]),
        this.model.kept(),
      );
    }
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

describe(`sessions and their model agree (QUORATE_SEED=${FIRST_SEED}, ${RUNS} runs)`, () => {
  it('on what is applied, told again, refused and forgotten', { timeout: 0 }, () => {
    const counts: Record<string, number> = {};
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
      const run = new Run(seed);
      let step = 0;
      try {
        for (; step < STEPS; step += 1) run.step();
      } catch (error) {
        throw new Error(`QUORATE_SEED=${seed} QUORATE_PROPERTY_RUNS=1 repeats it; step ${step}`, { cause: error });
      }
      for (const [what, count] of Object.entries(run.counts)) counts[what] = (counts[what] ?? 0) + count;
    }
    const often = ['apply', 'again', 'restarts', 'expired', 'SESSION_EXPIRED', 'SEQUENCE_GAP', 'SEQUENCE_SETTLED'];
    for (const what of [...often, 'too old']) expect([what, (counts[what] ?? 0) > RUNS / 2]).toEqual([what, true]);
  });
});

/** Of those that a session may write. */
function kvCommand(generator: KvGenerator): Command {
  for (;;) {
    const command = generator.command();
    if (command.kind !== 'leaseExpire' && command.kind !== 'leaseCheckpoint') return command;
  }
}

function voided({ revision }: StateMachine): Applied {
  return { outcome: { ok: true, result: { kind: 'void' } }, revision, events: [], writes: [] };
}

function codeOf(outcome: Outcome): string {
  return outcome.ok ? 'ok' : outcome.code;
}

function pendingOf(outcome: Outcome): Extract<TxnOpResult, { kind: 'range' }>[] {
  const collect = (op: TxnOpResult): Extract<TxnOpResult, { kind: 'range' }>[] => {
    if (op.kind === 'range') return [op];
    return op.kind === 'txn' ? op.results.flatMap(collect) : [];
  };
  return outcome.ok && outcome.result.kind === 'txn' ? outcome.result.results.flatMap(collect) : [];
}
