/**
 * Broken invariants. An InvariantError is a bug of ours, never a caller's fault: nothing catches it to go on. It
 * escapes the driver, the process exits with a numbered reason and the durable state stays as it is.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';

  constructor(
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    const pairs = Object.entries(details).map(([key, value]) => `${key}=${String(value)}`);
    super(pairs.length === 0 ? message : `${message} (${pairs.join(' ')})`);
  }
}

/** Stays on in production. `details` are evaluated by the caller, so pass plain values, not computations. */
export function assert(
  condition: boolean,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw new InvariantError(message, details);
}

/** Ends a switch over a discriminated union: a new member becomes a compile error, an odd value an InvariantError. */
export function assertNever(value: never): never {
  throw new InvariantError('unreachable case', { value: JSON.stringify(value) });
}
