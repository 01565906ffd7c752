/**
 * etcdserverpb.Watch: streams of watchers on this member's own state. Knows all streams, so that they can be ended:
 * all when the member stops, and those that asked for it when there has been no leader for a while.
 */
import type { Server } from '@grpc/grpc-js';
import { WatchDefinition } from '@quorate/proto/etcd/watch.js';
import type { Clock, Timer } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Random } from '../lib/random.js';
import type { WatchSource } from '../node/member.js';
import { wireStatusOf } from './errors.js';
import { serializeBundle } from './message-bundle.js';
import { type Call, WatchCall } from './watch-call.js';

export interface WatchServiceOptions {
  readonly server: Server;
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly random: Random;
  /** After this long without an event a watcher that asked for it is told its progress; up to a tenth is added. */
  readonly progressIntervalMs: number;
  /** A stream with `hasleader: true` ends when there was no leader for this long. */
  readonly noLeaderMs: number;
  /** A message of this size is split where the watcher allows it. */
  readonly fragmentBytes: number;
}

const passBytes = (bytes: Buffer): Buffer => bytes;

export class WatchService {
  readonly #options: WatchServiceOptions;
  readonly #calls = new Set<WatchCall>();
  #isStopped = false;
  #noLeader: Timer | undefined;

  constructor(options: WatchServiceOptions) {
    this.#options = options;
    const { name } = WatchDefinition.methods.watch;
    const path = `/${WatchDefinition.fullName}/${name}`;
    options.server.register(path, (call: Call) => this.#open(call), serializeBundle, passBytes, 'bidi');
    options.source.onReadyChange((isReady) => this.#readyChanged(isReady));
  }

  get streams(): number {
    return this.#calls.size;
  }

  /** Ends every stream; clients go on elsewhere, from the last revision they have seen. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#noLeader?.cancel();
    for (const call of this.#calls) call.end(new QuorateError('STOPPED'));
  }

  #open(call: Call): void {
    const { source, fragmentBytes, progressIntervalMs, clock, random } = this.#options;
    if (this.#isStopped) {
      call.emit('error', wireStatusOf(new QuorateError('STOPPED')));
      return;
    }
    const over = (watchCall: WatchCall): void => void this.#calls.delete(watchCall);
    const watchCall = new WatchCall(call, { source, clock, random, progressIntervalMs, fragmentBytes, over });
    this.#calls.add(watchCall);
    if (watchCall.requiresLeader && !source.isReady) watchCall.end(new QuorateError('NO_LEADER'));
  }

  #readyChanged(isReady: boolean): void {
    this.#noLeader?.cancel();
    if (isReady || this.#isStopped) return;
    this.#noLeader = this.#options.clock.setTimer(() => {
      for (const call of this.#calls) if (call.requiresLeader) call.end(new QuorateError('NO_LEADER'));
    }, this.#options.noLeaderMs);
  }
}
