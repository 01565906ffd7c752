import type { ServerDuplexStream } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { passBytes } from '../../server/rpc/codec.js';
import { wireStatusOf } from '../../server/rpc/errors.js';
import { LocalDoor, type LocalStatus } from '../../server/rpc/local-door.js';
import { MessageBundle } from '../../server/rpc/message-bundle.js';
import type { UnaryCall } from '../../server/rpc/unary-call.js';
import { VirtualClock } from '../node/virtual-clock.js';

type Call = ServerDuplexStream<Buffer, Buffer | MessageBundle>;

class Setup {
  readonly clock = new VirtualClock();
  readonly door = new LocalDoor(this.clock);
  readonly calls: UnaryCall[] = [];
  readonly streams: Call[] = [];
  readonly ends: string[] = [];
  readonly heard: string[] = [];

  constructor() {
    this.door.serve('/a/Unary', (call) => this.calls.push(call));
    const serve = (call: Call): void => {
      this.streams.push(call);
      call.on('cancelled', () => this.heard.push('cancelled'));
      call.on('data', (bytes: Buffer) => this.heard.push(bytes.toString()));
    };
    this.door.register('/a/Stream', serve, passBytes as never, passBytes, 'bidi');
  }

  readonly note = ({ name, text, quorateCode, quorateDetail }: LocalStatus, answer?: Uint8Array): void => {
    this.ends.push([name, quorateCode ?? text, quorateDetail, answer?.toString()].filter(Boolean).join(' '));
  };

  unary(method = '/a/Unary', metadata = {}): () => void {
    return this.door.unary(method, Buffer.from('ask'), { timeoutMs: 500, metadata }, this.note);
  }

  stream(method = '/a/Stream', metadata = {}): ReturnType<LocalDoor['stream']> {
    return this.door.stream(method, metadata, {
      onMessage: (bytes) => this.ends.push(`message ${bytes.toString()}`),
      onEnd: this.note,
    });
  }
}

describe('a unary call', () => {
  it('is answered, once, and never before it has returned', async () => {
    const setup = new Setup();
    setup.unary('/a/Unary', { hasleader: 'true' });
    await setup.clock.settle();
    const [call] = setup.calls;
    expect(call).toMatchObject({ request: Buffer.from('ask'), requiresLeader: true, deadline: 500, isClosed: false });
    call?.answer(Buffer.from('yes'));
    expect(setup.ends).toEqual([]);
    call?.refuse(wireStatusOf(new QuorateError('NO_LEADER')));
    await setup.clock.settle();
    expect(setup.ends).toEqual(['OK yes']);
  });

  it('is refused with what a client of the network would be told', async () => {
    const setup = new Setup();
    setup.unary();
    await setup.clock.settle();
    setup.calls[0]?.refuse(wireStatusOf(new QuorateError('TOO_MANY_OPS', '129 operations, 128 allowed')));
    setup.unary('/a/Nothing');
    await setup.clock.settle();
    expect(setup.ends).toEqual([
      'INVALID_ARGUMENT TOO_MANY_OPS 129 operations, 128 allowed',
      'UNIMPLEMENTED UNIMPLEMENTED /a/Nothing',
    ]);
  });

  it('that is given up closes, and its answer goes nowhere', async () => {
    const setup = new Setup();
    const cancel = setup.unary();
    await setup.clock.settle();
    let isClosed = false;
    setup.calls[0]?.onClosed(() => {
      isClosed = true;
    });
    cancel();
    cancel();
    setup.calls[0]?.answer(Buffer.from('late'));
    await setup.clock.settle();
    expect(isClosed).toBe(true);
    expect(setup.ends).toEqual(['CANCELLED the client gave up']);
  });

  it('comes too late once the member stops', async () => {
    const setup = new Setup();
    setup.door.refuse();
    setup.unary();
    setup.stream();
    await setup.clock.settle();
    expect(setup.ends.toSorted()).toEqual(['UNAVAILABLE STOPPED', 'UNAVAILABLE STOPPED']);
  });
});

describe('a stream', () => {
  it('carries messages both ways, those of a bundle one by one', async () => {
    const setup = new Setup();
    const stream = setup.stream();
    let isTaken = false;
    stream.send(Buffer.from('hello'), () => {
      isTaken = true;
    });
    await setup.clock.settle();
    expect(setup.heard).toEqual(['hello']);
    expect(isTaken).toBe(true);
    const bundle = new MessageBundle();
    bundle.add([Buffer.from('o'), Buffer.from('ne')]);
    bundle.add([Buffer.from('two')]);
    setup.streams[0]?.write(bundle);
    setup.streams[0]?.write(Buffer.from('three'));
    await setup.clock.settle();
    expect(setup.ends).toEqual(['message one', 'message two', 'message three']);
  });

  it('ends when the member ends it, or refuses it', async () => {
    const setup = new Setup();
    setup.stream();
    setup.stream();
    setup.stream('/a/Nothing');
    await setup.clock.settle();
    setup.streams[0]?.end();
    setup.streams[1]?.emit('error', wireStatusOf(new QuorateError('NO_LEADER')));
    await setup.clock.settle();
    expect(setup.ends.toSorted()).toEqual(['OK', 'UNAVAILABLE NO_LEADER', 'UNIMPLEMENTED UNIMPLEMENTED /a/Nothing']);
    expect(setup.heard).toEqual(['cancelled', 'cancelled']);
  });

  it('that is given up closes for the member too', async () => {
    const setup = new Setup();
    const stream = setup.stream();
    await setup.clock.settle();
    stream.cancel();
    stream.cancel();
    setup.streams[0]?.write(Buffer.from('late'));
    await setup.clock.settle();
    expect(setup.heard).toEqual(['cancelled']);
    expect(setup.ends).toEqual(['CANCELLED the client gave up']);
  });

  it('holds the member up while its client reads nothing', async () => {
    const setup = new Setup();
    const stream = setup.stream();
    await setup.clock.settle();
    stream.pause();
    let written = 0;
    while (written < 100 && setup.streams[0]?.write(Buffer.from(String(written))) === true) written += 1;
    await setup.clock.settle();
    expect(written).toBeLessThan(100);
    expect(setup.ends).toEqual([]);
    stream.resume();
    await setup.clock.settle();
    expect(setup.ends.length).toBe(written + 1);
  });

  it('holds the client up while the member reads nothing', async () => {
    const setup = new Setup();
    const stream = setup.stream();
    await setup.clock.settle();
    setup.streams[0]?.pause();
    let taken = 0;
    const send = (): void => stream.send(Buffer.from('x'), () => (taken += 1));
    for (let count = 0; count < 100; count += 1) send();
    await setup.clock.settle();
    expect(taken).toBeLessThan(100);
    setup.streams[0]?.resume();
    await setup.clock.settle();
    expect(taken).toBe(100);
  });

  it('is cut when the member is gone', async () => {
    const setup = new Setup();
    setup.stream();
    await setup.clock.settle();
    setup.door.close();
    await setup.clock.settle();
    expect(setup.ends).toEqual(['UNAVAILABLE STOPPED']);
  });
});
