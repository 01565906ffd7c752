/** One watcher: what it wants and how far it has come. */
import type { Event } from '../state/result.js';
import type { WatchOutput, WatchSpec } from './watch-output.js';

/** The stream as its watchers' events see it. */
export interface Outlet {
  /** False once the buffer is full; then nothing of an event may be put there. */
  readonly hasRoom: boolean;
  push(output: WatchOutput, bytes: number): void;
}

export class Watcher<Stream extends Outlet = Outlet> {
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
  collected: Event[] | undefined;
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

/** What one event counts in a buffer, its share of the message around it included. */
const EVENT_OVERHEAD_BYTES = 96;

export function bytesOf(events: readonly Event[], withPrevKv: boolean): number {
  let bytes = 0;
  for (const event of events) bytes += bytesOfOne(event, withPrevKv);
  return bytes;
}

export function bytesOfOne({ kv, prevKv }: Event, withPrevKv: boolean): number {
  const before = withPrevKv && prevKv !== undefined ? prevKv.key.length + prevKv.value.length : 0;
  return EVENT_OVERHEAD_BYTES + kv.key.length + kv.value.length + before;
}
