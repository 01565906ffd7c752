/**
 * What a watch stream says in one write. Batches of one watcher that waited together become one message: the events
 * stay in order and whole revisions stay together, and there are fewer messages the further behind the reader is.
 */
import type { WatchBatch, WatchOutput } from '../node/member.js';
import { eventBytes } from './watch-answer.js';

/** The last one counts whole. */
const bytesMax = 64 * 1024;
const messagesMax = 256;
/** Revisions in one message, as in history. */
const eventsMax = 1_000;
/** A message without events. */
const messageBytes = 40;

export class OutputBundle {
  readonly outputs: WatchOutput[] = [];
  /** The place of each watcher's last batch, since something else was said: nothing may overtake that. */
  readonly #places = new Map<bigint, number>();
  #bytes = 0;

  get isFull(): boolean {
    return this.#bytes >= bytesMax || this.outputs.length >= messagesMax;
  }

  add(output: WatchOutput): void {
    this.#bytes += messageBytes;
    if (output.kind !== 'events') {
      this.#places.clear();
      this.outputs.push(output);
      return;
    }
    for (const event of output.events) this.#bytes += eventBytes(event, output.spec.prevKv).length;
    const place = this.#places.get(output.watchId);
    const earlier = place === undefined ? undefined : this.outputs[place];
    if (place !== undefined && earlier?.kind === 'events' && mayJoin(earlier, output)) {
      this.outputs[place] = { ...output, events: [...earlier.events, ...output.events] };
      return;
    }
    this.#places.set(output.watchId, this.outputs.length);
    this.outputs.push(output);
  }
}

function mayJoin(earlier: WatchBatch, later: WatchBatch): boolean {
  return !later.spec.fragment && earlier.events.length + later.events.length <= eventsMax;
}
