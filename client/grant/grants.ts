/** Locks, semaphores and elections of a client, by name. */
import type { MemberStreamOptions } from '../calls/member-stream.js';
import { ObserveStream } from '../calls/observe-stream.js';
import { QuorateError } from '../core/quorate-error.js';
import type { Namespace } from '../wire/key-range.js';
import type { GrantKind, GrantPorts } from './acquire.js';
import { Election } from './election.js';
import { Mutex } from './mutex.js';
import { randomId } from './random-id.js';
import { RwLock } from './rw-lock.js';
import { Semaphore } from './semaphore.js';

export interface GrantsParts extends Omit<GrantPorts, 'nameOf'> {
  readonly namespace: Namespace;
  readonly observe: MemberStreamOptions;
}

const NOTHING = Buffer.alloc(0);

export class Grants {
  readonly #ports: GrantPorts;
  readonly #observe: MemberStreamOptions;

  constructor({ namespace = NOTHING, observe, ...ports }: GrantsParts) {
    const nameOf = (kind: GrantKind, name: string): Buffer => {
      if (typeof name !== 'string' || name === '') {
        throw new QuorateError('INVALID_ARGUMENT', { detail: `a ${kind} needs a name` });
      }
      return Buffer.concat([namespace, Buffer.from(`${kind}/${name}`)]);
    };
    this.#ports = { ...ports, nameOf };
    this.#observe = observe;
  }

  /** Several names: all or none. */
  mutex(names: readonly string[]): Mutex {
    return new Mutex(
      this.#ports,
      names.map((name) => this.#ports.nameOf('mutex', name)),
      this.#owner(),
    );
  }

  rwLock(name: string): RwLock {
    return new RwLock(this.#ports, this.#ports.nameOf('rwLock', name), this.#owner());
  }

  semaphore(name: string, permits: number): Semaphore {
    return new Semaphore(this.#ports, this.#ports.nameOf('semaphore', name), permits);
  }

  election(name: string): Election {
    const named = this.#ports.nameOf('election', name);
    return new Election(this.#ports, named, () => new ObserveStream(named, this.#observe));
  }

  /** Each object is an owner of its own. */
  #owner(): string {
    return randomId(this.#ports.random, 2);
  }
}
