/** One watcher of one member, over a connection of its own and with nothing of the client's: what it is told, as it comes. */
import { once } from 'node:events';
import { Client, credentials } from '@grpc/grpc-js';
import { WatchCreateRequest, WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';

const passBytes = (bytes: Buffer): Buffer => bytes;

export interface RawWatch {
  end(): void;
}

/** Resolves once the watcher stands: nothing that happens from then on is missed. */
export async function startRawWatch(
  endpoint: string,
  request: Parameters<typeof WatchCreateRequest.fromPartial>[0],
  onAnswer: (answer: WatchResponse) => void,
): Promise<RawWatch> {
  const client = new Client(endpoint, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const call = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', passBytes, passBytes);
  call.on('error', () => undefined);
  const value = WatchCreateRequest.fromPartial(request);
  call.write(Buffer.from(WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish()));
  await once(call, 'data');
  call.on('data', (bytes: Buffer) => onAnswer(WatchResponse.decode(bytes)));
  return {
    end() {
      call.cancel();
      client.close();
    },
  };
}

/** The first key behind all that begin with `prefix`. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}
