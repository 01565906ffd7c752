/**
 * A core that can be looked into. Two members may be called the same only when everything that decides what they will
 * do is the same, also what a Raft keeps to itself; so the search needs the Core behind it. A Core sets its election
 * timeout while it is constructed: that is where it is caught. Nothing is changed, and production code knows nothing
 * of it.
 */
import { assert } from '../../../server/lib/assert.js';
import type { Random } from '../../../server/lib/random.js';
import type { RaftConfig } from '../../../server/raft/config.js';
import { Core, type RaftInit } from '../../../server/raft/core.js';
import type { Raft } from '../../../server/raft/raft.js';

export type CreateRaft = (config: RaftConfig, init: RaftInit, random: Random) => Raft;

export interface OpenRaft {
  readonly raft: Raft;
  readonly core: Core;
}

/** Time passes only when the search says so; every timeout is drawn equal. */
const STEADY: Random = { below: () => 0 };

let caught: Core | undefined;

function see(core: Core): void {
  caught = core;
}

// The class is changed once, not around each construction: engines recompile everything when a prototype changes.
const resetElectionTimeout = Reflect.get(Core.prototype, 'resetElectionTimeout') as (this: Core) => void;
Core.prototype.resetElectionTimeout = function (this: Core): void {
  see(this);
  resetElectionTimeout.call(this);
};

export function openRaft(create: CreateRaft, config: RaftConfig, init: RaftInit): OpenRaft {
  caught = undefined;
  const raft = create(config, init, STEADY);
  assert(caught !== undefined, 'a Raft was constructed without its Core being seen');
  return { raft, core: caught };
}
