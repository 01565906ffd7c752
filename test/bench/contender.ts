/**
 * One program under load: three fresh members and the checks that make a figure worth printing. h2load takes every
 * HTTP 200 for a success, so the proof that the calls were carried out comes from the store itself and from the size of
 * what was answered.
 */
import { PutRequest, RangeRequest } from '@quorate/proto/etcd/kv.js';
import { Cluster, type Leadership } from '../harness/cluster.js';
import type { Program } from '../harness/etcd.js';
import { RawClient } from '../harness/raw-client.js';
import { type LoadResult, runLoad } from './h2load.js';

const valueBytes = 256;
const frameHeaderBytes = 5;
const methods = { put: '/etcdserverpb.KV/Put', get: '/etcdserverpb.KV/Range' } as const;

/** `get` is a linearizable read of one key. */
export type Operation = keyof typeof methods;

export interface Shape {
  readonly operation: Operation;
  readonly connections: number;
  readonly streams: number;
}

export class Contender {
  readonly program: Program;
  readonly #cluster: Cluster;
  readonly #leadership: Leadership;
  readonly #client: RawClient;
  readonly #folder: string;

  private constructor(cluster: Cluster, leadership: Leadership, folder: string) {
    this.program = cluster.program;
    this.#cluster = cluster;
    this.#leadership = leadership;
    this.#client = new RawClient(leadership.leader.spec.endpoint);
    this.#folder = folder;
  }

  /** `nodeArgs` are for Node.js itself, so for Quorate only; `folder` receives bodies and logs. */
  static async start(program: Program, folder: string, nodeArgs: readonly string[]): Promise<Contender> {
    const cluster = await Cluster.start({ program, nodeArgs });
    return new Contender(cluster, await cluster.untilSettled(), folder);
  }

  get leaderPid(): number {
    return this.#leadership.leader.process.pid;
  }

  /** `calls` on every connection, each to a key of its own, all to the leader. Rejects when one was not carried out. */
  async measure({ operation, connections, streams }: Shape, calls: number): Promise<LoadResult> {
    const keys = Array.from({ length: connections }, (_, index) => `bench/${index}`);
    await this.#putEach(keys);
    const before = await this.#versions(keys);
    const sizeBefore = await this.#answerSize(operation, keys);
    const { endpoint } = this.#leadership.leader.spec;
    const messages = keys.map((key) => messageFor(operation, key));
    const result = await runLoad({ endpoint, method: methods[operation], messages, streams, calls }, this.#folder);
    const after = await this.#versions(keys);
    const sizeAfter = await this.#answerSize(operation, keys);

    const written = operation === 'put' ? calls : 0;
    // The samples of the answers' size are puts as well, one on each key.
    const sampled = operation === 'put' ? 1 : 0;
    for (const key of keys) {
      this.#expect(`writes of ${key}`, (after.get(key) ?? 0) - (before.get(key) ?? 0), written + sampled);
    }
    this.#expect('answers', result.calls, calls * connections);
    const { dataBytes } = result;
    if (dataBytes < calls * sizeBefore || dataBytes > calls * sizeAfter) {
      this.#refuse(`${dataBytes} bytes of answers, not ${calls * sizeBefore} to ${calls * sizeAfter}`);
    }
    await this.#expectSameLeader();
    return result;
  }

  /** Ends the members as an operator would, so that profiles get written. */
  async end(): Promise<void> {
    this.#client.close();
    await Promise.all(this.#cluster.members.map((member) => member.stop()));
    await this.#cluster.end();
  }

  async #putEach(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#call('put', key);
  }

  async #versions(keys: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { client } = this.#leadership.leader;
    const found = await Promise.all(keys.map((key) => client.range({ key })));
    return new Map(found.flatMap(({ kvs }) => kvs.map(({ key, version }) => [key, version] as const)));
  }

  /** Of one answer on every connection, as h2load counts it. Revisions only grow, and so do the answers with them. */
  async #answerSize(operation: Operation, keys: readonly string[]): Promise<number> {
    let bytes = 0;
    for (const key of keys) bytes += frameHeaderBytes + (await this.#call(operation, key)).length;
    return bytes;
  }

  async #call(operation: Operation, key: string): Promise<Buffer> {
    const answer = await this.#client.call(methods[operation], messageFor(operation, key));
    return answer.ok ? answer.bytes : this.#refuse(`${operation} ${key}: ${answer.code} ${answer.text}`);
  }

  async #expectSameLeader(): Promise<void> {
    const { leader, term } = await this.#cluster.untilLeadership();
    this.#expect('term', term, this.#leadership.term);
    if (leader !== this.#leadership.leader) this.#refuse('the leader changed');
  }

  #expect(what: string, is: number, shouldBe: number): void {
    if (is !== shouldBe) this.#refuse(`${what}: ${is}, not ${shouldBe}`);
  }

  #refuse(reason: string): never {
    throw new Error(`${this.program}: no valid figure: ${reason}`);
  }
}

function messageFor(operation: Operation, key: string): Uint8Array {
  const bytes = Buffer.from(key);
  if (operation === 'get') return RangeRequest.encode(RangeRequest.fromPartial({ key: bytes })).finish();
  return PutRequest.encode(PutRequest.fromPartial({ key: bytes, value: Buffer.alloc(valueBytes, 'v') })).finish();
}
