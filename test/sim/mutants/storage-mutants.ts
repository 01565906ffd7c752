/** Bugs between the driver and the disk: what belongs together is written apart, what must be repeated is not. */
import type { Mutant } from './mutant.js';

export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'applied index in a separate write',
    hazard: 'A power cut between the two leaves a state that is ahead of its applied index, and replays what is in it.',
    replacements: [
      {
        file: 'storage/engine-member-store.ts',
        find: 'await this.#write(ops, sync);\n    if (sync) this.#durableAppliedIndex',
        replace:
          'const appliedKey = keys.stateKey(this.#generation, keys.appliedSubkey);\n' +
          '    const isApplied = ({ key }: EngineOp): boolean => key.equals(appliedKey);\n' +
          '    await this.#write(ops.filter((op) => !isApplied(op)), sync);\n' +
          '    await this.#write(ops.filter(isApplied), sync);\n' +
          '    if (sync) this.#durableAppliedIndex',
      },
    ],
  },
  {
    name: 'txn not atomic over a crash',
    hazard: 'All writes of a request but the first are a batch of their own.',
    replacements: [
      {
        file: 'node/save-lane.ts',
        find: '    const batch: SaveBatch = {',
        replace:
          "    const isLater = (write: StateWrite): boolean => write.kind === 'putRevision' && write.revision.sub > 0;\n" +
          '    const later = pending.writes.filter(isLater);\n' +
          '    pending.writes = pending.writes.filter((write) => !isLater(write));\n' +
          '    const batch: SaveBatch = {',
      },
      {
        file: 'node/save-lane.ts',
        find: 'if (Object.keys(batch).length > 0) await this.#store.save(batch, { sync: pending.mustSync });',
        replace:
          'if (Object.keys(batch).length > 0) await this.#store.save(batch, { sync: pending.mustSync });\n' +
          '    if (later.length > 0) await this.#store.save({ maintenance: later }, { sync: pending.mustSync });',
      },
    ],
  },
  {
    name: 'lost unsynced write not repeated',
    hazard:
      'An unsynced batch is not carried into the next one: a power cut may take it and leave what came after it. State is written at once instead of after 50 ms, so that there are such batches.',
    replacements: [
      { file: 'node/limits.ts', find: 'lazyWriteMs: 50,', replace: 'lazyWriteMs: 0,' },
      {
        file: 'storage/write-lane.ts',
        find: 'this.#carried = mustSync ? [] : fresh;',
        replace: 'this.#carried = [];',
      },
    ],
  },
  {
    name: 'replaced entries stay behind the new end of the log',
    hazard: 'A truncated suffix is not deleted: after a restart it stands in the log again.',
    replacements: [
      {
        file: 'storage/engine-member-store.ts',
        find: 'for (let stale = expected.index + 1; stale <= this.#lastIndex; stale += 1) {',
        replace: 'for (let stale = expected.index + 1; stale < 0; stale += 1) {',
      },
    ],
  },
  {
    name: 'boots not counted',
    hazard:
      'Numbers of forwards, proposals and reads come again in the next life: an old answer settles a new request.',
    replacements: [
      {
        file: 'storage/open-member-store.ts',
        find: '  await engine.write([metaPut(metaKey.boot, codec.encodeNumber(boot))], { sync: true });\n',
        replace: '',
      },
    ],
  },
  {
    name: 'snapshot installed without a sync',
    hazard:
      'A follower says that it has the snapshot, and a power cut takes it back. Neither the write after it nor the lane makes up for that by a sync of theirs.',
    replacements: [
      {
        file: 'storage/engine-member-store.ts',
        find: 'this.#saveHardState(ops, hardState);\n    await this.#write(ops, true);',
        replace: 'this.#saveHardState(ops, hardState);\n    await this.#write(ops, false);',
      },
      {
        // Its sync would cover the switch.
        file: 'node/save-lane.ts',
        find: 'await this.#store.save(batch, { sync: pending.mustSync });',
        replace: 'await this.#store.save(batch, { sync: pending.mustSync && pending.snapshot === undefined });',
      },
      {
        file: 'storage/write-lane.ts',
        find: 'const mustSync = sync || (hasCarried && fresh.length > 0) || bytes > CARRIED_BYTES_MAX;',
        replace: 'const mustSync = sync;',
      },
    ],
  },
];
