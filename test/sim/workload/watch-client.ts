/**
 * One client that watches: it has one stream at a time, at any member, with some watchers on it. It asks, reads as fast
 * as it likes, leaves and comes back, and goes on elsewhere where it was when a stream breaks.
 */
import type { Random } from '../../../server/lib/random.js';
import type { WatchRefusal, WatchSpec } from '../../../server/node/member.js';
import type { WatchConnection, WatchListener, WatchTarget, WatchTold } from '../watch-ports.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import { between, chance, pick, pickWeighted } from './draw.js';
import type { Findings } from './findings.js';
import type { Keys } from './keys.js';
import { LongWatch } from './long-watch.js';
import type { Sightings } from './sightings.js';
import type { Tally } from './tally.js';
import { drawSpec } from './watch-specs.js';
import type { Act, WatchMix } from './watch-mix.js';

/** Ids that clients choose: few, so that they meet again. */
const CHOSEN_IDS = 3;
const NOBODY_THERE_PAUSE_MS = 200;
const RECONNECT_PAUSE_MS = 300;
/** After the faults: how often a client looks after itself. */
const QUIET_PAUSE_MS = 100;
const ALL_WATCHERS = -1n;

export interface WatchClientParts {
  readonly name: string;
  readonly ports: WorkloadPorts;
  readonly random: Random;
  readonly mix: WatchMix;
  readonly clients: number;
  readonly historyDepth: number;
  readonly keys: Keys;
  readonly sightings: Sightings;
  readonly tally: Tally;
  readonly findings: Findings;
}

/** A creation that was asked for and not answered. */
interface Creation {
  readonly id: bigint;
  readonly watch: LongWatch;
  /** The only answer; or one that it may have. */
  readonly mustBeRefused?: WatchRefusal;
  readonly mayBeRefused?: WatchRefusal;
}

interface Stream {
  readonly member: bigint;
  readonly door: WatchTarget;
  readonly connection: WatchConnection;
  readonly creations: Creation[];
  readonly watches: Map<bigint, LongWatch>;
  /** Ids to be canceled, and not heard of: a watcher that ended by itself leaves the wish to the next one of its id. */
  readonly cancels: Set<bigint>;
  /** Asked for and not answered, if it ever will be. */
  progressAsks: number;
  lastHeardMs: number;
  /** Everything up to here was told to all. */
  toldUpTo: number;
}

export class WatchClient {
  /** All that it ever had. */
  readonly watches: LongWatch[] = [];
  readonly #parts: WatchClientParts;
  #stream: Stream | undefined;
  #isQuiet = false;
  #isOver = false;
  /** After the faults: the members that answer. */
  #targets: readonly Target[] | undefined;
  /** The member whose stream broke, or that had nothing to say. */
  #avoided: bigint | undefined;
  /** Numbers the times it stops reading: only the last one's end counts. */
  #stalls = 0;

  constructor(parts: WatchClientParts) {
    this.#parts = parts;
  }

  get positions(): readonly number[] {
    return this.#open.map(({ next }) => next).filter((next) => next > 0);
  }

