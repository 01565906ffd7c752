/** One watcher: what it wants and how far it has come. */
import type { Event } from '../state/result.js';
import type { EventRun } from './event-run.js';
import type { WatchSpec } from './watch-output.js';

/** Events of one watcher that wait in its stream. */
export interface WaitingBatch {
  run: EventRun;
  bytes: number;
  /** How many other things were said in the stream before it: nothing joins it once there is one more. */
  readonly saidBefore: number;
}

export class Watcher<Stream> {
  readonly id: bigint;
  readonly spec: WatchSpec;
  readonly stream: Stream;
  /**
   * Nothing below it is told any more. While the watcher is behind, everything below it that it wanted is in the
   * stream; while it is synced that is so for everything up to the hub's revision.
   */
  next: number;
  /** Unsynced: it gets its events from history, from `next` on, and none as they happen. */
  isBehind: boolean;
  /** No event was put into the stream since it was last told its progress. */
  isQuiet = true;
  /** What is being collected for the next batch. */
  collected: EventRun | undefined;
  /** The last batch of it that was not read yet. The stream's. */
  waiting: WaitingBatch | undefined;
  /** The last slice of history in which its stream had no room for it. */
  passedOver = 0;

  constructor(id: bigint, spec: WatchSpec, stream: Stream, revision: number) {
    this.id = id;
    this.spec = spec;
    this.stream = stream;
    this.next = spec.startRevision === 0 ? revision + 1 : spec.startRevision;
    this.isBehind = this.next <= revision;
  }

  wants(event: Event): boolean {
    return event.type === 'put' ? !this.spec.noPut : !this.spec.noDelete;
  }

  /** Everything up to `revision` was told, and `revision` is not before what it asked for. */
  isToldUpTo(revision: number): boolean {
    return !this.isBehind && revision >= this.spec.startRevision;
  }
}
