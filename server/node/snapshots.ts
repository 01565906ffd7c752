/**
 * Snapshots for members that are far behind: sends this member's state, receives another's beside its own. It never
 * touches the live state: a received snapshot becomes it only through the save lane, when the core has decided so.
 */
import { InvariantError } from '../lib/assert.js';
import type { Logger } from '../lib/logger.js';
import type { LogIndex, NodeId, SnapshotMeta, Term } from '../raft/types.js';
import { EngineError } from '../storage/engine.js';
import type { MemberStore, SnapshotWriter } from '../storage/member-store.js';
import { StorageCorruptionError } from '../storage/storage-errors.js';
import type { IncomingSnapshot, PeerTransport } from './ports.js';

export interface ReceivedSnapshot {
  readonly meta: SnapshotMeta;
  readonly writer: SnapshotWriter;
  /** False once another one has begun to come: the store keeps the latest only, and has thrown this one away. */
  readonly isLatest: () => boolean;
}

type SnapshotStore = Pick<MemberStore, 'openSnapshot' | 'receiveSnapshot'>;

export class Snapshots {
  readonly #store: SnapshotStore;
  readonly #transport: Pick<PeerTransport, 'sendSnapshot'>;
  readonly #logger: Logger;
  readonly #diskFailed: (error: unknown) => void;
  /** Peers being sent a snapshot, with its index: the log after it must stay. */
  readonly #sending = new Map<NodeId, LogIndex>();
  #lastReception = 0;

  /**
   * `diskFailed`: the engine could not write what was received, and takes no write any more, or this member cannot read
   * its own state. Nobody else would notice: a member that waits for a snapshot may have nothing else to write, and a
   * leader nothing else to read, so the one would ask for snapshots and the other refuse them for ever.
   */
  constructor(
    store: SnapshotStore,
    transport: Pick<PeerTransport, 'sendSnapshot'>,
    logger: Logger,
    diskFailed: (error: unknown) => void,
  ) {
    this.#store = store;
    this.#transport = transport;
    this.#logger = logger;
    this.#diskFailed = diskFailed;
  }

  /** The oldest entry that a transfer under way will need next; Infinity when none is. */
  get neededIndex(): LogIndex {
    return Math.min(Infinity, ...this.#sending.values());
  }

  isSending(to: NodeId): boolean {
    return this.#sending.has(to);
  }

  /** Sends one snapshot; at most one at a time to a peer. Resolves with what the peer holds then, undefined on failure. */
  async send(to: NodeId, term: Term, atLeast: LogIndex): Promise<LogIndex | undefined> {
    this.#sending.set(to, atLeast);
    try {
      const reader = await this.#onDisk(() => this.#store.openSnapshot());
      try {
        this.#sending.set(to, reader.meta.index);
        this.#logger.info('sending snapshot', { to, index: reader.meta.index });
        const index = await this.#transport.sendSnapshot(to, {
          term,
          nextChunk: () => this.#onDisk(() => reader.nextChunk()),
        });
        this.#logger.info('snapshot sent', { to, index });
        return index;
      } finally {
        await reader.close();
      }
    } catch (error) {
      this.#logger.warn('snapshot not sent', { to, error: String(error) });
      return undefined;
    } finally {
      this.#sending.delete(to);
    }
  }

  /** Receives into the store's staging area and verifies. The caller offers the result to the core, or aborts. */
  async receive(incoming: IncomingSnapshot): Promise<ReceivedSnapshot> {
    this.#lastReception += 1;
    const reception = this.#lastReception;
    const writer = await this.#onDisk(() => this.#store.receiveSnapshot());
    try {
      for await (const chunk of incoming.chunks) await this.#onDisk(() => writer.writeChunk(chunk));
      const meta = await this.#onDisk(() => writer.finish());
      this.#logger.info('snapshot received', { from: incoming.from, index: meta.index });
      return { meta, writer, isLatest: () => reception === this.#lastReception };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** What the other end says of its own disk is no failure of this one. */
  async #onDisk<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDiskFailure(error)) this.#diskFailed(error);
      throw error;
    }
  }
}

/** A closed engine is a member that stops, and an invalid argument the fault of the snapshot. */
function isDiskFailure(error: unknown): boolean {
  if (error instanceof InvariantError || error instanceof StorageCorruptionError) return true;
  return error instanceof EngineError && error.code !== 'CLOSED' && error.code !== 'INVALID_ARGUMENT';
}
