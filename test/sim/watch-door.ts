/**
 * A running member as those who watch reach it. Everything that it says is checked as it leaves: it speaks of nothing
 * that is not committed, and no stream holds more for its reader than it may.
 */
import type { Random } from '../../server/lib/random.js';
import type { KvMember } from '../../server/node/kv-member.js';
import type { StreamReader, WatchSource, WatchStream } from '../../server/node/member.js';
import type { WatchLimits } from '../../server/watch/watch-limits.js';
import type { Report } from './check-report.js';
import type { MemberProcess } from './member-clock.js';
import { PlainWatch } from './plain-watch.js';
import type { AnswerChecks } from './step-checks-answers.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';
import { type Outlet, type ServedWatch, WatchLine } from './watch-line.js';
import type { WatchConnection, WatchListener, WatchTarget, WatchTold, WatchWish } from './watch-ports.js';
import { WireWatch } from './wire-watch.js';

export interface WatchDoorParts {
  readonly id: bigint;
  readonly kv: KvMember;
  readonly process: MemberProcess;
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly random: Random;
  readonly checks: AnswerChecks;
  readonly limits: WatchLimits;
  readonly report: Report;
  /** A stream breaks. */
  readonly isLost: () => boolean;
  /** The process may die here. */
  readonly answering: () => void;
}

export class WatchDoor implements WatchTarget {
  readonly #parts: WatchDoorParts;
  readonly #lines = new Set<WatchLine>();

  constructor(parts: WatchDoorParts) {
    this.#parts = parts;
  }

  get watchers(): number {
    return this.#parts.kv.watchers;
  }

  open(listener: WatchListener, wish: WatchWish): WatchConnection {
    const { process, time, random, isLost } = this.#parts;
    const line = new WatchLine(listener, {
      process,
      time,
      random,
      window: wish.window,
      isLost,
      leaving: (told) => this.#leaving(told),
      over: (each) => this.#lines.delete(each),
    });
    this.#lines.add(line);
    line.open((outlet) => this.#serve(outlet, wish));
    return line;
  }

  /** The member stops: it says so on every stream. */
  stop(): void {
    for (const line of this.#lines) line.stopped();
  }

  /** The process is gone. */
  end(): void {
    for (const line of this.#lines) line.processEnded();
    this.#lines.clear();
  }

  #serve(outlet: Outlet, wish: WatchWish): ServedWatch {
    const { process, random } = this.#parts;
    const stream = new CheckedStream(this.#parts);
    const served = wish.isWire
      ? new WireWatch({ source: stream, outlet, process, random, wish })
      : new PlainWatch(stream, outlet);
    return {
      ask: (ask) => {
        stream.asks += 1;
        served.ask(ask);
      },
      drained: () => {
        stream.check();
        served.drained();
      },
      gone: () => served.gone(),
      stopped: () => served.stopped(),
    };
  }

  #leaving(told: WatchTold): boolean {
    const { process, answering, checks, id, trace } = this.#parts;
    if (process.isEnded) return false;
    answering();
    if (process.isEnded) return false;
    const { revision, kind } = told;
    checks.answered(id, `a watch's ${kind}`, revision, undefined);
    const count = told.kind === 'events' ? told.events.length : 0;
    trace.event(() => `m${id} tells its watchers: ${describeTold(told)}`, Number(id), kind.length, revision, count);
    return true;
  }
}

/** Where the streams of one reader come from: it opens one. */
class CheckedStream implements WatchSource {
  /** What the reader has asked on it. */
  asks = 0;
  readonly #parts: WatchDoorParts;
  #stream: WatchStream | undefined;

  constructor(parts: WatchDoorParts) {
    this.#parts = parts;
  }

  watch(reader: StreamReader): WatchStream {
    const readable = (): void => {
      this.check();
      reader.readable();
    };
    this.#stream = this.#parts.kv.watch({ readable, ended: () => reader.ended() });
    return this.#stream;
  }

  /** Answers always find room: one for each thing asked, and one more for each watcher that a compaction ends. */
  check(): void {
    const { limits, report, id } = this.#parts;
    const { streamBatchesMax } = limits;
    const outputs = this.#stream?.queued.outputs ?? 0;
    if (outputs <= streamBatchesMax + 2 * this.asks) return;
    report('watch-bounded', `m${id} holds ${outputs} outputs for one reader, ${streamBatchesMax} at most are events`);
  }

  header(revision: number): ReturnType<WatchSource['header']> {
    return this.#parts.kv.header(revision);
  }
  get isReady(): boolean {
    return this.#parts.kv.isReady;
  }
  onReadyChange(listener: (isReady: boolean) => void): void {
    this.#parts.kv.onReadyChange(listener);
  }
}

function describeTold(told: WatchTold): string {
  const { kind, revision } = told;
  if (kind === 'refused') return `refused, ${told.reason}`;
  const rest = {
    created: () => '',
    progress: () => '',
    canceled: () => (told.kind === 'canceled' && told.compactRevision > 0 ? ` compacted ${told.compactRevision}` : ''),
    events: () => (told.kind === 'events' ? ` ${told.events.map(describeEvent).join(' ')}` : ''),
  }[kind]();
  return `${told.watchId} ${kind} at revision ${revision}${rest}`;
}

function describeEvent({ type, kv }: Extract<WatchTold, { kind: 'events' }>['events'][number]): string {
  return `${type} ${JSON.stringify(kv.key)}@${kv.modRevision}`;
}
