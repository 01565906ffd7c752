/** What a node is built from. The composition root plugs in the real ones, tests and the simulator theirs. */
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { Random } from '../lib/random.js';
import type { StateMachine } from '../state/state-machine.js';
import type { LoadedMember, MemberStore } from '../storage/member-store.js';
import type { NodeOptions } from './options.js';
import type { PeerTransport } from './ports.js';

export interface NodeParts {
  readonly store: MemberStore;
  readonly loaded: LoadedMember;
  /** The state at `loaded.applied`. */
  readonly machine: StateMachine;
  /** Rebuilds the state after a snapshot was installed. */
  readonly rebuild: () => Promise<StateMachine>;
  readonly transport: PeerTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: NodeOptions;
}
