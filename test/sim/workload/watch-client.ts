/**
 * One client that watches: it has one stream at a time, at any member, with some watchers on it. It asks, reads as fast
 * as it likes, leaves and comes back, and goes on elsewhere where it was when a stream breaks.
 */
import type { Random } from '../../../server/lib/random.js';
import type { WatchRefusal, WatchSpec } from '../../../server/node/member.js';
import type { Target, WorkloadPorts } from '../workload-ports.js';
import { between, chance, pick, pickWeighted } from './draw.js';
import type { Findings } from './findings.js';
import type { Keys } from './keys.js';
import { LongWatch } from './long-watch.js';
import type { Sightings } from './sightings.js';
import type { Tally } from './tally.js';
import type { Act, WatchMix } from './watch-mix.js';
import { WatchReading } from './watch-reading.js';
import { drawSpec } from './watch-specs.js';

/** Ids that clients choose: few, so that they meet again. */
const CHOSEN_IDS = 3;
const NOBODY_THERE_PAUSE_MS = 200;
const RECONNECT_PAUSE_MS = 300;
/** After the faults: how often a client looks after itself. */
const QUIET_PAUSE_MS = 100;

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

export class WatchClient {
  /** All that it ever had. */
  readonly watches: LongWatch[] = [];
  readonly #parts: WatchClientParts;
  #reading: WatchReading | undefined;
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
    if (!targets.some(({ id }) => id === this.#reading?.member)) this.#leave();
  }

  /** What it waits for although nothing stands in its way; undefined when it has all there is up to `revision`. */
  lacks(revision: number): string | undefined {
    const { name, ports } = this.#parts;
    const history = ports.history();
    const open = this.#open;
    const reading = this.#reading;
    if (reading === undefined) return open.length === 0 ? undefined : `${name} has no stream`;
    const { member } = reading;
    if (!reading.isAnswered) return `${name} has no answer of m${member} to what it asked for`;
    const ending = open.find(({ isCanceling }) => isCanceling);
    if (ending !== undefined) return `${ending.name} is not canceled on m${member}`;
    const late = open.find((watch) => !watch.hasAll(history, revision));
    if (late !== undefined) return `${late.name} on m${member} needs ${late.next}, and does not come to ${revision}`;
    // Nobody is told of the progress of a watcher that has not begun.
    if (open.length === 0 || open.some((watch) => watch.startsAt > revision)) return undefined;
    if (reading.toldUpTo >= revision) return undefined;
    reading.askProgress();
    return `${name} is not told by m${member} that it has all up to ${revision}`;
  }

  close(): void {
    this.#isOver = true;
    this.#leave();
  }

  // What it does

  #act(act: Act): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    const { random, mix, tally } = this.#parts;
    switch (act) {
      case 'create':
        if (this.#open.length < mix.watchersMax) this.#create(reading, this.#drawWatch());
        return;
      case 'cancel':
        this.#cancelOne(reading);
        return;
      case 'replace': {
        const id = this.#cancelOne(reading);
        if (id !== undefined && id !== 0n) this.#create(reading, this.#drawWatch(), id);
        return;
      }
      case 'askProgress':
        reading.askProgress();
        return;
      case 'stall':
        tally.add('watch stalls');
        this.#stopReading(random.below(mix.stallMs));
        return;
      case 'move':
        tally.add('watch moves');
        this.#avoided = reading.member;
        this.#leave();
        return;
      case 'askWrongly':
        this.#askWrongly(reading);
    }
  }

  #create(reading: WatchReading, watch: LongWatch, id = this.#drawId()): void {
    this.watches.push(watch);
    reading.create(watch, id);
  }

  #cancelOne(reading: WatchReading): bigint | undefined {
    const { cancelable } = reading;
    if (cancelable.length === 0) return undefined;
    const [id, watch] = pick(this.#parts.random, cancelable);
    reading.cancel(id, watch);
    return id;
  }

