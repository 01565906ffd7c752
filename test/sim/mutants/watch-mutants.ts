/** Bugs in what watchers are told: events lost, doubled, cut apart or too early, and marks that say too much. */
import type { Mutant } from './mutant.js';

/** Live events, buffers, and who is behind. */
const hubMutants: readonly Mutant[] = [
  {
    name: 'event dropped on a full buffer',
    hazard: 'A watcher whose stream has no room for an event goes on after it.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'else this.#fallBehind(watcher, revision);',
        replace: 'else this.#fallBehind(watcher, revision + 1);',
      },
    ],
  },
  {
    name: 'stream filled beyond its limit',
    hazard: 'A reader that is slow makes the member hold everything for it.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (collected !== undefined && stream.hasRoom) stream.tell(watcher, collected);',
        replace: 'if (collected !== undefined && stream.isOpen) stream.tell(watcher, collected);',
      },
    ],
  },
  {
    name: 'watch from a future revision gets an old event',
    hazard: 'What happens before the revision that a watcher begins with is told as well.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (watcher.isBehind || watcher.next > revision || !watcher.wants(event)) return;',
        replace: 'if (watcher.isBehind || !watcher.wants(event)) return;',
      },
    ],
  },
  {
    name: 'events of one revision split in two',
    hazard: 'A transaction is told piece by piece: who reads one of them sees a state that never was.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (collected !== undefined && stream.hasRoom) stream.tell(watcher, collected);',
        replace:
          'if (collected !== undefined && stream.hasRoom)\n' +
          '        for (const event of collected.events) stream.tell(watcher, new EventRun(event));',
      },
      {
        file: 'watch/watch-stream.ts',
        find: 'waiting.saidBefore === this.#said &&',
        replace: 'waiting.saidBefore > this.#said &&',
      },
    ],
  },
  {
    name: 'stream that falls behind goes on one revision early',
    hazard: 'What was put into the stream just before it was full is told once more.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'else this.#fallBehind(watcher, revision);',
        replace: 'else this.#fallBehind(watcher, revision - 1);',
      },
    ],
  },
  {
    name: 'catch-up ends one revision early',
    hazard: 'A watcher counts as synced before the newest revision was fed to it.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (watcher.next > this.#revision) this.#leaveBehind(watcher);',
        replace: 'if (watcher.next >= this.#revision) this.#leaveBehind(watcher);',
      },
    ],
  },
  {
    name: 'slice ended in the middle of a revision',
    hazard: 'A busy key ends a slice early, and the rest of its last revision is passed over.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (main > revision && visits > this.limits.sliceVisitsMax) return main - 1;',
        replace: 'if (visits > this.limits.sliceVisitsMax) return revision;',
      },
    ],
  },
  {
    name: 'watcher moved on though its stream had no room',
    hazard: 'Events of history that find no room count as told.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (!isConcerned || (collected !== undefined && !stream.hasRoom)) continue;\n        if (collected !== undefined) stream.tell(watcher, collected);',
        replace:
          'if (!isConcerned) continue;\n        if (collected !== undefined && stream.hasRoom) stream.tell(watcher, collected);',
      },
    ],
  },
  {
    name: 'stream that has room again is not fed',
    hazard: 'Whoever has read all that waited gets no more history until something else happens on the member.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: 'if (this.behind.size > 0) this.#host.madeRoom(this);',
        replace: '',
      },
    ],
  },
  {
    name: 'prev_kv from within the transaction',
    hazard: 'The key before is what another operation of the same request made of it.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'const told = withHonestPrevKv(events);',
        replace: 'const told = events;',
      },
    ],
  },
  {
    name: 'range end inclusive',
    hazard: 'A range ends behind the key that names its end.',
    replacements: [
      {
        file: 'watch/interval-tree.ts',
        find: 'if (node === undefined || node.maxEnd <= key) return;',
        replace: 'if (node === undefined || node.maxEnd < key) return;',
      },
      {
        file: 'watch/interval-tree.ts',
        find: 'if (key < node.end) for (const item of node.items) visit(item);',
        replace: 'if (key <= node.end) for (const item of node.items) visit(item);',
      },
    ],
  },
  {
    name: 'interval tree forgets how far its left side reaches',
    hazard: 'A long range that begins early is not found once the tree has turned.',
    replacements: [
      {
        file: 'watch/interval-tree.ts',
        find: '  if (left !== undefined && left.maxEnd > maxEnd) maxEnd = left.maxEnd;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'filter applied to the wrong kind',
    hazard: 'Who wants no puts gets no deletes.',
    replacements: [
      {
        file: 'watch/watcher.ts',
        find: "return event.type === 'put' ? !this.spec.noPut : !this.spec.noDelete;",
        replace: "return event.type === 'delete' ? !this.spec.noPut : !this.spec.noDelete;",
      },
    ],
  },
];

/** Marks, creation and the end of a watcher. */
const streamMutants: readonly Mutant[] = [
  {
    name: 'progress before queued events',
    hazard: 'A mark overtakes the events that it says were told.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: '    this.#push({ output, bytes: OUTPUT_OVERHEAD_BYTES });',
        replace:
          "    const place = output.kind === 'progress' ? this.#taken : this.#queue.length;\n" +
          '    this.#queue.splice(place, 0, { output, bytes: OUTPUT_OVERHEAD_BYTES });\n' +
          '    this.#bytes += OUTPUT_OVERHEAD_BYTES;',
      },
    ],
  },
  {
    name: 'progress of an unsynced watcher',
    hazard: 'A watcher that is behind is told that it has everything.',
    replacements: [
      {
        file: 'watch/watcher.ts',
        find: 'return !this.isBehind && revision >= this.spec.startRevision;',
        replace: 'return revision >= this.spec.startRevision;',
      },
    ],
  },
  {
    name: 'progress answered for some of a stream',
    hazard: 'The mark of a whole stream is told as soon as one of its watchers has everything.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: 'for (const watcher of this.#watchers.values()) if (!watcher.isToldUpTo(revision)) return;',
        replace: 'if (![...this.#watchers.values()].some((watcher) => watcher.isToldUpTo(revision))) return;',
      },
    ],
  },
  {
    name: 'progress before the start of a watch',
    hazard: 'A watcher from the future is told a mark that is before everything it asked for.',
    replacements: [
      {
        file: 'watch/watcher.ts',
        find: 'return !this.isBehind && revision >= this.spec.startRevision;',
        replace: 'return !this.isBehind && revision > 0;',
      },
    ],
  },
  {
    name: 'creation shows a revision beyond the events',
    hazard: 'Who goes on after a broken stream from what the creation showed passes over history.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: 'revision: Math.min(revision, watcher.next - 1) });',
        replace: 'revision });',
      },
    ],
  },
  {
    name: 'watch from now on misses the next revision',
    hazard: 'A watcher begins one revision later than its creation says.',
    replacements: [
      {
        file: 'watch/watcher.ts',
        find: 'spec.startRevision === 0 ? revision + 1 : spec.startRevision;',
        replace: 'spec.startRevision === 0 ? revision + 2 : spec.startRevision;',
      },
    ],
  },
  {
    name: 'cancel leaves events coming',
    hazard: 'A watcher that was told to end stays where events find it.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: "    this.#forget(watcher);\n    this.#say({ kind: 'canceled', watchId: id, revision: this.#host.revision, compactRevision: 0 });",
        replace:
          "    this.#watchers.delete(id);\n    this.#say({ kind: 'canceled', watchId: id, revision: this.#host.revision, compactRevision: 0 });",
      },
    ],
  },
  {
    name: 'chosen watch id taken although it is in use',
    hazard: 'Two watchers of a stream go by one name.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: "if (this.#watchers.has(id) && id !== 0n) return this.#refuse('duplicateId');",
        replace: '',
      },
    ],
  },
  {
    name: 'closed stream leaves its watchers',
    hazard: 'Whoever goes away is remembered for ever.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: 'for (const watcher of this.#watchers.values()) this.#forget(watcher);',
        replace: '',
      },
    ],
  },
];

