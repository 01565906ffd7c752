/** Between a worker and whoever disturbs it. */
export interface WorkerOrder {
  readonly name: string;
  readonly endpoints: readonly string[];
  /** Of the counters. */
  readonly url: string;
  /** Between reading and writing. */
  readonly holdMs: number;
}

export const registers = ['plain', 'fenced', 'guarded'] as const;
export type Register = (typeof registers)[number];

export type FromWorker =
  /** It has read, and will write. */
  | { readonly kind: 'holding'; readonly token: number }
  /** A write is about to be sent. */
  | { readonly kind: 'writing'; readonly register: Register }
  /** It was told that it has written, or that it came too late. */
  | { readonly kind: 'wrote' | 'refused'; readonly register: Register }
  | { readonly kind: 'cycle' }
  | { readonly kind: 'failed'; readonly code: string };
