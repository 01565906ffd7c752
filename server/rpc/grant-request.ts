/** Requests of the coordination service, from the wire to commands. Throws QuorateError. */
import type {
  GrantAcquireRequest,
  GrantAwaitRequest,
  GrantForceRequest,
  GrantMode as WireMode,
  GrantProclaimRequest,
  GrantReleaseRequest,
} from '@quorate/proto/quorate/v1/coordination.js';
import { byteStringFrom, compareByteStrings } from '../lib/bytes.js';
import { QuorateError } from '../lib/quorate-error.js';
import type { AttemptPlace } from '../node/grant-member.js';
import type {
  GrantAcquireCommand,
  GrantForceCommand,
  GrantProclaimCommand,
  GrantReleaseCommand,
} from '../state/command.js';
import { checkWish } from '../state/check-wish.js';
import type { GrantMode } from '../state/grant/grant-entry.js';

const modes: readonly (GrantMode | undefined)[] = ['exclusive', 'shared'];

export function acquireFrom(request: GrantAcquireRequest): GrantAcquireCommand {
  const { attempt, owner, lease, capacity, priority, lockDelayMs } = request;
  const command: GrantAcquireCommand = {
    kind: 'grantAcquire',
    attempt,
    names: request.names.map(byteStringFrom).toSorted(compareByteStrings),
    owner,
    lease,
    mode: modeFrom(request.mode),
    weight: request.weight === 0 ? 1 : request.weight,
    capacity,
    priority,
    lockDelayMs,
    metadata: byteStringFrom(request.metadata),
    value: byteStringFrom(request.value),
    mayWait: !request.noWait,
  };
  const refusal = checkWish(command);
  if (refusal !== undefined) throw new QuorateError(refusal.code, refusal.detail);
  return command;
}

function modeFrom(wire: WireMode): GrantMode {
  const mode = modes[wire];
  if (mode === undefined) throw new QuorateError('INVALID_GRANT', `mode ${wire}`);
  return mode;
}

export function releaseFrom({ attempt, to }: GrantReleaseRequest): GrantReleaseCommand {
  return { kind: 'grantRelease', attempt, to };
}

export function proclaimFrom({ attempt, token, value }: GrantProclaimRequest): GrantProclaimCommand {
  return { kind: 'grantProclaim', attempt, token: tokenFrom(token), value: byteStringFrom(value) };
}

export function forceFrom({ name, token }: GrantForceRequest): GrantForceCommand {
  return { kind: 'grantForce', name: byteStringFrom(name), token: tokenFrom(token) };
}

export function placeFrom({ attempt, name, change, untilLost }: GrantAwaitRequest): AttemptPlace {
  return { attempt, name: byteStringFrom(name), change: changeFrom(change), untilLost };
}

export function changeFrom(change: bigint): number {
  if (change > BigInt(Number.MAX_SAFE_INTEGER)) throw new QuorateError('INVALID_GRANT', `change ${change}`);
  return Number(change);
}

/** No token is as large as what a number cannot hold. */
function tokenFrom(token: bigint): number {
  if (token < 1n || token > BigInt(Number.MAX_SAFE_INTEGER)) throw new QuorateError('INVALID_GRANT', `token ${token}`);
  return Number(token);
}
