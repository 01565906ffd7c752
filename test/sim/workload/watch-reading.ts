/**
 * One stream as its client reads it: what was asked on it and is not answered, which watchers are there, and whether all
 * that is told fits. Answers come in the order of what was asked.
 */
import type { WatchRefusal } from '../../../server/node/member.js';
import type { WatchConnection, WatchTarget, WatchTold, WatchWish } from '../watch-ports.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import type { Findings } from './findings.js';
import type { LongWatch } from './long-watch.js';
import type { Tally } from './tally.js';

const ALL_WATCHERS = -1n;

export interface WatchReadingParts {
  /** Of the client. */
  readonly name: string;
  readonly ports: WorkloadPorts;
  readonly tally: Tally;
  readonly findings: Findings;
  readonly heard: () => void;
  /** The watcher is over: a compaction has taken what it needed next. */
  readonly compacted: (watch: LongWatch, compactRevision: number) => void;
  /** Nothing more comes. */
  readonly broken: (why: string) => void;
}

/** A creation that was asked for and not answered. */
interface Creation {
  /** 0n: the member chooses. */
  readonly id: bigint;
  readonly watch: LongWatch;
  /** The only answer; or one that it may have. */
  readonly mustBeRefused?: WatchRefusal | undefined;
  readonly mayBeRefused?: WatchRefusal | undefined;
}

export class WatchReading {
  readonly member: bigint;
  readonly door: WatchTarget;
  lastHeardMs: number;
  /** Everything up to here was told to all. */
  toldUpTo = 0;
  readonly #parts: WatchReadingParts;
  readonly #connection: WatchConnection;
  readonly #creations: Creation[] = [];
  readonly #watches = new Map<bigint, LongWatch>();
  /** Ids to be canceled, and not heard of: a watcher that ended by itself leaves the wish to the next one of its id. */
  readonly #cancels = new Set<bigint>();
  /** Asked for and not answered, if it ever will be. */
  #progressAsks = 0;

