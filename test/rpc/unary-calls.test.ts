import { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { KVDefinition, type RangeResponse } from '@quorate/proto/etcd/kv.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/lib/clock.js';
import { createDeferred } from '../../server/lib/deferred.js';
import { silentLogger } from '../../server/lib/logger.js';
import { LongCalls } from '../../server/rpc/long-calls.js';
import { DirectCalls } from '../../server/rpc/direct-calls.js';
import { RequestGate } from '../../server/rpc/request-gate.js';
import { UnaryCalls } from '../../server/rpc/unary-calls.js';

const passBytes = (bytes: Buffer): Buffer => bytes;
const server = new Server();
const gate = new RequestGate();
const direct = new DirectCalls({ clock: systemClock, receiveBytesMax: 4 * 1024 * 1024 });
let answer: () => Promise<RangeResponse | Buffer>;
let client: Client;

beforeAll(async () => {
  const calls = new UnaryCalls({
    server,
    direct,
    gate,
    longCalls: new LongCalls(),
    member: { isReady: true, isLearner: false },
    clock: systemClock,
    logger: silentLogger,
  });
  calls.serve(KVDefinition, KVDefinition.methods.range, () => answer());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterAll(() => {
  client.close();
  server.forceShutdown();
});

function call(request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, bytes?: Buffer): void => {
      if (error === null) resolve(bytes ?? Buffer.alloc(0));
      else reject(error);
    };
    client.makeUnaryRequest('/etcdserverpb.KV/Range', passBytes, passBytes, request, new Metadata(), done);
  });
}

describe('what a call makes this member hold', () => {
  it('is its request until it is answered', async () => {
    const pending = createDeferred<Buffer>();
    answer = () => pending.promise;
    const key = Buffer.concat([Buffer.from([0x0a, 0x64]), Buffer.alloc(100, 0x6b)]);
    const called = call(key);
    await expect.poll(() => gate.bytesHeld).toBe(102);
    pending.resolve(Buffer.alloc(0));
    await called;
    expect(gate.bytesHeld).toBe(0);
  });

  it('is a large answer until its stream is closed', async () => {
    const held: number[] = [];
    const hold = gate.hold.bind(gate);
    gate.hold = (bytes) => {
      held.push(bytes);
      hold(bytes);
    };
    for (const bytes of [64 * 1024 - 1, 64 * 1024, 1024 * 1024]) {
      answer = () => Promise.resolve(Buffer.alloc(bytes));
      await call(Buffer.from([0x0a, 0x01, 0x6b]));
    }
    expect(held).toEqual([64 * 1024, 1024 * 1024]);
    await expect.poll(() => gate.bytesHeld).toBe(0);
  });

  it('is nothing when it fails', async () => {
    answer = () => Promise.reject(new Error('no'));
    await expect(call(Buffer.from([0x0a, 0x01, 0x6b]))).rejects.toThrow('quorate: internal error');
    await expect(call(Buffer.from([0x0a, 0x05]))).rejects.toThrow('unexpected EOF');
    expect(gate.bytesHeld).toBe(0);
  });
});
