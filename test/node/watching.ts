/** A reader of a member's watch stream that writes down what it is told, watcher by watcher, for the watch checker. */
import type { StreamReader, WatchOutput, WatchSource, WatchSpec, WatchStream } from '../../server/node/member.js';
import type { Event } from '../../server/state/result.js';
import type { WatchRecord, WatchSaid } from '../checkers/watch-record.js';

export class Watching implements StreamReader {
  readonly stream: WatchStream;
  /** While false nothing is read. */
  isReading = true;
  isEnded = false;
  readonly outputs: WatchOutput[] = [];
  readonly #specs: WatchSpec[] = [];
  readonly #said = new Map<bigint, { readonly spec: WatchSpec; readonly said: WatchSaid[] }>();

  constructor(source: Pick<WatchSource, 'watch'>) {
    this.stream = source.watch(this);
  }

  create(spec: WatchSpec): void {
    this.#specs.push(spec);
    this.stream.create(spec);
    this.read();
  }

  readable(): void {
    if (this.isReading) this.read();
  }

  ended(): void {
    this.isEnded = true;
  }

  read(max = Infinity): void {
    for (let taken = 0; taken < max; taken += 1) {
      const output = this.stream.take();
      if (output === undefined) return;
      this.outputs.push(output);
      this.#hear(output);
    }
  }

  /** All events of one watcher. */
  events(id = 0n): readonly Event[] {
    const said = this.#said.get(id)?.said ?? [];
    return said.flatMap((one) => (one.kind === 'events' ? one.events : []));
  }

  revisions(id = 0n): readonly number[] {
    return this.events(id).map(({ revision }) => revision.main);
  }

  records(demandedUpTo: number): readonly WatchRecord[] {
    return [...this.#said].map(([id, { spec, said }]) => ({ name: `w${id}`, spec, said, demandedUpTo }));
  }

  #hear(output: WatchOutput): void {
    if (output.kind === 'refused') throw new Error(`refused: ${output.reason}`);
    if (output.kind === 'created') {
      const spec = this.#specs.shift();
      if (spec === undefined) throw new Error('created, and nobody asked');
      this.#said.set(output.watchId, { spec, said: [] });
    }
    const concerned = output.watchId === -1n ? [...this.#said.values()] : [this.#said.get(output.watchId)];
    for (const one of concerned) one?.said.push({ ...output });
  }
}