  constructor({ id, watches }: Target, wish: WatchWish, parts: WatchReadingParts) {
    this.member = id;
    this.door = watches;
    this.#parts = parts;
    this.lastHeardMs = parts.ports.clock.now();
    const listener = { told: (told: WatchTold) => this.#told(told), broken: (why: string) => parts.broken(why) };
    this.#connection = watches.open(listener, wish);
  }

  get isReading(): boolean {
    return this.#connection.isReading;
  }
  set isReading(isReading: boolean) {
    if (isReading) this.lastHeardMs = this.#parts.ports.clock.now();
    this.#connection.isReading = isReading;
  }
  get isAnswered(): boolean {
    return this.#creations.length === 0;
  }
  /** Of the watchers that are there. */
  get ids(): readonly bigint[] {
    return [...this.#watches.keys()];
  }
  /** Those that may be canceled. An id that was asked for once more may be another one's when the member hears of it. */
  get cancelable(): readonly (readonly [id: bigint, watch: LongWatch])[] {
    const isAskedFor = (id: bigint): boolean => this.#creations.some((creation) => creation.id === id);
    return [...this.#watches].filter(([id, watch]) => !watch.isCanceling && !isAskedFor(id));
  }

  // What is asked

  create(watch: LongWatch, id: bigint): void {
    // The member may have chosen it for one whose creation is not answered yet.
    const mayBeTaken = this.#watches.has(id) || this.#creations.some((creation) => [0n, id].includes(creation.id));
    this.#create({ id, watch, mayBeRefused: mayBeTaken && id !== 0n ? 'duplicateId' : undefined });
  }

  createWrongly(watch: LongWatch, id: bigint, mustBeRefused: WatchRefusal): void {
    this.#create({ id, watch, mustBeRefused });
  }

  cancel(id: bigint, watch: LongWatch): void {
    watch.isCanceling = true;
    this.#cancels.add(id);
    this.#connection.ask({ kind: 'cancel', id });
  }

  /** No answer comes to that. */
  cancelNobody(): void {
    this.#connection.ask({ kind: 'cancel', id: 1_000n });
  }

  askProgress(): void {
    this.#progressAsks += 1;
    this.#connection.ask({ kind: 'progress' });
  }

  /** All that was on it goes on elsewhere, if at all. */
  close(): void {
    this.#connection.close();
    for (const { watch, mustBeRefused, mayBeRefused } of this.#creations) {
      watch.cut();
      if (mustBeRefused !== undefined || mayBeRefused !== undefined) watch.end();
    }
    for (const watch of this.#watches.values()) watch.cut();
  }

  #create(creation: Creation): void {
    const { watch, id } = creation;
    this.#creations.push(creation);
    this.#connection.ask({ kind: 'create', spec: watch.begin(this.member), id });
  }

  // What is told

  #told(told: WatchTold): void {
    const { ports, tally, heard } = this.#parts;
    this.lastHeardMs = ports.clock.now();
    if (told.kind === 'created' || told.kind === 'refused') this.#answered(told);
    else if (told.kind === 'progress' && told.watchId === ALL_WATCHERS) this.#toldAll(told);
    else this.#toldOne(told);
    if (told.kind === 'events') tally.add('watch events', told.events.length);
    heard();
  }

  #answered(told: Extract<WatchTold, { kind: 'created' | 'refused' }>): void {
    const creation = this.#creations.shift();
    if (creation === undefined) {
      this.#complain(`${told.kind}, and nothing was asked for`);
      return;
    }
    const { watch, id, mustBeRefused, mayBeRefused } = creation;
    if (told.kind === 'refused') {
      watch.end();
      this.#parts.tally.add('watches refused');
      if (told.reason !== (mustBeRefused ?? mayBeRefused)) this.#complain(`${watch.name} is refused: ${told.reason}`);
      return;
    }
    const { watchId } = told;
    if (mustBeRefused !== undefined) this.#complain(`${watch.name} is created in spite of ${mustBeRefused}`);
    if (id !== 0n && watchId !== id) this.#complain(`${watch.name} is created as ${watchId}, not as ${id}`);
    if (this.#watches.has(watchId)) this.#complain(`${watch.name} is created as ${watchId}, which is taken`);
    this.#watches.set(watchId, watch);
    watch.take(told, this.#compactedRevision);
  }

  #toldAll(told: Extract<WatchTold, { kind: 'progress' }>): void {
    this.#progressAsks -= 1;
    if (this.#progressAsks < 0) this.#complain('told of its progress, and nobody asked');
    if (this.#watches.size === 0) this.#complain('told of the progress of nobody');
    this.toldUpTo = told.revision;
    this.#parts.tally.add('watch progress answers');
    for (const watch of this.#watches.values()) watch.take(told, this.#compactedRevision);
  }

  #toldOne(told: Extract<WatchTold, { kind: 'events' | 'progress' | 'canceled' }>): void {
    const { tally } = this.#parts;
    const watch = this.#watches.get(told.watchId);
    if (watch === undefined) {
      this.#complain(`told ${told.kind} of ${told.watchId}, which is nobody`);
      return;
    }
    watch.take(told, this.#compactedRevision);
    if (told.kind === 'progress') {
      tally.add('watch progress notifications');
      if (!watch.spec.progressNotify) this.#complain(`${watch.name} is told of progress it did not ask for`);
    }
    if (told.kind === 'events' && told.isFragment) tally.add('watch fragments');
    if (told.kind === 'canceled') this.#canceled(watch, told);
  }

  #canceled(watch: LongWatch, { watchId, compactRevision }: Extract<WatchTold, { kind: 'canceled' }>): void {
    const { tally, compacted } = this.#parts;
    this.#watches.delete(watchId);
    if (compactRevision > 0) compacted(watch, compactRevision);
    else if (this.#cancels.delete(watchId)) tally.add('watches canceled');
    else this.#complain(`${watch.name} is canceled, and nobody asked`);
  }

  get #compactedRevision(): number {
    return this.#parts.ports.history().compactedRevision;
  }

  #complain(complaint: string): void {
    const { findings, ports, name } = this.#parts;
    const message = `${name} at m${this.member}: ${complaint}`;
    findings.add('watch', message);
    ports.trace(`violation: ${message}`);
  }
}
