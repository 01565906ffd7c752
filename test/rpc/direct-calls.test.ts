import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { gzipSync } from 'node:zlib';
import { PutRequest, PutResponse } from '@quorate/proto/etcd/kv.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeferred } from '../../server/lib/deferred.js';
import { receiveOverheadBytes } from '../../server/rpc/client-services.js';
import { Door } from './door.js';
import { header } from './fake-member.js';

const maxRequestBytes = 4_096;
const putPath = '/etcdserverpb.KV/Put';
const message = Buffer.from(PutRequest.encode(PutRequest.fromPartial({ key: Buffer.from('k') })).finish());

let door: Door;
let session: ClientHttp2Session;
beforeAll(async () => {
  door = await Door.open({ maxRequestBytes });
  session = connect(`http://127.0.0.1:${door.server.addresses[0]?.port}`);
});
afterAll(async () => {
  session.destroy();
  await door.close();
});
beforeEach(() => {
  door.member.asked.length = 0;
});
afterEach(() => {
  door.member.hold = Promise.resolve();
  door.member.isReady = true;
});

interface Answered {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function open(headers: OutgoingHttpHeaders = {}, on = session): ReturnType<typeof session.request> {
  return on.request(
    { ':method': 'POST', ':path': putPath, 'content-type': 'application/grpc', te: 'trailers', ...headers },
    { endStream: false },
  );
}

async function ask(body: Buffer | readonly Buffer[], headers?: OutgoingHttpHeaders): Promise<Answered> {
  const stream = open(headers);
  const answered = answerOf(stream);
  for (const part of Buffer.isBuffer(body) ? [body] : body) stream.write(part);
  stream.end();
  return answered;
}

async function answerOf(stream: ReturnType<typeof session.request>): Promise<Answered> {
  let trailers: IncomingHttpHeaders = {};
  const body: Buffer[] = [];
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (bytes: Buffer) => body.push(bytes));
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  await once(stream, 'close');
  return { headers, trailers, body: Buffer.concat(body) };
}

