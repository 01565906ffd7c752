/** Short ways to ask for grants in tests: what a test does not name has its usual value. */
import type { GrantAcquireCommand, GrantReleaseCommand } from '../../server/state/command.js';

export function acquire(attempt: string, lease: bigint, rest: Partial<GrantAcquireCommand> = {}): GrantAcquireCommand {
  return {
    kind: 'grantAcquire',
    attempt,
    names: ['n'],
    owner: '',
    lease,
    mode: 'exclusive',
    weight: 1,
    capacity: 0,
    priority: 0,
    lockDelayMs: 0,
    metadata: '',
    value: '',
    mayWait: true,
    ...rest,
  };
}

export function release(attempt: string, to = ''): GrantReleaseCommand {
  return { kind: 'grantRelease', attempt, to };
}
