/** What the grant commands do, in the words of a command's outcome. */
import type { GrantAcquireCommand, GrantForceCommand, GrantProclaimCommand, GrantReleaseCommand } from '../command.js';
import type { Store } from '../mvcc/store.js';
import { type Refusal, refuse } from '../refusal.js';
import type { CommandResult } from '../result.js';
import { type GrantChanges, NO_GRANT_CHANGES } from './grant-table.js';

export type GrantCommand = GrantAcquireCommand | GrantReleaseCommand | GrantForceCommand | GrantProclaimCommand;

export interface GrantOutcome {
  readonly result: CommandResult;
  readonly changes: GrantChanges;
}

export function applyGrant(store: Store, command: GrantCommand, timeMs: number): GrantOutcome | Refusal {
  switch (command.kind) {
    case 'grantAcquire':
      return acquire(store, command, timeMs);
    case 'grantRelease': {
      const changes = store.grants.release(command.attempt, command.to, timeMs);
      if (changes !== undefined && 'ok' in changes) return changes;
      const released = changes !== undefined;
      return { result: { kind: 'grantRelease', released }, changes: changes ?? NO_GRANT_CHANGES };
    }
    case 'grantForce': {
      const changes = store.grants.force(command.name, command.token, timeMs);
      return 'ok' in changes ? changes : { result: { kind: 'grantForce' }, changes };
    }
    case 'grantProclaim': {
      const changes = store.grants.proclaim(command.attempt, command.token, command.value, timeMs);
      return 'ok' in changes ? changes : { result: { kind: 'grantProclaim' }, changes };
    }
  }
}

function acquire({ grants, leases }: Store, wish: GrantAcquireCommand, timeMs: number): GrantOutcome | Refusal {
  if (leases.get(wish.lease) === undefined) return refuse('LEASE_NOT_FOUND', `lease ${wish.lease}`);
  const acquired = grants.acquire(wish, wish.mayWait, timeMs);
  if ('ok' in acquired) return acquired;
  const { place, token, slots } = acquired.entry ?? { place: 0, token: 0, slots: [] };
  return { result: { kind: wish.kind, place, token, slots, change: grants.clock.changes }, changes: acquired.changes };
}
