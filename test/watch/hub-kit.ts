/** A state machine, its hub, and a driver that is one function: history comes from a list instead of a disk. */
import type { Command } from '../../server/state/command.js';
import type { Event, KeyValue } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { WatchHub } from '../../server/watch/watch-hub.js';
import type { WatchLimits } from '../../server/watch/watch-limits.js';
import type { WatchSpec } from '../../server/watch/watch-output.js';
import type { WatchStream } from '../../server/watch/watch-stream.js';

export function spec(key: string, rest: Partial<WatchSpec> = {}): WatchSpec {
  return {
    key,
    rangeEnd: '',
    startRevision: 0,
    noPut: false,
    noDelete: false,
    prevKv: false,
    progressNotify: false,
    fragment: false,
    ...rest,
  };
}

export const silentReader = { readable: (): void => undefined, ended: (): void => undefined };

export class HubKit {
  readonly machine = StateMachine.create({ members: [] });
  readonly hub: WatchHub;
  readonly events: Event[] = [];
  /** The key as it was before each event's whole revision, by place. */
  readonly #before = new Map<Event, KeyValue | undefined>();
  readonly #live = new Map<string, KeyValue>();

  constructor(limits: Partial<WatchLimits> = {}) {
    this.hub = new WatchHub({ revision: this.machine.revision, wake: () => undefined, limits });
  }

  open(): WatchStream {
    return this.hub.open(silentReader);
  }

  apply(command: Command): void {
    const events = this.applyUnseen(command);
    if (events.length > 0) this.hub.publish(events);
  }

  /** Without a word to the hub, as on another member whose state comes here later by snapshot. */
  applyUnseen(command: Command): readonly Event[] {
    const { events } = this.machine.apply(command);
    for (const event of events) this.#before.set(event, this.#live.get(event.kv.key));
    for (const { type, kv } of events) {
      if (type === 'put') this.#live.set(kv.key, kv);
      else this.#live.delete(kv.key);
    }
    this.events.push(...events);
    return events;
  }

  /** One slice for whoever is behind, as the driver would. False when nobody can be served. */
  feedOnce(sliceRevisions = 3): boolean {
    this.hub.cancelCompacted(this.machine.compactedRevision);
    const from = this.hub.nextBehind();
    if (from === undefined) return false;
    if (this.hub.feedRecent(from)) return true;
    const to = Math.min(from + sliceRevisions - 1, this.machine.revision);
    const isWanted = this.hub.wantsPrevKv(from, to);
    const slice = this.events.filter(({ revision }) => revision.main >= from && revision.main <= to);
    this.hub.feed(
      from,
      to,
      slice.map((event) => this.#fromDisk(event, isWanted)),
    );
    return true;
  }

  /** A new object for each read, and with what was before only where it is wanted and not compacted. */
  #fromDisk(event: Event, withPrevKv: boolean): Event {
    const isCreation = event.type === 'put' && event.kv.createRevision === event.revision.main;
    const isKept = event.revision.main - 1 >= this.machine.compactedRevision;
    const isShown = withPrevKv && isKept && !isCreation;
    return { ...event, prevKv: isShown ? this.#before.get(event) : undefined };
  }
}