  async run(): Promise<void> {
    const { random, mix } = this.#parts;
    await this.#pause(random.below(mix.thinkMs + 1));
    while (!this.#isOver) {
      this.#lookAfterStream();
      if (!this.#isQuiet) this.#act(pickWeighted(random, mix.acts).name);
      await this.#pause(this.#isQuiet ? QUIET_PAUSE_MS : between(random, 0, 2 * mix.thinkMs));
    }
  }

  /** From now on it only reads, and goes on elsewhere where it has to. */
  quiet(): void {
    this.#isQuiet = true;
    this.#goOnReading();
  }

  /** Only `targets` from now on. */
  settle(targets: readonly Target[]): void {
    this.#targets = targets;
    if (!targets.some(({ id }) => id === this.#stream?.member)) this.#leave();
  }

  /** What it waits for although nothing stands in its way; undefined when it has all there is up to `revision`. */
  lacks(revision: number): string | undefined {
    const { name, ports } = this.#parts;
    const history = ports.history();
    const open = this.watches.filter(({ isOver }) => !isOver);
    if (this.#stream === undefined) return open.length === 0 ? undefined : `${name} has no stream`;
    const { member, creations } = this.#stream;
    if (creations.length > 0) return `${name} has no answer of m${member} to what it asked for`;
    const ending = open.find(({ isCanceling }) => isCanceling);
    if (ending !== undefined) return `${ending.name} is not canceled on m${member}`;
    const late = open.find((watch) => !watch.hasAll(history, revision));
    if (late !== undefined) return `${late.name} on m${member} needs ${late.next}, and does not come to ${revision}`;
    // Nobody is told of the progress of a watcher that has not begun.
    if (open.length === 0 || open.some((watch) => watch.startsAt > revision)) return undefined;
    if (this.#stream.toldUpTo >= revision) return undefined;
    this.#askProgress();
    return `${name} is not told by m${member} that it has all up to ${revision}`;
  }

  close(): void {
    this.#isOver = true;
    this.#leave();
  }

  // What it does

  #act(act: Act): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { random, mix, tally } = this.#parts;
    switch (act) {
      case 'create':
        if (this.#open.length < mix.watchersMax) this.#create(this.#drawWatch());
        return;
      case 'cancel':
        this.#cancelOne();
        return;
      case 'replace': {
        const id = this.#cancelOne();
        if (id !== undefined && id !== 0n) this.#create(this.#drawWatch(), { id });
        return;
      }
      case 'askProgress':
        this.#askProgress();
        return;
      case 'stall':
        tally.add('watch stalls');
        this.#stopReading(random.below(mix.stallMs));
        return;
      case 'move':
        tally.add('watch moves');
        this.#avoided = stream.member;
        this.#leave();
        return;
      case 'askWrongly':
        this.#askWrongly();
    }
  }

  #create(watch: LongWatch, { id = this.#drawId(), ...rest }: Partial<Creation> = {}): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (!this.watches.includes(watch)) this.watches.push(watch);
    // The member may have chosen it for one whose creation is not answered yet.
    const mayBeTaken = stream.watches.has(id) || stream.creations.some((creation) => [0n, id].includes(creation.id));
    const refusal = mayBeTaken && id !== 0n ? ({ mayBeRefused: 'duplicateId' } as const) : {};
    stream.creations.push({ id, watch, ...refusal, ...rest });
    stream.connection.ask({ kind: 'create', spec: watch.begin(stream.member), id });
  }

  #cancelOne(): bigint | undefined {
    const stream = this.#stream;
    if (stream === undefined) return undefined;
    // An id that was asked for once more may be the new one's by the time the member hears of it.
    const isAskedFor = (id: bigint): boolean => stream.creations.some((creation) => creation.id === id);
    const candidates = [...stream.watches].filter(([id, watch]) => !watch.isCanceling && !isAskedFor(id));
    if (candidates.length === 0) return undefined;
    const [id, watch] = pick(this.#parts.random, candidates);
    watch.isCanceling = true;
    stream.cancels.add(id);
    stream.connection.ask({ kind: 'cancel', id });
    return id;
  }

  #askProgress(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    stream.progressAsks += 1;
    stream.connection.ask({ kind: 'progress' });
  }

  #askWrongly(): void {
    const { random } = this.#parts;
    const watch = this.#drawWatch();
    const wrongly = (spec: Partial<WatchSpec>, mustBeRefused: WatchRefusal): void => {
      this.#create(new LongWatch(watch.name, { ...watch.spec, ...spec }, true), { mustBeRefused });
    };
    const way = random.below(4);
    if (way === 0) wrongly({ startRevision: -1 - random.below(5) }, 'negativeStart');
    else if (way === 1) wrongly({ key: 'k', rangeEnd: pick(random, ['k', 'a']) }, 'emptyRange');
    else if (way === 2) this.#stream?.connection.ask({ kind: 'cancel', id: 1_000n });
    else this.#create(watch, { id: pick(random, [...(this.#stream?.watches.keys() ?? []), 0n]) });
  }

  #drawWatch(): LongWatch {
    const { name, random, mix, ports, tally, sightings } = this.#parts;
    const { compactedRevision } = ports.history();
    const spec = drawSpec({ ...this.#parts, compactedRevision });
    if (spec.startRevision > sightings.revision) tally.add('watches from the future');
    tally.add('watches');
    return new LongWatch(`${name}.${this.watches.length}`, spec, chance(random, mix.byEventsPercent));
  }

  #drawId(): bigint {
    const { random } = this.#parts;
    return chance(random, 70) ? 0n : BigInt(1 + random.below(CHOSEN_IDS));
  }

  get #open(): readonly LongWatch[] {
    return this.watches.filter(({ isOver }) => !isOver);
  }

  // Its stream

  #lookAfterStream(): void {
    if (this.#stream === undefined) {
      this.#connect();
      return;
    }
    if (this.#isQuiet ? this.#isThere(this.#stream) : !this.#isSilent(this.#stream)) return;
    this.#avoided = this.#stream.member;
    this.#leave();
  }

  #isSilent({ connection, lastHeardMs }: Stream): boolean {
    const { ports, mix } = this.#parts;
    return connection.isReading && ports.clock.now() - lastHeardMs >= mix.patienceMs;
  }

