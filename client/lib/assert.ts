/** Broken invariants: bugs of this package, never of its caller. Nothing catches them to go on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Ends a switch over a discriminated union: a new member becomes a compile error. */
export function assertNever(value: never): never {
  throw new InvariantError(`unreachable case: ${JSON.stringify(value)}`);
}
