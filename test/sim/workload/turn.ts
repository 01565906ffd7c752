/** What a play may use while it is one client's turn. */
import type { Random } from '../../../server/lib/random.js';
import type { AppendRecord } from '../../checkers/append-op.js';
import type { Call, Operation, Outcome } from '../../checkers/operation.js';
import type { Keys } from './keys.js';
import type { Mix } from './mix.js';
import type { RevisionGaps } from './revision-gaps.js';
import type { Sightings } from './sightings.js';
import type { Tally } from './tally.js';
import type { Values } from './values.js';

/** Shared by all clients of a run. */
export interface Board {
  readonly mix: Mix;
  readonly keys: Keys;
  readonly values: Values;
  readonly sightings: Sightings;
  readonly gaps: RevisionGaps;
  readonly tally: Tally;
  readonly appends: AppendRecord[];
  /** Where the run's watchers go on: the next revision that each of them needs. */
  readonly watchPositions: () => readonly number[];
}

export interface Turn extends Board {
  readonly client: number;
  readonly random: Random;
  /** Undefined when the call was not made: no member runs, or the time for new calls is over. */
  ask(call: Call, options?: { readonly isPhysical?: boolean }): Promise<Operation | undefined>;
  /** Asks again, with whatever `make` makes anew, as long as it is refused and the client feels like it. */
  insist(make: () => Call): Promise<Operation | undefined>;
}

export type Play = (turn: Turn) => Promise<unknown>;

export function fresh({ client, random, values }: Turn, says = ''): string {
  return values.fresh(client, random, says);
}

export function succeeded(operation: Operation | undefined): boolean {
  return (
    operation?.outcome.kind === 'ok' && operation.outcome.answer.kind === 'txn' && operation.outcome.answer.succeeded
  );
}

/** The answers of a transaction that was carried out. */
export function txnResults(operation: Operation | undefined): Extract<Okay['answer'], { kind: 'txn' }>['results'] {
  return operation?.outcome.kind === 'ok' && operation.outcome.answer.kind === 'txn'
    ? operation.outcome.answer.results
    : [];
}

type Okay = Extract<Outcome, { kind: 'ok' }>;
