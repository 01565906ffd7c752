/**
 * grpc.health.v1: whether this member serves. Follows the member's readiness, so that a client leaves a member without
 * a leader or about to stop before it has sent a request.
 */
import type { Server } from '@grpc/grpc-js';
import { HealthImplementation, type ServingStatus } from 'grpc-health-check';
import type { Member } from '../node/member.js';

export class Health {
  readonly #services: readonly string[];
  readonly #health: HealthImplementation;
  #isStopped = false;

  /** `services` are full names; the empty name, which means the whole member, is added. */
  constructor(server: Server, member: Pick<Member, 'isReady' | 'onReadyChange'>, services: readonly string[]) {
    this.#services = ['', ...services];
    const initial = servingStatus(member.isReady);
    this.#health = new HealthImplementation(Object.fromEntries(this.#services.map((name) => [name, initial])));
    this.#health.addToServer(server);
    member.onReadyChange((isReady) => {
      if (!this.#isStopped) this.#set(servingStatus(isReady));
    });
  }

  /** NOT_SERVING from now on, whatever the member says. */
  stop(): void {
    this.#isStopped = true;
    this.#set('NOT_SERVING');
  }

  #set(status: ServingStatus): void {
    for (const service of this.#services) this.#health.setStatus(service, status);
  }
}

function servingStatus(isReady: boolean): ServingStatus {
  return isReady ? 'SERVING' : 'NOT_SERVING';
}
