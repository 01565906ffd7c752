/** A LeaseMember that answers from what a test puts in, and remembers what it was asked. */
import type {
  LeaseGrantAnswer,
  LeaseKeepAliveAnswer,
  LeaseListAnswer,
  LeaseMember,
  LeaseTimeToLiveAnswer,
} from '../../server/node/lease-member.js';
import { header } from './fake-member.js';

export class FakeLeases implements LeaseMember {
  readonly asked: (readonly [method: string, request: unknown])[] = [];
  failure: Error | undefined;
  /** Answers to renewals, each awaited before it is given. */
  onKeepAlive: (id: bigint) => Promise<bigint> = async () => 60n;
  onTimeToLive: Omit<LeaseTimeToLiveAnswer, 'header' | 'id'> = { ttl: 5n, grantedTtl: 60n, keys: ['\xff', 'a'] };
  onLeases: readonly bigint[] = [];

  async grant(request: { id: bigint; ttl: bigint }): Promise<LeaseGrantAnswer> {
    this.#take('grant', request);
    return { header, id: request.id === 0n ? 77n : request.id, ttl: request.ttl };
  }

  async revoke(id: bigint): Promise<{ header: typeof header }> {
    this.#take('revoke', id);
    return { header };
  }

  async keepAlive(id: bigint): Promise<LeaseKeepAliveAnswer> {
    this.#take('keepAlive', id);
    return { header, id, ttl: await this.onKeepAlive(id) };
  }

  async timeToLive(request: { id: bigint; keys: boolean }): Promise<LeaseTimeToLiveAnswer> {
    this.#take('timeToLive', request);
    return { header, id: request.id, ...this.onTimeToLive };
  }

  async leases(): Promise<LeaseListAnswer> {
    this.#take('leases', undefined);
    return { header, ids: this.onLeases };
  }

  #take(method: string, request: unknown): void {
    this.asked.push([method, request]);
    if (this.failure !== undefined) throw this.failure;
  }
}