  #askWrongly(reading: WatchReading): void {
    const { random } = this.#parts;
    const watch = this.#drawWatch();
    const wrongly = (spec: Partial<WatchSpec>, mustBeRefused: WatchRefusal): void => {
      const wrong = new LongWatch(watch.name, { ...watch.spec, ...spec }, true);
      this.watches.push(wrong);
      reading.createWrongly(wrong, this.#drawId(), mustBeRefused);
    };
    const way = random.below(4);
    if (way === 0) wrongly({ startRevision: -1 - random.below(5) }, 'negativeStart');
    else if (way === 1) wrongly({ key: 'k', rangeEnd: pick(random, ['k', 'a']) }, 'emptyRange');
    else if (way === 2) reading.cancelNobody();
    else this.#create(reading, watch, pick(random, [...reading.ids, 0n]));
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
    if (this.#reading === undefined) {
      this.#connect();
      return;
    }
    if (this.#isQuiet ? this.#isThere(this.#reading) : !this.#isSilent(this.#reading)) return;
    this.#avoided = this.#reading.member;
    this.#leave();
  }

  #isSilent({ isReading, lastHeardMs }: WatchReading): boolean {
    const { ports, mix } = this.#parts;
    return isReading && ports.clock.now() - lastHeardMs >= mix.patienceMs;
  }

  /** When all is well, silence is no reason to leave: only that the other end is gone, and nobody said so. */
  #isThere({ door }: WatchReading): boolean {
    return (this.#targets ?? this.#parts.ports.targets()).some(({ watches }) => watches === door);
  }

  #connect(): void {
    const { name, ports, random, mix, tally, findings } = this.#parts;
    const target = this.#target();
    if (this.#isOver || target === undefined) return;
    const isWire = chance(random, mix.wirePercent);
    const reading = new WatchReading(
      target,
      { ...mix.wish, isWire },
      {
        name,
        ports,
        tally,
        findings,
        heard: () => {
          if (mix.readMs > 0 && !this.#isQuiet) this.#stopReading(mix.readMs);
        },
        compacted: (watch, compactRevision) => this.#compacted(reading, watch, compactRevision),
        broken: (why) => this.#broken(reading, why),
      },
    );
    this.#reading = reading;
    tally.add(isWire ? 'watch streams over the wire' : 'watch streams');
    for (const watch of this.#open) {
      if (watch.stretches > 0) tally.add('watches resumed');
      reading.create(watch, 0n);
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
    this.#reading?.close();
    this.#reading = undefined;
    this.#stalls += 1;
  }

  #broken({ member }: WatchReading, why: string): void {
    const { tally, random, ports, name } = this.#parts;
    tally.add('watch streams broken');
    ports.trace(`${name} has lost its stream of m${member}: ${why}`);
    this.#avoided = chance(random, 50) ? member : undefined;
    this.#leave();
    ports.clock.setTimer(() => {
      if (this.#reading === undefined) this.#connect();
    }, random.below(RECONNECT_PAUSE_MS));
  }

  /** As clients do: it begins anew with the oldest that is left. */
  #compacted(reading: WatchReading, { name, spec }: LongWatch, compactRevision: number): void {
    const { tally, random, mix } = this.#parts;
    tally.add('watches compacted');
    if (this.#open.length >= mix.watchersMax) return;
    const next = { ...spec, startRevision: compactRevision };
    this.#create(reading, new LongWatch(`${name}+`, next, chance(random, mix.byEventsPercent)));
  }

  #stopReading(forMs: number): void {
    if (this.#reading === undefined) return;
    this.#reading.isReading = false;
    this.#stalls += 1;
    const stall = this.#stalls;
    this.#parts.ports.clock.setTimer(() => {
      if (stall === this.#stalls) this.#goOnReading();
    }, forMs);
  }

  #goOnReading(): void {
    if (this.#reading === undefined || this.#reading.isReading) return;
    this.#stalls += 1;
    this.#reading.isReading = true;
  }

  #pause(ms: number): Promise<void> {
    const { random, ports } = this.#parts;
    const wait = this.#reading === undefined && !this.#isQuiet ? random.below(NOBODY_THERE_PAUSE_MS) : ms;
    return new Promise((resolve) => ports.clock.setTimer(resolve, wait));
  }
}
