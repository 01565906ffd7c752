import { createServer, type Server } from 'node:net';
import { WatchResponse } from '@quorate/proto/etcd/watch.js';
import { afterEach, expect, it } from 'vitest';
import { CannedMember } from './canned-member.js';
import { GrpcConnection } from './grpc-connection.js';
import { WatchAudience } from './watch-audience.js';
import { WatchScan } from './watch-scan.js';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function gather(revisions: number): Promise<{
  readonly canned: CannedMember;
  readonly audience: WatchAudience;
  readonly failed: Promise<Error>;
}> {
  const canned = await CannedMember.start({
    streamsPerConnection: 2,
    watchersPerStream: 3,
    revisions,
    valueBytes: 300,
  });
  cleanUps.push(() => canned.end());
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => (fail = resolve));
  const keys = Array.from({ length: 4 }, () => ['hot', 'hot', 'hot']);
  const audience = new WatchAudience({ endpoint: canned.endpoint, connections: 2, keys }, fail);
  cleanUps.unshift(() => audience.close());
  await audience.created();
  return { canned, audience, failed };
}

it('counts what every watcher of every stream is told', async () => {
  const { canned, audience } = await gather(50);
  canned.play();
  expect(await audience.told(50 * 12)).toMatchObject({ messages: 50 * 12 });
});

it('refuses what is told twice', async () => {
  const { canned, audience, failed } = await gather(5);
  canned.play();
  await audience.told(5 * 12);
  canned.play();
  expect((await failed).message).toBe('watcher 0 got revision 1000, not 1005');
});

it('refuses a member that goes away', async () => {
  const { canned, failed } = await gather(5);
  canned.end();
  expect((await failed).message).toMatch(/closed|ECONNRESET/);
});

const event = (modRevision: bigint, value = 1) => ({
  kv: { key: Buffer.from('k'), value: Buffer.alloc(value, 'v'), modRevision, version: 2n, lease: 1n << 62n },
  prevKv: { key: Buffer.from('k'), modRevision: 1n },
});
const scanned = (message: Parameters<typeof WatchResponse.fromPartial>[0]): WatchScan => {
  const bytes = WatchResponse.encode(WatchResponse.fromPartial(message)).finish();
  const scan = new WatchScan();
  scan.read(Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]), 6, 6 + bytes.length);
  return scan;
};

it('reads of a message whom it is for and which revisions it tells', () => {
  const header = { clusterId: (1n << 64n) - 1n, memberId: 1n << 63n, revision: 9n, raftTerm: 3n };
  expect(scanned({ header, watchId: 300n, events: [event(1n << 40n), event((1n << 40n) + 1n)] })).toMatchObject({
    watchId: 300,
    events: 2,
    firstRevision: 2 ** 40,
    lastRevision: 2 ** 40 + 1,
  });
  expect(scanned({ header, created: true })).toMatchObject({
    watchId: 0,
    isCreated: true,
    isCanceled: false,
    events: 0,
  });
  expect(scanned({ header, canceled: true, cancelReason: 'so' })).toMatchObject({ isCreated: false, isCanceled: true });
});

it('refuses a message that leaves a revision out', () => {
  expect(() => scanned({ events: [event(5n), event(7n)] })).toThrow('revision 7 after 5');
});

it('puts messages together from frames, and frames from pieces, of any size', async () => {
  const sent = [0, 1, 5, 300, 70_000].map((size) => Buffer.alloc(size, `${size}`));
  const messages = sent.map((bytes) => Buffer.concat([Buffer.from([0]), uint32(bytes.length), bytes]));
  const bytes = Buffer.concat(messages);
  const frames: Buffer[] = [];
  for (let at = 0, size = 1; at < bytes.length; at += size, size = 1 + ((size * 7) % 9_000)) {
    const payload = bytes.subarray(at, at + size);
    frames.push(Buffer.concat([uint32(payload.length).subarray(1), Buffer.from([0, 0]), uint32(1), payload]));
  }
  const all = Buffer.concat(frames);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    for (let at = 0, size = 1; at < all.length; at += size, size = 1 + ((size * 5) % 3_000)) {
      socket.write(all.subarray(at, at + size));
    }
  });
  const port = await listening(server);
  const received: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const connection = new GrpcConnection(`127.0.0.1:${port}`, {
      message: (stream, from, start, end) => {
        received.push(`${stream} ${from.toString('latin1', start, end)}`);
        if (received.length === sent.length) resolve();
      },
      ended: (reason) => reject(new Error(reason)),
    });
    cleanUps.push(
      () => connection.close(),
      () => server.close(),
    );
  });
  expect(received).toEqual(sent.map((each) => `1 ${each.toString('latin1')}`));
});

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
