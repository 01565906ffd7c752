/** What a client asked for, what it was told, and what really happened: the words of the exactly-once suite. */
import type { Outcome } from '../../../client/index.js';

/** Where a write leaves its mark: the value there begins with its id, which no other write has. */
export const marks = { hot: 'hot/', large: 'large', moved: 'moved/', refused: 'refused/' } as const;
export const accountPrefix = 'accounts/';

export type Ending =
  | {
      readonly outcome: 'ok';
      readonly revision: number;
      /** The key that the write says it has written. */
      readonly key: string;
      /** The id that stood at the key before; undefined: not asked for, null: none. */
      readonly prev?: string | null;
    }
  | { readonly outcome: Outcome; readonly code: string };

export interface WriteCall {
  /** Rises with every write of a client. */
  readonly id: string;
  readonly client: number;
  /** The keys that may get its mark; one of them does. */
  readonly keys: readonly string[];
  readonly ending: Ending;
}

/** One put in the log. */
export interface LoggedPut {
  readonly revision: number;
  readonly key: string;
  readonly value: string;
  readonly version: number;
}

/** The id that a value begins with. */
export function idIn(value: string): string {
  const end = value.indexOf(' ');
  return end === -1 ? value : value.slice(0, end);
}
