/** Bugs in the state machine: members that apply the same log come to differ, or history is told wrong. */
import type { Mutant } from './mutant.js';

export const STATE_MUTANTS: readonly Mutant[] = [
  {
    name: 'compaction drops the newest version',
    hazard: 'The version of a key that is current at the compacted revision is removed from the disk.',
    replacements: [
      {
        file: 'state/mvcc/key-history.ts',
        find: 'return isTombstone ? before : newest;',
        replace: 'return isTombstone || newest >= 0 ? before : newest;',
      },
    ],
  },
  {
    name: 'iteration order decides something visible',
    hazard: 'A delete numbers its keys in the order in which this member last read their history, which no log tells.',
    replacements: [
      {
        file: 'state/mvcc/key-history.ts',
        find: 'export class KeyHistory {\n',
        replace: 'let known = 0;\n\nexport class KeyHistory {\n  place = (known += 1);\n',
      },
      {
        file: 'state/mvcc/key-history.ts',
        find: '  at(at: Revision): SelectedVersion | undefined {\n',
        replace: '  at(at: Revision): SelectedVersion | undefined {\n    this.place = known += 1;\n',
      },
      {
        file: 'state/mvcc/revision-writer.ts',
        find: '    this.#store.everyLive(command, (prevKv, history) => {\n      this.#delete(prevKv, history);',
        replace:
          '    const found: [KeyValue, KeyHistory][] = [];\n' +
          '    this.#store.everyLive(command, (prevKv, history) => found.push([prevKv, history]) > 0);\n' +
          '    found.sort(([, a], [, b]) => a.place - b.place);\n' +
          '    found.forEach(([prevKv, history]) => {\n      this.#delete(prevKv, history);',
      },
    ],
  },
  {
    name: 'clock read in apply',
    hazard: 'A put is refused or not by the time at which a member comes to apply it.',
    replacements: [
      {
        file: 'node/applier.ts',
        find: '  /** Events of one revision, in order. */',
        replace: '  readonly wallTime: () => number;\n  /** Events of one revision, in order. */',
      },
      {
        file: 'node/applier.ts',
        find: 'const applied = this.#machine.apply(command, entry.term, entry.index, stamp);',
        replace:
          "const isLate = command.kind === 'put' && this.#parts.wallTime() % 1000 < 20;\n" +
          "    const applied = this.#machine.apply(isLate ? { kind: 'unknown', version: 0 } : command, entry.term, entry.index, stamp);",
      },
      {
        file: 'node/raft-node.ts',
        find: '      boot: loaded.boot,\n      publish: (events) =>',
        replace: '      boot: loaded.boot,\n      wallTime: () => parts.clock.wallTime(),\n      publish: (events) =>',
      },
    ],
  },
  {
    name: 'compacted revision forgotten at a restart',
    hazard: 'A restarted member answers from history that the others refuse as compacted.',
    replacements: [
      {
        file: 'state/state-machine.ts',
        find: "const writes: readonly StateWrite[] = [{ kind: 'compacted', revision: command.revision }];",
        replace: 'const writes: readonly StateWrite[] = [];',
      },
    ],
  },
];
