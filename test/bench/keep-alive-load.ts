/**
 * Renewals on one stream, as fast as the member answers: requests are encoded before, many go out in one write, and of
 * the answers only the frames are counted, so that the client is not what is measured. It checks some of them whole.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { performance } from 'node:perf_hooks';
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';

const frameHeaderBytes = 5;
/** Asked and not answered, at most; more are asked for once so many are missing. */
const inFlight = 2_000;
const atOnceMin = 250;
/** One answer of so many is decoded and compared with its request. */
const checkedEvery = 101;
const windowBytes = 8 * 1024 * 1024;

export interface KeepAliveResult {
  readonly perSecond: number;
  /** The part of the time in which this client was busy: near 1 it is the client that was measured. */
  readonly clientBusy: number;
}

/** Every lease in turn, again and again; all of them were granted `ttl` seconds. */
export class KeepAliveLoad {
  readonly #ids: readonly bigint[];
  readonly #ttl: bigint;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  /** All requests, framed; `#ends[n]` is where the n-th one ends. */
  readonly #requests: Buffer;
  readonly #ends: readonly number[];
  /** Of an answer that is not all there yet, with its header. */
  #begun: Buffer = Buffer.alloc(0);
  #asked = 0;
  #answered = 0;
  #goal = 0;
  #reached = (): void => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(endpoint: string, ids: readonly bigint[], ttl: bigint) {
    this.#ids = ids;
    this.#ttl = ttl;
    const requests = ids.map((ID) => framed(LeaseKeepAliveRequest.encode({ ID }).finish()));
    this.#requests = Buffer.concat(requests);
    let end = 0;
    this.#ends = requests.map(({ length }) => (end += length));
    this.#session = connect(`http://${endpoint}`, { settings: { initialWindowSize: windowBytes } });
    this.#session.on('connect', () => this.#session.setLocalWindowSize(windowBytes));
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.Lease/LeaseKeepAlive',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const broken = (why: string): void => this.#failed(new Error(`the stream of renewals ended: ${why}`));
    this.#session.on('error', (error) => broken(String(error)));
    this.#stream.on('error', (error) => broken(String(error)));
    this.#stream.on('close', () => broken('closed'));
    this.#stream.on('data', (chunk: Buffer) => {
      try {
        this.#take(chunk);
      } catch (error) {
        broken(String(error));
        return;
      }
      this.#ask();
      if (this.#answered >= this.#goal) this.#reached();
    });
  }

  /** Rejects when the stream breaks, or an answer is not what was asked for. */
  async run(renewals: number): Promise<KeepAliveResult> {
    const startedAt = performance.now();
    const before = performance.eventLoopUtilization();
    this.#goal += renewals;
    await new Promise<void>((resolve, reject) => {
      this.#reached = resolve;
      this.#failed = reject;
      this.#ask();
    });
    const { utilization } = performance.eventLoopUtilization(before);
    return { perSecond: (renewals * 1_000) / (performance.now() - startedAt), clientBusy: utilization };
  }

  close(): void {
    this.#failed = () => undefined;
    this.#stream.close();
    this.#session.close();
  }

  #ask(): void {
    const until = Math.min(this.#goal, this.#answered + inFlight);
    if (until - this.#asked < atOnceMin && until < this.#goal) return;
    const { length } = this.#ids;
    while (this.#asked < until) {
      const from = this.#asked % length;
      const count = Math.min(until - this.#asked, length - from);
      this.#stream.write(this.#requests.subarray(this.#ends[from - 1] ?? 0, this.#ends[from + count - 1]));
      this.#asked += count;
    }
  }

  #take(chunk: Buffer): void {
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const end = at + frameHeaderBytes + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if (this.#answered % checkedEvery === 0) this.#check(bytes.subarray(at + frameHeaderBytes, end));
      this.#answered += 1;
      at = end;
    }
    this.#begun = bytes.subarray(at);
  }

  #check(message: Buffer): void {
    const { ID, TTL } = LeaseKeepAliveResponse.decode(message);
    const asked = this.#ids[this.#answered % this.#ids.length];
    if (ID !== asked || TTL !== this.#ttl) throw new Error(`lease ${asked} was asked for, lease ${ID} has ${TTL} s`);
  }
}

/** A gRPC message on the wire: not compressed, its length, itself. */
function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
