/** A watch stream straight from the member, as whoever runs inside its process reads it. */
import type { StreamReader, WatchOutput, WatchSource, WatchStream } from '../../server/node/member.js';
import type { Outlet, ServedWatch } from './watch-line.js';
import type { WatchAsk, WatchTold } from './watch-ports.js';

export class PlainWatch implements ServedWatch, StreamReader {
  readonly #outlet: Outlet;
  readonly #stream: WatchStream;
  #isOver = false;

  constructor(source: Pick<WatchSource, 'watch'>, outlet: Outlet) {
    this.#outlet = outlet;
    this.#stream = source.watch(this);
  }

  ask(ask: WatchAsk): void {
    if (this.#isOver) return;
    if (ask.kind === 'create') this.#stream.create(ask.spec, ask.id);
    else if (ask.kind === 'cancel') this.#stream.cancel(ask.id);
    else this.#stream.requestProgress();
  }

  drained(): void {
    this.readable();
  }

  gone(): void {
    this.#isOver = true;
    this.#stream.close();
  }

  stopped(): void {
    if (this.#isOver) return;
    this.gone();
    this.#outlet.end('the member stops');
  }

  readable(): void {
    while (this.#outlet.hasRoom) {
      const output = this.#stream.take();
      if (output === undefined) return;
      this.#outlet.say(toldBy(output));
    }
  }

  ended(): void {
    this.#isOver = true;
    this.#outlet.end('the member has ended it');
  }
}

function toldBy(output: WatchOutput): WatchTold {
  if (output.kind !== 'events') return output;
  const { kind, watchId, revision, events } = output;
  return { kind, watchId, revision, events, isFragment: false };
}
