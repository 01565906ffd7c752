/** etcdserverpb.Watch: streams of watchers on this member's own state. */
import { WatchDefinition } from '@quorate/proto/etcd/watch.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import type { WatchSource } from '../node/member.js';
import type { Carrier } from './carrier.js';
import { passBytes } from './codec.js';
import { serializeBundle } from './message-bundle.js';
import type { StreamEnds } from './stream-ends.js';
import { WatchEncoder } from './watch-answer.js';
import { type Call, WatchCall } from './watch-call.js';

export interface WatchServiceOptions {
  readonly server: Carrier;
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly random: Random;
  /** After this long without an event a watcher that asked for it is told its progress; up to a tenth is added. */
  readonly progressIntervalMs: number;
  readonly ends: StreamEnds;
  /** A message of this size is split where the watcher allows it. */
  readonly fragmentBytes: number;
}

export function serveWatches({ server, ends, fragmentBytes, ...parts }: WatchServiceOptions): void {
  const encoder = new WatchEncoder({ headerAt: (revision) => parts.source.header(revision), fragmentBytes });
  const serve = (call: Call): void => {
    let forget = (): void => undefined;
    const watchCall = new WatchCall(call, { ...parts, encoder, over: () => forget() });
    forget = ends.attend(call.metadata, (error) => watchCall.end(error));
  };
  const path = `/${WatchDefinition.fullName}/${WatchDefinition.methods.watch.name}`;
  server.register(path, serve, serializeBundle, passBytes, 'bidi');
}