function framed(bytes: Buffer, flag = 0, length = bytes.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

/** grpc-js says what it can decompress, a direct call does not. */
function cameThroughLibrary({ headers }: Answered): boolean {
  return headers['grpc-accept-encoding'] !== undefined;
}

describe('a plain call', () => {
  it('is answered with its message and OK, not through grpc-js', async () => {
    const answered = await ask(framed(message));
    expect(answered.headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc+proto' });
    expect(answered.trailers).toMatchObject({ 'grpc-status': '0' });
    expect(answered.body.readUInt32BE(1)).toBe(answered.body.length - 5);
    expect(PutResponse.decode(answered.body.subarray(5)).header?.clusterId).toBe(header.clusterId);
    expect(cameThroughLibrary(answered)).toBe(false);
    expect(door.member.asked).toHaveLength(1);
  });

  it('may come in any number of pieces', async () => {
    const bytes = framed(message);
    const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect((await ask(pieces)).trailers).toMatchObject({ 'grpc-status': '0' });
    expect(door.member.asked).toHaveLength(1);
  });

  it('that is refused says why in its only headers', async () => {
    const empty = Buffer.from(PutRequest.encode(PutRequest.fromPartial({})).finish());
    const { headers, body } = await ask(framed(empty));
    expect(headers).toMatchObject({
      'grpc-status': '3',
      'grpc-message': 'etcdserver:%20key%20is%20not%20provided',
      'quorate-code': 'EMPTY_KEY',
    });
    expect(body).toHaveLength(0);
  });

  it('that requires a leader is refused at once when there is none', async () => {
    door.member.isReady = false;
    const answered = await ask(framed(message), { hasleader: 'true' });
    expect(answered.headers).toMatchObject({ 'grpc-status': '14', 'quorate-code': 'NO_LEADER' });
    expect(cameThroughLibrary(answered)).toBe(false);
    expect(door.member.asked).toEqual([]);
  });

  it.each([
    ['5S', 5_000],
    ['1500m', 1_500],
    ['2000000u', 2_000],
    ['1M', 60_000],
    ['1H', 3_600_000],
    ['99999999n', 99.999999],
  ])('takes its deadline of %s along', async (timeout, ms) => {
    const before = performance.now();
    const answered = await ask(framed(message), { 'grpc-timeout': timeout });
    const deadline = door.member.asked[0]?.options?.deadline ?? Number.NaN;
    expect(deadline - before).toBeGreaterThanOrEqual(ms);
    expect(deadline - performance.now()).toBeLessThanOrEqual(ms);
    expect(cameThroughLibrary(answered)).toBe(false);
  });

  it('is not carried out before its caller has said all', async () => {
    const port = door.server.addresses[0]?.port ?? 0;
    const broken = connect(`http://127.0.0.1:${port}`);
    broken.on('error', () => undefined);
    const stream = open({}, broken);
    stream.on('error', () => undefined);
    stream.write(framed(message));
    // A round trip on the same connection: by then the message is there.
    await new Promise((resolve) => broken.ping(resolve));
    expect(door.member.asked).toEqual([]);
    broken.destroy();
    expect((await ask(framed(message))).trailers).toMatchObject({ 'grpc-status': '0' });
    expect(door.member.asked).toHaveLength(1);
  });

  it('whose caller is gone is not answered', async () => {
    const held = createDeferred<void>();
    door.member.hold = held.promise;
    const stream = open();
    stream.end(framed(message));
    await expect.poll(() => door.member.asked.length).toBe(1);
    stream.close(constants.NGHTTP2_CANCEL);
    await new Promise((resolve) => session.ping(resolve));
    held.resolve();
    expect((await ask(framed(message))).trailers).toMatchObject({ 'grpc-status': '0' });
  });
});

describe('what is not one plain message', () => {
  it.each([
    ['no message', Buffer.alloc(0)],
    ['half a frame head', framed(message).subarray(0, 3)],
    ['a message that ends too early', framed(message, 0, message.length + 1)],
    ['a message that is longer than it says', framed(message, 0, message.length - 1)],
    ['two messages', Buffer.concat([framed(message), framed(message)])],
    ['a compressed message without an encoding', framed(gzipSync(message), 1)],
    ['a frame of an unknown kind', framed(message, 2)],
  ])('is refused: %s', async (_, body) => {
    expect((await ask(body)).headers).toMatchObject({ 'grpc-status': '13' });
    expect(door.member.asked).toEqual([]);
  });

  const limit = maxRequestBytes + receiveOverheadBytes;
  it.each([
    ['says it is', framed(message, 0, limit + 1), limit + 1],
    ['says nothing of the kind', framed(Buffer.alloc(limit + 1), 0, 10), limit + 1],
  ])('is refused as soon as it is too large, and read no further: it %s', async (_, body, length) => {
    const stream = open();
    stream.on('error', () => undefined);
    const answered = answerOf(stream);
    stream.write(body);
    const { headers } = await answered;
    expect(headers).toMatchObject({ 'grpc-status': '8' });
    expect(decodeURI(String(headers['grpc-message']))).toMatch(/^Received message larger than max \(\d+ vs \d+\)$/);
    expect(headers['grpc-message']).toContain(`vs%20${limit}`);
    expect(Number(/\((\d+)/.exec(String(headers['grpc-message']))?.[1])).toBeGreaterThanOrEqual(length);
    expect(stream.destroyed).toBe(true);
    expect(door.member.asked).toEqual([]);
  });
});

describe('what grpc-js serves on the same connection', () => {
  it('is a compressed message', async () => {
    const answered = await ask(framed(gzipSync(message), 1), { 'grpc-encoding': 'gzip' });
    expect(answered.trailers).toMatchObject({ 'grpc-status': '0' });
    expect(cameThroughLibrary(answered)).toBe(true);
    expect(door.member.asked).toHaveLength(1);
  });

  it('is a timeout that makes no sense', async () => {
    const answered = await ask(framed(message), { 'grpc-timeout': 'soon' });
    expect(answered.headers).toMatchObject({ 'grpc-status': '13' });
    expect(door.member.asked).toEqual([]);
  });

  it('is another content type', async () => {
    expect((await ask(framed(message), { 'content-type': 'text/plain' })).headers).toMatchObject({ ':status': 415 });
  });

  it('is a method that nobody has', async () => {
    const answered = await ask(framed(message), { ':path': '/etcdserverpb.KV/Nonsense' });
    expect(answered.headers).toMatchObject({ 'grpc-status': '12' });
  });
});
