/**
 * etcdserverpb.Watch: streams of watchers on this member's own state. Knows all streams, so that they can be ended:
 * all when the member stops, and those that asked for it when there has been no leader for a while.
 */
import type { Server } from '@grpc/grpc-js';
import { WatchDefinition } from '@quorate/proto/etcd/watch.js';
import type { Clock } from '../lib/clock.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { Random } from '../lib/random.js';
import type { WatchSource } from '../node/member.js';
import { passBytes } from './codec.js';
import { wireStatusOf } from './errors.js';
import type { LeaderLoss } from './leader-loss.js';
import { serializeBundle } from './message-bundle.js';
import { type Call, WatchCall } from './watch-call.js';

export interface WatchServiceOptions {
  readonly server: Server;
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly random: Random;
  /** After this long without an event a watcher that asked for it is told its progress; up to a tenth is added. */
  readonly progressIntervalMs: number;
  readonly leaderLoss: LeaderLoss;
  /** A message of this size is split where the watcher allows it. */
  readonly fragmentBytes: number;
}

export class WatchService {
  readonly #options: WatchServiceOptions;
  readonly #calls = new Set<WatchCall>();
  #isStopped = false;

  constructor(options: WatchServiceOptions) {
    this.#options = options;
    const { name } = WatchDefinition.methods.watch;
    const path = `/${WatchDefinition.fullName}/${name}`;
    options.server.register(path, (call: Call) => this.#open(call), serializeBundle, passBytes, 'bidi');
  }

  get streams(): number {
    return this.#calls.size;
  }

  /** Ends every stream; clients go on elsewhere, from the last revision they have seen. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    for (const call of this.#calls) call.end(new QuorateError('STOPPED'));
  }

  #open(call: Call): void {
    const { source, fragmentBytes, progressIntervalMs, clock, random, leaderLoss } = this.#options;
    if (this.#isStopped) {
      call.emit('error', wireStatusOf(new QuorateError('STOPPED')));
      return;
    }
    let forget = (): void => undefined;
    const over = (watchCall: WatchCall): void => {
      this.#calls.delete(watchCall);
      forget();
    };
    const watchCall = new WatchCall(call, { source, clock, random, progressIntervalMs, fragmentBytes, over });
    this.#calls.add(watchCall);
    forget = leaderLoss.attend(call.metadata, (error) => watchCall.end(error));
  }
}