  /** When all is well, silence is no reason to leave: only that the other end is gone, and nobody said so. */
  #isThere({ door }: Stream): boolean {
    return (this.#targets ?? this.#parts.ports.targets()).some(({ watches }) => watches === door);
  }

  #connect(): void {
    const { random, mix, tally } = this.#parts;
    const target = this.#target();
    if (this.#isOver || target === undefined) return;
    const isWire = chance(random, mix.wirePercent);
    const listener: WatchListener = {
      told: (told) => this.#told(told),
      broken: (why) => this.#broken(why),
    };
    const connection = target.watches.open(listener, { ...mix.wish, isWire });
    this.#stream = {
      member: target.id,
      door: target.watches,
      connection,
      creations: [],
      watches: new Map(),
      cancels: new Set(),
      progressAsks: 0,
      lastHeardMs: this.#parts.ports.clock.now(),
      toldUpTo: 0,
    };
    tally.add(isWire ? 'watch streams over the wire' : 'watch streams');
    for (const watch of this.#open) {
      if (watch.stretches > 0) tally.add('watches resumed');
      this.#create(watch, { id: 0n });
    }
  }

  #target(): Target | undefined {
    const { ports, random } = this.#parts;
    const targets = this.#targets ?? ports.targets();
    const others = targets.filter(({ id }) => id !== this.#avoided);
    const candidates = others.length > 0 ? others : targets;
    return candidates.length === 0 ? undefined : pick(random, candidates);
  }

  #leave(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    stream.connection.close();
    this.#forget(stream);
  }

  #broken(why: string): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { tally, random, ports, name } = this.#parts;
    tally.add('watch streams broken');
    ports.trace(`${name} has lost its stream of m${stream.member}: ${why}`);
    this.#avoided = chance(random, 50) ? stream.member : undefined;
    this.#forget(stream);
    ports.clock.setTimer(() => {
      if (this.#stream === undefined) this.#connect();
    }, random.below(RECONNECT_PAUSE_MS));
  }

  #forget({ watches, creations }: Stream): void {
    this.#stream = undefined;
    this.#stalls += 1;
    for (const { watch, mustBeRefused, mayBeRefused } of creations) {
      watch.cut();
      if (mustBeRefused !== undefined || mayBeRefused !== undefined) watch.end();
    }
    for (const watch of watches.values()) watch.cut();
  }

  #stopReading(forMs: number): void {
    if (this.#stream === undefined) return;
    this.#stream.connection.isReading = false;
    this.#stalls += 1;
    const stall = this.#stalls;
    this.#parts.ports.clock.setTimer(() => {
      if (stall === this.#stalls) this.#goOnReading();
    }, forMs);
  }

  #goOnReading(): void {
    if (this.#stream === undefined || this.#stream.connection.isReading) return;
    this.#stalls += 1;
    this.#stream.lastHeardMs = this.#parts.ports.clock.now();
    this.#stream.connection.isReading = true;
  }

  // What it is told

  #told(told: WatchTold): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { ports, mix, tally } = this.#parts;
    stream.lastHeardMs = ports.clock.now();
    if (told.kind === 'created' || told.kind === 'refused') this.#answered(stream, told);
    else if (told.kind === 'progress' && told.watchId === ALL_WATCHERS) this.#toldAll(stream, told);
    else this.#toldOne(stream, told);
    if (told.kind === 'events') tally.add('watch events', told.events.length);
    if (mix.readMs > 0 && !this.#isQuiet) this.#stopReading(mix.readMs);
  }

  #answered(stream: Stream, told: Extract<WatchTold, { kind: 'created' | 'refused' }>): void {
    const creation = stream.creations.shift();
    if (creation === undefined) {
      this.#complain(stream, `${told.kind}, and nothing was asked for`);
      return;
    }
    const { watch, id, mustBeRefused, mayBeRefused } = creation;
    if (told.kind === 'refused') {
      watch.end();
      this.#parts.tally.add('watches refused');
      if (told.reason === (mustBeRefused ?? mayBeRefused)) return;
      this.#complain(stream, `${watch.name} is refused: ${told.reason}`);
      return;
    }
    const { watchId } = told;
    if (mustBeRefused !== undefined) this.#complain(stream, `${watch.name} is created in spite of ${mustBeRefused}`);
    if (id !== 0n && watchId !== id) this.#complain(stream, `${watch.name} is created as ${watchId}, not as ${id}`);
    if (stream.watches.has(watchId)) this.#complain(stream, `${watch.name} is created as ${watchId}, which is taken`);
    stream.watches.set(watchId, watch);
    watch.take(told, this.#compactedRevision);
  }

  #toldAll(stream: Stream, told: Extract<WatchTold, { kind: 'progress' }>): void {
    stream.progressAsks -= 1;
    if (stream.progressAsks < 0) this.#complain(stream, 'told of its progress, and nobody asked');
    if (stream.watches.size === 0) this.#complain(stream, 'told of the progress of nobody');
    stream.toldUpTo = told.revision;
    this.#parts.tally.add('watch progress answers');
    for (const watch of stream.watches.values()) watch.take(told, this.#compactedRevision);
  }

  #toldOne(stream: Stream, told: Extract<WatchTold, { kind: 'events' | 'progress' | 'canceled' }>): void {
    const { tally } = this.#parts;
    const watch = stream.watches.get(told.watchId);
    if (watch === undefined) {
      this.#complain(stream, `told ${told.kind} of ${told.watchId}, which is nobody`);
      return;
    }
    watch.take(told, this.#compactedRevision);
    if (told.kind === 'progress') {
      tally.add('watch progress notifications');
      if (!watch.spec.progressNotify) this.#complain(stream, `${watch.name} is told of progress it did not ask for`);
    }
    if (told.kind === 'events' && told.isFragment) tally.add('watch fragments');
    if (told.kind !== 'canceled') return;
    stream.watches.delete(told.watchId);
    if (told.compactRevision > 0) this.#compacted(watch, told.compactRevision);
    else if (stream.cancels.delete(told.watchId)) tally.add('watches canceled');
    else this.#complain(stream, `${watch.name} is canceled, and nobody asked`);
  }

  /** As clients do: it begins anew with the oldest that is left. */
  #compacted({ name, spec }: LongWatch, compactRevision: number): void {
    const { tally, random, mix } = this.#parts;
    tally.add('watches compacted');
    if (this.#open.length >= mix.watchersMax) return;
    const next = { ...spec, startRevision: compactRevision };
    this.#create(new LongWatch(`${name}+`, next, chance(random, mix.byEventsPercent)));
  }

  get #compactedRevision(): number {
    return this.#parts.ports.history().compactedRevision;
  }

  #complain({ member }: Stream, complaint: string): void {
    const { findings, ports, name } = this.#parts;
    const message = `${name} at m${member}: ${complaint}`;
    findings.add('watch', message);
    ports.trace(`violation: ${message}`);
  }

  #pause(ms: number): Promise<void> {
    const { random, ports } = this.#parts;
    const wait = this.#stream === undefined && !this.#isQuiet ? random.below(NOBODY_THERE_PAUSE_MS) : ms;
    return new Promise((resolve) => ports.clock.setTimer(resolve, wait));
  }
}
