/** How fresh the answer to a read must be. */
export type Consistency =
  /** The newest of the whole cluster. */
  | { readonly kind: 'linearizable' }
  /** This member's own state, however old. */
  | { readonly kind: 'serializable' }
  /** This member's own state, but never older than a revision that the client has seen: waits for it. */
  | { readonly kind: 'session'; readonly seenRevision: number }
  /** This member's own state, at most so old. Where that is not known it becomes a linearizable read, which finds out. */
  | { readonly kind: 'maxStaleness'; readonly ms: number };

export const LINEARIZABLE: Consistency = { kind: 'linearizable' };
export const SERIALIZABLE: Consistency = { kind: 'serializable' };
