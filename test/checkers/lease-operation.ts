/** What clients asked about leases and what they were told, as plain data. Ids are decimal numbers, times of leases seconds. */

export interface LeaseOperation {
  readonly client: number;
  readonly member: string;
  readonly call: LeaseCall;
  readonly outcome: LeaseOutcome;
  /** True time, in milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
}

export type LeaseCall =
  /** `id` '0': the member chooses one. */
  | { readonly kind: 'grant'; readonly id: string; readonly ttl: number }
  | { readonly kind: 'revoke'; readonly id: string }
  | { readonly kind: 'keepAlive'; readonly id: string }
  | { readonly kind: 'timeToLive'; readonly id: string; readonly keys: boolean }
  | { readonly kind: 'leases' };

export type LeaseOutcome =
  /** `revision` is the one in the answer's header. */
  | { readonly kind: 'ok'; readonly revision: number; readonly answer: LeaseAnswer }
  /** It surely did not and never will happen: but a renewal may have. */
  | { readonly kind: 'failed'; readonly code: string }
  /** It may have happened, or may still happen. */
  | { readonly kind: 'unknown'; readonly code: string };

export type LeaseAnswer =
  | { readonly kind: 'grant'; readonly id: string; readonly ttl: number }
  | { readonly kind: 'revoke' }
  /** 0: there is no such lease. */
  | { readonly kind: 'keepAlive'; readonly ttl: number }
  /** `ttl` -1: there is no such lease. */
  | {
      readonly kind: 'timeToLive';
      readonly ttl: number;
      readonly grantedTtl: number;
      readonly keys: readonly string[];
    }
  | { readonly kind: 'leases'; readonly ids: readonly string[] };

export type AnsweredLeaseOperation = LeaseOperation & { readonly outcome: Extract<LeaseOutcome, { kind: 'ok' }> };

export function isAnsweredLease(operation: LeaseOperation): operation is AnsweredLeaseOperation {
  return operation.outcome.kind === 'ok';
}

export function describeLeaseOperation({ client, member, call, outcome, startMs, endMs }: LeaseOperation): string {
  const said = `${describeLeaseCall(call)} at ${member} -> ${describeLeaseOutcome(outcome)}`;
  return `client ${client}: ${said} (${startMs}-${endMs} ms)`;
}

export function describeLeaseCall(call: LeaseCall): string {
  switch (call.kind) {
    case 'grant':
      return `grant lease ${call.id} for ${call.ttl} s`;
    case 'timeToLive':
      return `time to live of ${call.id}${call.keys ? ' with keys' : ''}`;
    case 'leases':
      return 'leases';
    default:
      return `${call.kind} ${call.id}`;
  }
}

export function describeLeaseOutcome(outcome: LeaseOutcome): string {
  if (outcome.kind !== 'ok') return `${outcome.kind} ${outcome.code}`;
  const { answer } = outcome;
  switch (answer.kind) {
    case 'grant':
      return `ok ${answer.id} for ${answer.ttl} s`;
    case 'keepAlive':
      return `ok ${answer.ttl} s`;
    case 'timeToLive':
      return `ok ${answer.ttl} of ${answer.grantedTtl} s [${answer.keys.join(' ')}]`;
    case 'leases':
      return `ok [${answer.ids.join(' ')}]`;
    case 'revoke':
      return 'ok';
  }
}
