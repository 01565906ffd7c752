/**
 * Diagnostics channels, for whoever measures: `tracing:quorate:request:*` around every request, `quorate:retry` and
 * `quorate:lease` for single moments. Keys and values are not told. Costs next to nothing while nobody has subscribed.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { Caller, CallerEvent, CallOptions } from '../calls/caller.js';
import type { Request, RequestKind } from '../wire/request.js';
import type { LeaseEvent } from './lease.js';

/** What subscribers of `quorate:request` are given; with the channel's own `result` and `error`. */
export interface RequestTrace {
  readonly kind: RequestKind;
  readonly isWrite: boolean;
  /** Bytes of the request. */
  readonly bytes: number;
}

const requests = tracingChannel<unknown, RequestTrace>('quorate:request');
const retries = channel('quorate:retry');
const leases = channel('quorate:lease');

export class TracedCaller implements Caller {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  call<Answer>(request: Request<Answer>, options: CallOptions): Promise<Answer> {
    const isHeard = requests.start.hasSubscribers || requests.asyncEnd.hasSubscribers || requests.error.hasSubscribers;
    if (!isHeard) return this.#caller.call(request, options);
    const { kind, isWrite, body } = request;
    return requests.tracePromise(() => this.#caller.call(request, options), { kind, isWrite, bytes: body.length });
  }

  close(timeoutMs: number): Promise<void> {
    return this.#caller.close(timeoutMs);
  }
}

export function traceRetry(event: Extract<CallerEvent, { readonly kind: 'retry' }>): void {
  if (retries.hasSubscribers) retries.publish(event);
}

export function traceLease(event: LeaseEvent): void {
  if (leases.hasSubscribers) leases.publish(event);
}
