/** Calls about grants, and what became of them, as plain data. */
import type { GrantEntry, GrantWish } from '../../server/state/grant/grant-entry.js';

export interface GrantOperation {
  readonly client: number;
  readonly member: string;
  readonly call: GrantCall;
  readonly outcome: GrantOutcome;
  /** True time, in milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
}

export type GrantCall =
  | {
      readonly kind: 'acquire';
      readonly wish: GrantWish;
      readonly mayWait: boolean;
      /** It is answered when it is granted, not when it has a place. */
      readonly waitsThere: boolean;
    }
  /** Waits until it is granted. `change`: of the answer that told of its place. */
  | { readonly kind: 'granted'; readonly attempt: string; readonly name: string; readonly change: number }
  | { readonly kind: 'release'; readonly attempt: string; readonly to: string }
  | { readonly kind: 'force'; readonly name: string; readonly token: number }
  | { readonly kind: 'proclaim'; readonly attempt: string; readonly token: number; readonly value: string }
  | { readonly kind: 'describe' }
  /** What an observer of the name is told next. */
  | { readonly kind: 'next'; readonly name: string; readonly change: number }
  /** A put, if the token is that of a current grant of the name. */
  | {
      readonly kind: 'guarded';
      readonly name: string;
      readonly token: number;
      readonly key: string;
      readonly value: string;
    }
  /** A put, after the mark was raised to the token. */
  | {
      readonly kind: 'fenced';
      readonly mark: string;
      readonly token: number;
      readonly key: string;
      readonly value: string;
    };

export type GrantOutcome =
  | { readonly kind: 'ok'; readonly answer: GrantAnswer }
  /** It surely did not and never will happen. */
  | { readonly kind: 'failed'; readonly code: string }
  /** It may have happened, or may still happen. */
  | { readonly kind: 'unknown'; readonly code: string };

/** A name, its holders and those who wait, as of a version of all grants. */
export interface ToldQueue {
  readonly name: string;
  readonly change: number;
  readonly granted: readonly GrantEntry[];
  readonly waiting: readonly GrantEntry[];
}

export type GrantAnswer =
  | {
      readonly kind: 'acquire';
      readonly place: number;
      readonly token: number;
      readonly slots: readonly number[];
      readonly change: number;
    }
  | { readonly kind: 'granted'; readonly token: number; readonly slots: readonly number[]; readonly change: number }
  | { readonly kind: 'release'; readonly released: boolean }
  | { readonly kind: 'force' }
  | { readonly kind: 'proclaim' }
  | { readonly kind: 'describe'; readonly queues: readonly ToldQueue[] }
  | { readonly kind: 'next'; readonly queue: ToldQueue }
  | { readonly kind: 'guarded'; readonly succeeded: boolean; readonly revision: number }
  | { readonly kind: 'fenced'; readonly revision: number };

export function describeGrantCall(call: GrantCall): string {
  switch (call.kind) {
    case 'acquire': {
      const { attempt, names, mode, weight, capacity, priority, lease, lockDelayMs, owner } = call.wish;
      const size = capacity === 0 ? '' : ` ${weight} of ${capacity}`;
      const extras = `${priority === 0 ? '' : ` priority ${priority}`}${lockDelayMs === 0 ? '' : ` delay ${lockDelayMs} ms`}${owner === '' ? '' : ` for ${owner}`}`;
      return `${call.mayWait ? (call.waitsThere ? 'attain' : 'acquire') : 'try'} ${attempt} ${mode} ${names.join('+')}${size} on lease ${lease}${extras}`;
    }
    case 'granted':
      return `wait for ${call.attempt} from ${call.change}`;
    case 'release':
      return `release ${call.attempt}${call.to === '' ? '' : ` to ${call.to}`}`;
    case 'force':
      return `force ${call.token} off ${call.name}`;
    case 'proclaim':
      return `proclaim ${call.value} under ${call.token}`;
    case 'describe':
      return 'describe';
    case 'next':
      return `observe ${call.name} from ${call.change}`;
    case 'guarded':
      return `put ${call.key}=${call.value} if ${call.token} holds ${call.name}`;
    case 'fenced':
      return `put ${call.key}=${call.value} behind ${call.mark} at ${call.token}`;
  }
}

export function describeGrantOutcome(outcome: GrantOutcome): string {
  if (outcome.kind !== 'ok') return `${outcome.kind} ${outcome.code}`;
  const { answer } = outcome;
  switch (answer.kind) {
    case 'acquire':
      return `ok place ${answer.place} token ${answer.token} at ${answer.change}`;
    case 'granted':
      return `ok token ${answer.token} at ${answer.change}`;
    case 'release':
      return answer.released ? 'ok' : 'ok, nothing to release';
    case 'describe':
      return `ok ${answer.queues.map(describeQueue).join(', ')}`;
    case 'next':
      return `ok ${describeQueue(answer.queue)}`;
    case 'guarded':
      return answer.succeeded ? `ok revision ${answer.revision}` : 'ok, not current';
    case 'fenced':
      return `ok revision ${answer.revision}`;
    default:
      return 'ok';
  }
}

export function describeGrantOperation({ client, member, call, outcome, startMs, endMs }: GrantOperation): string {
  const said = `${describeGrantCall(call)} at ${member} -> ${describeGrantOutcome(outcome)}`;
  return `client ${client}: ${said} (${Math.round(startMs)}-${Math.round(endMs)} ms)`;
}

export function describeQueue({ name, change, granted, waiting }: ToldQueue): string {
  const held = granted.map(({ attempt, token, barsUntilMs }) => `${attempt}:${token}${barsUntilMs > 0 ? '!' : ''}`);
  return `${name}@${change} [${held.join(' ')}] <- [${waiting.map(({ attempt }) => attempt).join(' ')}]`;
}
