/** Between a worker and whoever disturbs it. */
export interface WorkerOrder {
  readonly name: string;
  readonly endpoints: readonly string[];
  /** Of the counters. */
  readonly url: string;
  /** Between reading and writing. */
  readonly holdMs: number;
}

export type FromWorker =
  /** It has read, and will write. */
  | { readonly kind: 'holding'; readonly token: number }
  | { readonly kind: 'cycle'; readonly isFenced: boolean; readonly isGuarded: boolean }
  | { readonly kind: 'failed'; readonly code: string };
