/**
 * Drives the watch hub: brings it the events of every applied entry, history to those who are behind, and tells the
 * readers of streams that there is something to read. It works in slices and leaves the loop free in between.
 */
import { InvariantError } from '../lib/assert.js';
import type { Clock } from '../lib/clock.js';
import type { MemberStore } from '../storage/member-store.js';
import { WatchHub } from '../watch/watch-hub.js';
import type { WatchLimits } from '../watch/watch-limits.js';
import type { StreamReader, WatchStream } from '../watch/watch-stream.js';
import { LIMITS } from './limits.js';
import type { RaftNode } from './raft-node.js';
import { WatchHistory } from './watch-history.js';

export class WatchFeeder {
  readonly #node: RaftNode;
  readonly #clock: Clock;
  readonly #hub: WatchHub;
  readonly #history: WatchHistory;
  #isScheduled = false;
  #isReading = false;

  /** To be made before the node starts: it must hear of every event. */
  constructor(node: RaftNode, store: MemberStore, clock: Clock, limits: Partial<WatchLimits> = {}) {
    this.#node = node;
    this.#clock = clock;
    this.#hub = new WatchHub({ revision: node.machine.revision, wake: () => this.#schedule(), limits });
    this.#history = new WatchHistory(node, store, this.#hub.limits);
    node.onEvents(
      (events) => this.#hub.publish(events),
      () => this.#hub.reload(node.machine.revision),
    );
  }

  get watchers(): number {
    return this.#hub.watchers;
  }

  /** `reader` must close the stream when it goes away. */
  open(reader: StreamReader): WatchStream {
    return this.#hub.open(reader);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    const endAt = this.#clock.now() + LIMITS.turnBudgetMs;
    do this.#hub.takeReadable()?.reader.readable();
    while (this.#hub.hasReadable && this.#clock.now() < endAt);
    this.#catchUp(endAt);
    if (this.#hub.hasReadable) this.#schedule();
  }

  /** One slice at least, so that history comes on whatever else there is to do. */
  #catchUp(endAt: number): void {
    if (this.#isReading) return;
    do {
      this.#hub.cancelCompacted(this.#node.machine.compactedRevision);
      const from = this.#hub.nextBehind();
      if (from === undefined) return;
      if (!this.#hub.feedRecent(from)) {
        void this.#read(from);
        return;
      }
    } while (this.#clock.now() < endAt);
    this.#schedule();
  }

  /** From the disk, while the loop is free. */
  async #read(from: number): Promise<void> {
    // While a snapshot becomes the state there is nothing to read from; after it the hub is told to reload.
    if (!this.#node.isServing) return;
    this.#isReading = true;
    try {
      const slice = await this.#history.read(from, (to) => this.#hub.wantsPrevKv(from, to));
      if (slice !== undefined) this.#hub.feed(from, slice.to, slice.events);
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      if (this.#node.isServing) this.#end(from);
    } finally {
      this.#isReading = false;
    }
    if (this.#node.isServing) this.#schedule();
  }

  /** This member cannot read what they need: another one may. */
  #end(position: number): void {
    for (const stream of this.#hub.streams) {
      const isConcerned = [...stream.behind].some(({ next }) => next === position);
      if (!isConcerned) continue;
      stream.close();
      stream.reader.ended();
    }
  }
}
