/**
 * What clients of the SDK were told of transactions that require a grant, against the log: a success took effect then and
 * once, what was fenced came when the grant was not current, and what was refused here never came at all.
 */
import type { QuorateError } from '../../../client/core/quorate-error.js';
import type { Operation } from '../../checkers/operation.js';
import type { GuardedTxn, HeldRecords } from '../workload-ports.js';
import type { Findings } from './findings.js';

type GuardedOutcome =
  | { readonly kind: 'ok'; readonly endMs: number; readonly revision: number }
  | { readonly kind: 'rejected'; readonly error: Pick<QuorateError, 'code' | 'outcome'> };

export interface GuardedAsk {
  readonly who: string;
  readonly client: number;
  readonly process: string;
  readonly value: string;
  readonly startMs: number;
  /** Undefined: nobody was told. */
  told: GuardedOutcome | undefined;
}

/** Of writes that the log tells of and nobody was told of. */
const FOUND_CLIENT = 3_000_000;
/** Found out by the client itself: nothing was sent. */
const HERE: ReadonlySet<string> = new Set(['GRANT_LOST', 'LEASE_AT_RISK']);

export class SdkGrantTold {
  readonly #asks: GuardedAsk[] = [];

  add(ask: GuardedAsk): void {
    this.#asks.push(ask);
  }

  /** As calls on keys, when no call is open. */
  writes(held: HeldRecords, nowMs: number): readonly Operation[] {
    return this.#asks.flatMap((ask) => {
      const txn = held.guardedTxn(ask.value);
      return txn === undefined || txn.puts.length === 0 ? [] : [asWrite(ask, txn, nowMs)];
    });
  }

  judge(held: HeldRecords, findings: Findings): void {
    for (const { who, value, told } of this.#asks) {
      const txn = held.guardedTxn(value);
      const complaint = complaintAbout(told, txn);
      if (complaint === undefined) continue;
      const is = txn === undefined ? 'never came' : `came at ${txn.revision}, ${txn.puts.length} puts`;
      findings.add('sdk-guarded', `${who}: ${complaint}, and the log says that ${value} ${is}`);
    }
  }
}

function complaintAbout(told: GuardedOutcome | undefined, txn: GuardedTxn | undefined): string | undefined {
  if (told === undefined) return undefined;
  const tookEffect = txn !== undefined && txn.puts.length > 0;
  if (told.kind === 'ok') {
    return tookEffect && txn.revision === told.revision ? undefined : `was told of revision ${told.revision}`;
  }
  const { code, outcome } = told.error;
  return isHonest(told.error, tookEffect, txn !== undefined) ? undefined : `was told ${code}, ${outcome}`;
}

function isHonest(
  { code, outcome }: Pick<QuorateError, 'code' | 'outcome'>,
  tookEffect: boolean,
  came: boolean,
): boolean {
  if (code === 'FENCED') return outcome === 'notApplied' && came && !tookEffect;
  if (HERE.has(code)) return outcome === 'notApplied' && !came;
  return outcome === 'unknown' || tookEffect === (outcome === 'applied');
}

function asWrite(
  { client, process, startMs, told }: GuardedAsk,
  { revision, puts }: GuardedTxn,
  nowMs: number,
): Operation {
  const isTold = told?.kind === 'ok';
  return {
    // It may have happened after its client had given up, and may overlap with what that one did next.
    client: isTold ? client : FOUND_CLIENT + revision,
    member: process,
    call: {
      kind: 'txn',
      compares: [],
      success: puts.map(({ key, value }) => ({ kind: 'put', key, value })),
      failure: [],
    },
    outcome: {
      kind: 'ok',
      revision,
      answer: { kind: 'txn', succeeded: true, results: puts.map(() => ({ kind: 'put' }) as const) },
    },
    startMs,
    endMs: isTold ? told.endMs : nowMs,
  };
}
