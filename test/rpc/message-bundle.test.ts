import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { MessageBundle, serializeBundle } from '../../server/rpc/message-bundle.js';

const passBytes = (bytes: Buffer): Buffer => bytes;

it('messages that are written together arrive one by one, as they are', async () => {
  const bundles = [
    [''],
    ['a'],
    ['', 'b', ''],
    ['c', 'd'.repeat(70_000), 'e'],
    Array.from({ length: 300 }, (_, n) => `${n}`),
  ];
  const server = new Server();
  const serve = (call: ServerDuplexStream<Buffer, MessageBundle>): void => {
    for (const texts of bundles) {
      const bundle = new MessageBundle();
      for (const text of texts) bundle.add([Buffer.from(text.slice(0, 2)), Buffer.from(text.slice(2))]);
      call.write(bundle);
    }
    call.end();
  };
  server.register('/test/bundle', serve, serializeBundle, passBytes, 'bidi');
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const received: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const call = client.makeBidiStreamRequest('/test/bundle', passBytes, passBytes);
    call.on('data', (bytes: Buffer) => received.push(bytes.toString()));
    call.on('error', reject);
    call.on('end', resolve);
  });
  expect(received).toEqual(bundles.flat());
  client.close();
  server.forceShutdown();
});
