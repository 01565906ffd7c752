/**
 * Writes down everything that happens in a cluster, by a plain watch on a member itself, from the first revision on. When
 * the member is killed it goes on at the next one, after the last revision that it has. Knows nothing of the SDK.
 */
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { Event_EventType } from '@quorate/proto/etcd/mvcc.js';
import { WatchCreateRequest, WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';
import { until } from '../../harness/cluster.js';
import type { LoggedPut } from './write-call.js';

const passBytes = (bytes: Buffer): Buffer => bytes;
const firstRevision = 2;
const retryMs = 50;
/** What stands behind the id of a large value says nothing. */
const valueLengthMax = 64;

export class WatchedLog {
  readonly puts: LoggedPut[] = [];
  /** Streams that ended, and were followed by another one. */
  resumed = 0;
  readonly #clients: readonly Client[];
  #next = firstRevision;
  #turn = 0;
  #call: ClientDuplexStream<Buffer, Buffer> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #isStopped = false;

  /** `endpoints`: host:port of the members themselves. */
  constructor(endpoints: readonly string[]) {
    this.#clients = endpoints.map(
      (endpoint) =>
        new Client(endpoint, credentials.createInsecure(), {
          'grpc.max_receive_message_length': -1,
          'grpc.use_local_subchannel_pool': 1,
        }),
    );
    this.#open();
  }

  /** Resolves when everything up to and with `revision` is written down; rejects when something was no put. */
  async untilRevision(revision: number, timeoutMs: number): Promise<void> {
    await until(`revision ${revision} in the log`, timeoutMs, async () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#next > revision ? true : undefined;
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#call?.cancel();
    for (const client of this.#clients) client.close();
  }

  #open(): void {
    const client = this.#clients[this.#turn % this.#clients.length];
    if (client === undefined) throw new Error('there is no member to watch');
    const call = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', passBytes, passBytes);
    this.#call = call;
    let isOver = false;
    const end = (): void => {
      if (isOver || this.#isStopped) return;
      isOver = true;
      this.#turn += 1;
      this.resumed += 1;
      this.#timer = setTimeout(() => this.#open(), retryMs);
    };
    call.on('error', end);
    call.on('end', end);
    call.on('data', (bytes: Buffer) => {
      if (!isOver) this.#read(WatchResponse.decode(bytes));
    });
    const everything = Buffer.from('\0');
    const value = WatchCreateRequest.fromPartial({
      key: everything,
      rangeEnd: everything,
      startRevision: BigInt(this.#next),
    });
    call.write(Buffer.from(WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish()));
  }

  /** All events of one revision stand in one answer. */
  #read({ events, canceled, cancelReason }: WatchResponse): void {
    if (canceled) this.#failure ??= new Error(`the watch was ended: ${cancelReason}`);
    let newest = this.#next - 1;
    for (const { type, kv } of events) {
      if (kv === undefined || type !== Event_EventType.PUT) {
        this.#failure ??= new Error(`an event that is no put, after revision ${newest}`);
        continue;
      }
      const revision = Number(kv.modRevision);
      if (revision < this.#next) this.#failure ??= new Error(`revision ${revision} was told twice`);
      const value = kv.value.subarray(0, valueLengthMax).toString();
      this.puts.push({ revision, key: kv.key.toString(), value, version: Number(kv.version) });
      newest = Math.max(newest, revision);
    }
    this.#next = newest + 1;
  }
}

/** The whole log up to `revision`, as one member tells it now. */
export async function logOf(endpoint: string, revision: number, timeoutMs: number): Promise<readonly LoggedPut[]> {
  const log = new WatchedLog([endpoint]);
  try {
    await log.untilRevision(revision, timeoutMs);
    return log.puts;
  } finally {
    log.stop();
  }
}
