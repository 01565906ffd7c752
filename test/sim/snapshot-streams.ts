/**
 * Snapshots on their way, chunk by chunk, from one process to another. A stream ends with its connection, at both ends:
 * when a process dies, a link is cut or nothing moves for too long. An answer may be lost although all has arrived.
 */
import { createDeferred, type Deferred } from '../../server/lib/deferred.js';
import type { OutgoingSnapshot } from '../../server/node/ports.js';
import type { NodeId } from '../../server/raft/types.js';
import type { Life } from './life.js';
import type { VirtualTime } from './virtual-time.js';

/** As the transport of a real member gives up. */
const STALL_MS = 30_000;

export interface StreamPorts {
  readonly time: VirtualTime;
  lifeOf(id: NodeId): Life | undefined;
  isCut(from: NodeId, to: NodeId): boolean;
  latencyMs(from: NodeId, to: NodeId): number;
  /** Before a chunk arrives. The stream may be cut here, and the receiver may die. */
  chunkDue(from: Life, to: Life): 'arrives' | 'cut';
  installed(from: NodeId, to: NodeId, index: number): void;
}

interface Stream {
  readonly from: Life;
  readonly to: Life;
  readonly inbox: ChunkInbox;
  /** Rejects in the sender's process when the stream breaks. */
  readonly broken: Deferred<never>;
}

export class SnapshotStreams {
  readonly #ports: StreamPorts;
  readonly #streams = new Set<Stream>();

  constructor(ports: StreamPorts) {
    this.#ports = ports;
  }

  /** Called in the sender's process. Resolves there with what the receiver answered. */
  async send(from: Life, toId: NodeId, snapshot: OutgoingSnapshot): Promise<number> {
    const to = this.#ports.lifeOf(toId);
    if (to?.receiver === undefined || this.#isCut(from, to)) throw new Error('unreachable');
    const stream: Stream = { from, to, inbox: new ChunkInbox(), broken: createDeferred<never>() };
    stream.broken.promise.catch(() => undefined);
    this.#streams.add(stream);
    let stall = this.#armStall(stream);
    try {
      const answer = createDeferred<number>();
      let isFirst = true;
      for (;;) {
        const chunk = await Promise.race([snapshot.nextChunk(), stream.broken.promise]);
        await Promise.race([
          this.#carry(stream, chunk, isFirst ? answer : undefined, snapshot.term),
          stream.broken.promise,
        ]);
        isFirst = false;
        stall.cancel();
        stall = this.#armStall(stream);
        if (chunk === undefined) break;
      }
      return await Promise.race([answer.promise, stream.broken.promise]);
    } finally {
      stall.cancel();
      this.#streams.delete(stream);
    }
  }

  /** The process of `life` is gone. */
  lifeEnded(life: Life): void {
    for (const stream of this.#streams) if (stream.from === life || stream.to === life) this.#break(stream);
  }

  linkCut(from: NodeId, to: NodeId): void {
    for (const stream of this.#streams) {
      const ends = [stream.from.slot.id, stream.to.slot.id];
      if (ends.includes(from) && ends.includes(to)) this.#break(stream);
    }
  }

  /** Resolves in the sender's process when the chunk, or the end of the stream, has arrived. */
  #carry(stream: Stream, chunk: Buffer | undefined, answer: Deferred<number> | undefined, term: number): Promise<void> {
    const { from, to, inbox } = stream;
    const arrived = createDeferred<void>();
    this.#later(stream, () => {
      if (this.#ports.chunkDue(from, to) === 'cut') {
        this.#break(stream);
        return;
      }
      to.process.run(() => {
        if (answer !== undefined) this.#open(stream, term, answer);
        if (chunk === undefined) inbox.end();
        else inbox.push(Buffer.from(chunk));
      });
      this.#later(stream, () => from.process.run(arrived.resolve));
    });
    return arrived.promise;
  }

  #open({ from, to, inbox }: Stream, term: number, answer: Deferred<number>): void {
    const { receiver } = to;
    if (receiver === undefined) return;
    const { id } = from.slot;
    const reply = (settle: () => void): void => {
      if (to.process.isEnded) return;
      this.#ports.time.after(this.#ports.latencyMs(to.slot.id, id), () => from.process.run(settle));
    };
    receiver.receiveSnapshot({ from: id, term, chunks: inbox }).then(
      (index) => {
        this.#ports.installed(id, to.slot.id, index);
        reply(() => answer.resolve(index));
      },
      (error: unknown) => reply(() => answer.reject(error instanceof Error ? error : new Error(String(error)))),
    );
    answer.promise.catch(() => undefined);
  }

  #later(stream: Stream, work: () => void): void {
    const { from, to } = stream;
    this.#ports.time.after(this.#ports.latencyMs(from.slot.id, to.slot.id), () => {
      if (!this.#streams.has(stream)) return;
      if (this.#isCut(from, to)) this.#break(stream);
      else work();
    });
  }

  /** Both ends hear of it, each in its own process. */
  #break(stream: Stream): void {
    const { from, to, inbox, broken } = stream;
    this.#streams.delete(stream);
    from.process.run(() => broken.reject(new Error('the connection broke')));
    to.process.run(() => inbox.fail(new Error('the connection broke')));
  }

  #armStall(stream: Stream): { cancel(): void } {
    return stream.from.process.setTimer(() => this.#break(stream), STALL_MS);
  }

  #isCut(a: Life, b: Life): boolean {
    return this.#ports.isCut(a.slot.id, b.slot.id) || this.#ports.isCut(b.slot.id, a.slot.id);
  }
}

/** Chunks that have arrived and are not taken yet. */
class ChunkInbox implements AsyncIterable<Buffer> {
  readonly #chunks: Buffer[] = [];
  #end: 'open' | 'ended' | Error = 'open';
  #wake: (() => void) | undefined;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  end(): void {
    if (this.#end === 'open') this.#end = 'ended';
    this.#wake?.();
  }

  fail(error: Error): void {
    if (this.#end === 'open') this.#end = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        continue;
      }
      if (this.#end === 'ended') return undefined;
      if (this.#end !== 'open') throw this.#end;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
