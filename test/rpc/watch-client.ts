/** A watch stream as a client sees it: what it was told, in order, and how the stream ended. */
import { type Client, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';
import { Event_DeleteCause as DeleteCause } from '@quorate/proto/etcd/mvcc.js';
import { WatchCreateRequest, WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';

const passBytes = (bytes: Buffer): Buffer => bytes;

export class WatchClient {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly responses: WatchResponse[] = [];
  error: ServiceError | undefined;
  isEnded = false;
  #changed = (): void => undefined;

  constructor(client: Client, metadata: Readonly<Record<string, string>> = {}) {
    const head = new Metadata();
    for (const [name, value] of Object.entries(metadata)) head.set(name, value);
    this.call = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', passBytes, passBytes, head);
    this.call.on('data', (bytes: Buffer) => {
      this.responses.push(WatchResponse.decode(bytes));
      this.#changed();
    });
    this.call.on('error', (error: ServiceError) => {
      this.error = error;
      this.#changed();
    });
    this.call.on('end', () => {
      this.isEnded = true;
      this.#changed();
    });
  }

  create(
    key: string,
    request: Partial<Omit<WatchCreateRequest, 'key' | 'rangeEnd'>> & { rangeEnd?: string } = {},
  ): void {
    const { rangeEnd = '', ...rest } = request;
    const value = {
      ...WatchCreateRequest.fromPartial({}),
      ...rest,
      key: Buffer.from(key, 'latin1'),
      rangeEnd: Buffer.from(rangeEnd, 'latin1'),
    };
    this.send({ $case: 'createRequest', value });
  }

  cancel(watchId: bigint): void {
    this.send({ $case: 'cancelRequest', value: { watchId } });
  }

  progress(): void {
    this.send({ $case: 'progressRequest', value: {} });
  }

  send(requestUnion: WatchRequest['requestUnion']): void {
    this.call.write(Buffer.from(WatchRequest.encode({ requestUnion }).finish()));
  }

  /** Resolves once `holds`; the runner's time limit ends a wait in vain. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** The first `count` responses, in words. */
  async told(count: number): Promise<readonly string[]> {
    await this.until(() => this.responses.length >= count);
    return this.responses.map(inWords);
  }

  async failure(): Promise<{ code: number; text: string }> {
    await this.until(() => this.error !== undefined);
    return { code: this.error?.code ?? 0, text: this.error?.details ?? '' };
  }
}

const causes: Readonly<Record<DeleteCause, string>> = {
  [DeleteCause.UNSPECIFIED]: '',
  [DeleteCause.DELETE]: ' by delete',
  [DeleteCause.TXN]: ' by txn',
  [DeleteCause.LEASE_EXPIRED]: ' by expiry',
  [DeleteCause.LEASE_REVOKED]: ' by revoke',
  [DeleteCause.UNRECOGNIZED]: ' by something unknown',
};

/** `created 0 @3`, `0 @4 put a=1@4 delete b@4 by txn`, `canceled 0 @4 compacted 3`, `progress -1 @4`. */
export function inWords(response: WatchResponse): string {
  const { watchId, created, canceled, compactRevision, cancelReason, fragment, events, header } = response;
  const words = [created ? 'created' : '', canceled ? 'canceled' : '', fragment ? 'fragment' : ''];
  if (!created && !canceled && events.length === 0) words.push('progress');
  words.push(String(watchId), `@${header?.revision}`);
  if (compactRevision !== 0n) words.push(`compacted ${compactRevision}`);
  if (cancelReason !== '') words.push(`(${cancelReason})`);
  for (const { type, kv, prevKv, deleteCause } of events) {
    const before = prevKv === undefined ? '' : ` was ${prevKv.value.toString('latin1')}`;
    const change =
      type === 0
        ? `put ${kv?.key.toString('latin1')}=${kv?.value.toString('latin1')}`
        : `delete ${kv?.key.toString('latin1')}`;
    words.push(`${change}@${kv?.modRevision}${causes[deleteCause]}${before}`);
  }
  return words.filter((word) => word !== '').join(' ');
}
