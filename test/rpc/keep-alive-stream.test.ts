/** What one stream of renewals writes when; test/rpc/lease-service.test.ts has it behind a real connection. */
import { EventEmitter } from 'node:events';
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';
import { expect, it } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { decodeMessage, encodeMessage } from '../../server/rpc/codec.js';
import { type Call, KeepAliveStream } from '../../server/rpc/keep-alive-stream.js';
import type { MessageBundle } from '../../server/rpc/message-bundle.js';
import { FRAME_HEADER_BYTES } from '../../server/rpc/one-message.js';
import { RequestGate } from '../../server/rpc/request-gate.js';
import { FakeLeases } from './fake-leases.js';

function framesOf(bundle: MessageBundle): readonly Buffer[] {
  const bytes = Buffer.alloc(bundle.bytes);
  bundle.copy(bytes);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + FRAME_HEADER_BYTES + bytes.readUInt32BE(at + 1);
    frames.push(bytes.subarray(at + FRAME_HEADER_BYTES, end));
    at = end;
  }
  return frames;
}

/** The side of grpc-js, as far as the stream looks at it. */
class FakeCall extends EventEmitter {
  readonly writes: bigint[][] = [];
  isBlocking = false;

  write(bundle: MessageBundle): boolean {
    this.writes.push(framesOf(bundle).map((bytes) => decodeMessage(LeaseKeepAliveResponse, bytes).ID));
    return !this.isBlocking;
  }

  pause(): void {}
  resume(): void {}

  ask(id: bigint): void {
    this.emit('data', encodeMessage(LeaseKeepAliveRequest, { ID: id }));
  }
}

function start(onKeepAlive: FakeLeases['onKeepAlive']): FakeCall {
  const leases = new FakeLeases();
  leases.onKeepAlive = onKeepAlive;
  const call = new FakeCall();
  call.on('error', () => undefined);
  new KeepAliveStream(call as unknown as Call, { leases, gate: new RequestGate(), ended: () => undefined });
  return call;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('writes the answers of one moment together, and none before those of earlier requests', async () => {
  const [first, second] = [createDeferred<bigint>(), createDeferred<bigint>()];
  const call = start((id) => (id <= 3n ? first : second).promise);
  for (let id = 1n; id <= 5n; id += 1n) call.ask(id);
  second.resolve(60n);
  await settled();
  expect(call.writes).toEqual([]);
  first.resolve(60n);
  await settled();
  expect(call.writes).toEqual([[1n, 2n, 3n, 4n, 5n]]);
});

it('writes what was answered before an error', async () => {
  const held = createDeferred<void>();
  const call = start(async (id) => {
    await held.promise;
    if (id === 3n) throw new QuorateError('NO_LEADER');
    return 60n;
  });
  for (let id = 1n; id <= 4n; id += 1n) call.ask(id);
  held.resolve();
  await settled();
  expect(call.writes).toEqual([[1n, 2n]]);
});

it('writes no more while the client does not take it', async () => {
  const call = start(async () => 60n);
  call.isBlocking = true;
  call.ask(1n);
  await settled();
  for (const id of [2n, 3n]) call.ask(id);
  await settled();
  expect(call.writes).toEqual([[1n]]);
  call.emit('drain');
  expect(call.writes).toEqual([[1n], [2n, 3n]]);
});
