/**
 * Peers that do not speak gRPC properly: broken frames, bombs, other protocols. What matters is that nothing of it
 * counts as a request and that the member goes on.
 */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { gzipSync } from 'node:zlib';
import { bytesField } from './wire.js';

const patienceMs = 10_000;
const bombBytes = 64 * 1024 * 1024;
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export interface HostileConnection {
  readonly title: string;
  /** Says how the member ended it; 'served' would be a success that nothing earned. */
  readonly attack: (endpoint: string) => Promise<string>;
}

const put = Buffer.concat([bytesField(1, Buffer.from('kept')), bytesField(2, Buffer.from('broken in'))]);

export const hostileConnections: readonly HostileConnection[] = [
  { title: 'random bytes', attack: (endpoint) => overTcp(endpoint, Buffer.alloc(5000, 'not http ')) },
  { title: 'HTTP/1.1', attack: (endpoint) => overTcp(endpoint, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')) },
  { title: 'a broken frame after the HTTP/2 preface', attack: (endpoint) => overTcp(endpoint, brokenFrame()) },
  {
    title: 'a message that ends before its length',
    attack: (endpoint) => overGrpc(endpoint, grpcFrame(put, put.length + 9)),
  },
  { title: 'a message that claims 4 GiB', attack: (endpoint) => overGrpc(endpoint, grpcFrame(put, 0xffffffff)) },
  { title: 'half a frame head', attack: (endpoint) => overGrpc(endpoint, Buffer.from([0, 0, 0])) },
  { title: 'no message at all', attack: (endpoint) => overGrpc(endpoint, Buffer.alloc(0)) },
  {
    title: 'a compressed message without an encoding',
    attack: (endpoint) => overGrpc(endpoint, grpcFrame(gzipSync(put), undefined, 1)),
  },
  {
    title: 'an unknown encoding',
    attack: (endpoint) => overGrpc(endpoint, grpcFrame(put, undefined, 1), { 'grpc-encoding': 'zebra' }),
  },
  {
    title: 'a gzip bomb',
    attack: (endpoint) =>
      overGrpc(endpoint, grpcFrame(gzipSync(bytesField(1, Buffer.alloc(bombBytes))), undefined, 1), {
        'grpc-encoding': 'gzip',
      }),
  },
  {
    title: 'another content type',
    attack: (endpoint) => overGrpc(endpoint, grpcFrame(put), { 'content-type': 'text/plain' }),
  },
  { title: 'the method GET', attack: (endpoint) => overGrpc(endpoint, Buffer.alloc(0), { ':method': 'GET' }) },
];

function grpcFrame(message: Buffer, length = message.length, compressed = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** The preface, empty settings, then a frame that claims 16 MB on a stream that nobody opened. */
function brokenFrame(): Buffer {
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const tooLong = Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 7]);
  return Buffer.concat([Buffer.from(preface), settings, tooLong, Buffer.alloc(1000, 0xff)]);
}

function overTcp(endpoint: string, bytes: Buffer): Promise<string> {
  const [host, port] = endpoint.split(':');
  return new Promise((resolve) => {
    const socket = connectTcp(Number(port), host);
    const finish = (how: string): void => {
      socket.destroy();
      resolve(how);
    };
    socket.setTimeout(patienceMs, () => finish('left open'));
    socket.on('error', () => finish('connection reset'));
    socket.on('close', () => finish('connection closed'));
    socket.resume();
    socket.end(bytes);
  });
}

/** One Put call with the given body, half-closed after it. */
function overGrpc(endpoint: string, body: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const session = connectHttp2(`http://${endpoint}`);
  return new Promise<string>((resolve) => {
    session.setTimeout(patienceMs, () => resolve('left open'));
    session.on('error', (error) => resolve(`connection error: ${error.message}`));
    sendRequest(session, body, headers, resolve);
  }).finally(() => session.destroy());
}

function sendRequest(
  session: ClientHttp2Session,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  finish: (how: string) => void,
): void {
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    },
    { endStream: false },
  );
  let status: unknown;
  stream.on('response', (received) => {
    const httpStatus = received[':status'];
    status = received['grpc-status'] ?? (httpStatus === 200 ? undefined : `http ${httpStatus}`);
  });
  stream.on('trailers', (received) => {
    status = received['grpc-status'] ?? status;
  });
  stream.on('error', () => finish('stream reset'));
  stream.on('close', () => finish(status === '0' ? 'served' : `status ${String(status)}`));
  stream.resume();
  stream.end(body);
}