/** History, compaction and snapshots. */
const historyMutants: readonly Mutant[] = [
  {
    name: 'delete at the compaction revision lost',
    hazard: 'A tombstone goes with the compaction at its own revision, and who watches from there never hears of it.',
    replacements: [
      {
        file: 'state/mvcc/key-history.ts',
        find: 'const isLatestBefore = this.#latest.modRevision < bound;\n    const before = this.#countUntil((main) => main < bound) + (isLatestBefore ? 1 : 0);',
        replace:
          'const isGone = this.#latest.version === 0 && this.#latest.modRevision === bound;\n' +
          '    const isLatestBefore = this.#latest.modRevision < bound || isGone;\n' +
          '    const before = this.#countUntil((main) => main < bound) + (isLatestBefore ? 1 : 0);',
      },
      {
        file: 'state/mvcc/key-history.ts',
        find: 'return this.#latest.version === 0 && this.#latest.modRevision < bound;',
        replace: 'return this.#latest.version === 0 && this.#latest.modRevision <= bound;',
      },
    ],
  },
  {
    name: 'watcher at the compaction revision ended',
    hazard: 'A watcher that needs nothing of what a compaction takes is ended by it.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (watcher.next < compactedRevision) stream.compacted(watcher, compactedRevision);',
        replace: 'if (watcher.next <= compactedRevision) stream.compacted(watcher, compactedRevision);',
      },
    ],
  },
  {
    name: 'compacted history passed over in silence',
    hazard: 'A watcher whose next revision is gone goes on with what is left, and is not told.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (watcher.next < compactedRevision) stream.compacted(watcher, compactedRevision);',
        replace: 'if (watcher.next < compactedRevision) watcher.next = compactedRevision;',
      },
    ],
  },
  {
    name: 'history read without a pin',
    hazard: 'A compaction takes what is being read.',
    replacements: [
      {
        file: 'node/watch-history.ts',
        find: 'const pin = machine.pin({ main: from, sub: 0 });',
        replace: 'const pin = machine.pin({ main: Number.MAX_SAFE_INTEGER, sub: 0 });',
      },
    ],
  },
  {
    name: 'pin of a history read kept',
    hazard: 'Old revisions stay on the disk for ever.',
    replacements: [
      {
        file: 'node/watch-history.ts',
        find: '    } finally {\n      pin.release();\n    }',
        replace: '    } finally {\n      void pin;\n    }',
      },
    ],
  },
  {
    name: 'history read before it is written',
    hazard: 'What was applied and is not yet on the disk is missing from the slice.',
    replacements: [{ file: 'node/watch-history.ts', find: '      await this.#node.written();\n', replace: '' }],
  },
  {
    name: 'history cut within a revision',
    hazard: 'A slice that has become too large ends anywhere, and says that its last revision is whole.',
    replacements: [
      {
        file: 'node/watch-history.ts',
        find: 'if (bytes >= this.#limits.sliceBytesMax && record.revision.main !== last) return { records, to: last };',
        replace: 'if (bytes >= this.#limits.sliceBytesMax) return { records, to: last };',
      },
    ],
  },
  {
    name: 'prev_kv of the wrong revision',
    hazard: 'History shows a key before a change as it was one revision too early.',
    replacements: [
      {
        file: 'node/watch-history.ts',
        find: 'const opened = machine.openRange(keyQuery(record.kv.key), afterAllOf(before));',
        replace:
          'const opened = machine.openRange(keyQuery(record.kv.key), afterAllOf(Math.max(before - 1, machine.compactedRevision, 1)));',
      },
    ],
  },
  {
    name: 'prev_kv left out for whoever comes second',
    hazard: 'History is read without what was before when the first who needs it does not want it.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'if (spec.prevKv && next >= from && next <= to) return true;',
        replace: 'if (next >= from && next <= to) return spec.prevKv;',
      },
    ],
  },
  {
    name: 'events lost at a snapshot install',
    hazard: 'What happened between the old state and the new one is told to nobody.',
    replacements: [
      {
        file: 'watch/watch-hub.ts',
        find: 'this.#fallBehind(watcher, Math.max(watcher.next, told + 1));',
        replace: 'this.#fallBehind(watcher, Math.max(watcher.next, revision + 1));',
      },
    ],
  },
  {
    name: 'newest events kept over a snapshot',
    hazard: 'The events of the new state are counted on from those of the old one.',
    replacements: [
      {
        file: 'watch/recent-events.ts',
        find: 'this.#entries = [];\n    this.#start = 0;\n    this.#bytes = 0;\n    this.#first = first;',
        replace: 'this.#first = first;',
      },
    ],
  },
  {
    name: 'who waits for a snapshot to be loaded forgotten',
    hazard:
      'Watchers that were behind before the state was replaced are not told that there is something to read again.',
    replacements: [{ file: 'watch/watch-hub.ts', find: '    if (this.#behind.size > 0) this.#wake();\n', replace: '' }],
  },
  {
    name: 'history of the old state fed to watchers of the new one',
    hazard: 'A slice that was read while a snapshot replaced the state counts, whatever was still there to be read.',
    replacements: [
      {
        file: 'node/watch-history.ts',
        find: 'return this.#node.machine === machine && this.#node.isServing;',
        replace: 'return this.#node.machine.revision >= machine.revision;',
      },
    ],
  },
];

