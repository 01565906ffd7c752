/** Sessions over gRPC, on a real member: once over lost connections, bounded by what a client reads, ended when it stops. */
import type { Client } from '@grpc/grpc-js';
import { TxnRequest } from '@quorate/proto/etcd/kv.js';
import { Reply } from '@quorate/proto/quorate/v1/session.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeMessage } from '../../server/rpc/codec.js';
import { type Asked, describe as told, GrpcClient, MemoryClient, putting, reading, request } from './session-client.js';
import { serveMember, type ServedMember } from './served-member.js';

let member: ServedMember;
let client: Client;
beforeEach(async () => {
  member = await serveMember();
  client = member.connect();
});
afterEach(() => member.close());

async function opened(sessionId = 0n): Promise<{ session: GrpcClient; id: bigint }> {
  const session = new GrpcClient(client);
  session.open({ sessionId });
  await session.until(({ welcome, isEnded }) => welcome !== undefined || isEnded);
  return { session, id: session.heard.welcome?.sessionId ?? 0n };
}

const txn: Asked = {
  $case: 'txn',
  value: TxnRequest.fromPartial({
    success: [
      { request: { $case: 'requestPut', value: { key: Buffer.from('a'), value: Buffer.from('2'), prevKv: true } } },
      { request: { $case: 'requestRange', value: { key: Buffer.from('a') } } },
    ],
  }),
};

describe('a session over gRPC', () => {
  it('is told byte for byte what it was told before its connection was lost', async () => {
    const { session, id } = await opened();
    const writes = [putting('a', '1'), txn, { $case: 'void', value: {} } as const];
    const send = (to: GrpcClient): void => to.send(writes.map((asked, at) => request(at + 1, asked, at + 1)));
    send(session);
    await session.until(({ replies }) => replies.length === writes.length);
    session.call.cancel();
    const { session: again } = await opened(id);
    expect(again.heard.welcome).toMatchObject({ sessionId: id, appliedSequence: 3n });
    send(again);
    await again.until(({ replies }) => replies.length === writes.length);
    const bytesOf = ({ heard }: GrpcClient) =>
      heard.replies.map((reply) => encodeMessage(Reply, reply).toString('hex'));
    expect(bytesOf(again)).toEqual(bytesOf(session));
    expect(member.node.machine.revision).toBe(3);
  });

  it('is the same without a port', async () => {
    const { session, id } = await opened();
    session.send([request(1, putting('a', '1'), 1)]);
    await session.until(({ replies }) => replies.length === 1);
    const inside = new MemoryClient(member.server.sessions);
    inside.open({ sessionId: id });
    inside.send([request(1, putting('a', '1'), 1), request(2, reading('a'))]);
    await expect.poll(() => inside.heard.replies.length).toBe(2);
    const [reply] = session.heard.replies;
    expect(inside.heard.replies.find(({ number }) => number === 1n)).toEqual(reply);
    expect(inside.heard.replyTo(2)).toMatchObject({ $case: 'range', value: { kvs: [{ version: 1n }] } });
  });

  it('that is not there ends with the reason, and the call itself is fine', async () => {
    const { session } = await opened(99n);
    await session.until(({ isEnded }) => isEnded);
    expect(session.heard.goodbye?.failure && told(session.heard.goodbye.failure)).toBe('SESSION_EXPIRED NOT_APPLIED');
    expect(session.error).toBeUndefined();
  });

  it('writes many requests in the order in which they were sent', async () => {
    const { session } = await opened();
    const count = 3_000;
    for (let from = 1; from <= count; from += 100) {
      const batch = Array.from({ length: 100 }, (_, at) => request(from + at, putting('k', `${from + at}`), from + at));
      session.send(batch, BigInt(Math.max(0, from - 900)));
    }
    await session.until(({ replies }) => replies.length === count);
    expect(session.heard.replies.every(({ reply }) => reply?.$case === 'put')).toBe(true);
    session.send([request(count + 1, reading('k'))]);
    await session.until(({ replies }) => replies.length === count + 1);
    const last = session.heard.replyTo(count + 1);
    const [kv] = last?.$case === 'range' ? last.value.kvs : [];
    expect([kv?.version, Buffer.from(kv?.value ?? []).toString()]).toEqual([BigInt(count), `${count}`]);
  });

  it('that does not read its replies is not read either, and gets all of them later', async () => {
    const value = 'x'.repeat(100_000);
    const { session } = await opened();
    session.send([request(1, putting('k', value), 1)]);
    await session.until(({ replies }) => replies.length === 1);
    session.call.pause();
    const count = 1_000;
    for (let at = 0; at < count; at += 1)
      session.send([request(2 + at, reading('k', { $case: 'serializable', value: {} }))]);
    await expect.poll(() => member.node.queues().reads).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = session.heard.replies.length;
    expect(before).toBeLessThan(count);
    session.call.resume();
    await session.until(({ replies }) => replies.length === count + 1);
  });

  it('is told when the member stops, after what is in flight, which is not held up by it', async () => {
    const { session } = await opened();
    session.send([request(1, putting('k'), 1)]);
    await session.until(({ replies }) => replies.length === 1);
    const from = performance.now();
    await member.server.stop(10_000);
    await session.until(({ isEnded }) => isEnded);
    expect(session.heard.goodbye?.failure && told(session.heard.goodbye.failure)).toBe('STOPPED NOT_APPLIED again');
    expect(performance.now() - from).toBeLessThan(3_000);
  });
});