/** What the gRPC door makes of it. */
const doorMutants: readonly Mutant[] = [
  {
    name: 'fragments that do not say so',
    hazard: 'A part of a batch passes for all of it.',
    replacements: [
      {
        file: 'rpc/watch-answer.ts',
        find: '(place < fragments.length - 1 ? [moreField] : [])',
        replace: '(place < fragments.length - 2 ? [moreField] : [])',
      },
    ],
  },
  {
    name: 'batches joined over what was said between them',
    hazard: 'Events overtake the mark, the end or the creation that was said before them.',
    replacements: [
      { file: 'watch/watch-stream.ts', find: '      waiting.saidBefore === this.#said &&\n', replace: '' },
    ],
  },
  {
    name: 'joined batch shows the revision of its last part too early',
    hazard: 'Of several batches that wait together, only the last one is sent, with the revision of them all.',
    replacements: [
      {
        file: 'watch/watch-stream.ts',
        find: 'waiting.run = waiting.run.withAll(run);',
        replace: 'waiting.run = run;',
      },
    ],
  },
  {
    name: 'call that is drained is not filled again',
    hazard: 'Once a reader was slow it is told nothing more, until something new happens.',
    replacements: [{ file: 'rpc/watch-call.ts', find: "    call.on('drain', () => this.#pump());\n", replace: '' }],
  },
];

export const WATCH_MUTANTS: readonly Mutant[] = [...hubMutants, ...streamMutants, ...historyMutants, ...doorMutants];
