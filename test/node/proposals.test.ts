import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorCode, QuorateError } from '../../server/lib/quorate-error.js';
import { QuorateError as Refusal } from '../../server/lib/quorate-error.js';
import { LIMITS } from '../../server/node/limits.js';
import { type Proposal, Proposals, type ProposalWaiter } from '../../server/node/proposals.js';
import type { Applied } from '../../server/state/result.js';

const APPLIED: Applied = { outcome: { ok: true, result: { kind: 'compact' } }, revision: 7, events: [], writes: [] };

/** Keeps every answer it gets: a second one is as wrong as none. */
class Waiter implements ProposalWaiter {
  readonly answers: (ErrorCode | { readonly term: number })[] = [];
  applied(_applied: Applied, term: number): void {
    this.answers.push({ term });
  }
  failed(error: QuorateError): void {
    this.answers.push(error.code);
  }
}

type PlaceKind = 'waiting' | 'forwarded' | 'placed';
const TERM = 5;
const INDEX = 20;

/** One proposal in the place that a test is about, with two neighbours that must not be touched by what happens to it. */
function proposed(kind: PlaceKind) {
  const proposals = new Proposals();
  const waiter = new Waiter();
  const proposal = proposals.add(Buffer.from('data'), 1000, waiter);
  let attempt = 0;
  if (kind !== 'waiting') {
    proposals.takeWaiting();
    if (kind === 'forwarded') attempt = proposals.forwarded(proposal, TERM, 0);
    else proposals.placed(proposal, TERM, INDEX);
  }
  return { proposals, proposal, waiter, attempt };
}

type Happening = (parts: ReturnType<typeof proposed>) => void;

const HAPPENINGS: readonly (readonly [string, Happening, Readonly<Record<PlaceKind, Waiter['answers']>>])[] = [
  [
    'its entry is applied',
    ({ proposals, proposal }) => proposals.entryApplied(TERM, proposal.seq, APPLIED),
    { waiting: [{ term: TERM }], forwarded: [{ term: TERM }], placed: [{ term: TERM }] },
  ],
  [
    "somebody else's entry of its term is applied",
    ({ proposals }) => proposals.entryApplied(TERM, undefined, APPLIED),
    { waiting: [], forwarded: [], placed: [] },
  ],
  [
    'an entry of a later term is applied',
    ({ proposals }) => proposals.entryApplied(TERM + 1, undefined, undefined),
    { waiting: [], forwarded: [], placed: ['PROPOSAL_DROPPED'] },
  ],
  [
    'an entry of an earlier term is applied',
    ({ proposals }) => proposals.entryApplied(TERM - 1, undefined, APPLIED),
    { waiting: [], forwarded: [], placed: [] },
  ],
  [
    'a snapshot before its index is installed',
    ({ proposals }) => proposals.snapshotInstalled(INDEX - 1),
    { waiting: [], forwarded: ['OUTCOME_UNKNOWN'], placed: [] },
  ],
  [
    'a snapshot at its index is installed',
    ({ proposals }) => proposals.snapshotInstalled(INDEX),
    { waiting: [], forwarded: ['OUTCOME_UNKNOWN'], placed: ['OUTCOME_UNKNOWN'] },
  ],
  [
    'its deadline passes',
    ({ proposals }) => proposals.expire(1000),
    { waiting: ['DEADLINE_EXCEEDED'], forwarded: ['OUTCOME_UNKNOWN'], placed: ['OUTCOME_UNKNOWN'] },
  ],
  ['its deadline comes near', ({ proposals }) => proposals.expire(999), { waiting: [], forwarded: [], placed: [] }],
  [
    'its client goes away',
    ({ proposals, proposal }) => proposals.abandon(proposal),
    { waiting: ['CANCELED'], forwarded: ['OUTCOME_UNKNOWN'], placed: ['OUTCOME_UNKNOWN'] },
  ],
  [
    'the member stops',
    ({ proposals }) => proposals.failAll(),
    { waiting: ['STOPPED'], forwarded: ['OUTCOME_UNKNOWN'], placed: ['OUTCOME_UNKNOWN'] },
  ],
  [
    'the leader refuses it for good',
    ({ proposals, attempt }) => proposals.forwardRefused(TERM, attempt, new Refusal('TOO_MANY_REQUESTS')),
    { waiting: [], forwarded: ['TOO_MANY_REQUESTS'], placed: [] },
  ],
  [
    'the leader of another term refuses it',
    ({ proposals, attempt }) => proposals.forwardRefused(TERM + 1, attempt, new Refusal('TOO_MANY_REQUESTS')),
    { waiting: [], forwarded: [], placed: [] },
  ],
  [
    'the leader tells it to try again',
    ({ proposals, attempt }) => proposals.forwardRefused(TERM, attempt, undefined),
    { waiting: [], forwarded: [], placed: [] },
  ],
  [
    'the leader accepts it',
    ({ proposals, attempt }) => proposals.forwardAccepted(TERM, attempt, INDEX),
    { waiting: [], forwarded: [], placed: [] },
  ],
];

describe('a proposal', () => {
  for (const [name, happen, answers] of HAPPENINGS) {
    for (const kind of ['waiting', 'forwarded', 'placed'] as const) {
      it(`${kind}: ${name}`, () => {
        const parts = proposed(kind);
        happen(parts);
        expect(parts.waiter.answers).toEqual(answers[kind]);
        expect(parts.proposals.size).toBe(answers[kind].length === 0 ? 1 : 0);
        // Whatever comes afterwards, the answer that was given stays the only one; who has none gets one now.
        for (const [, again] of HAPPENINGS) again(parts);
        parts.proposals.failAll();
        expect(parts.waiter.answers).toHaveLength(1);
        expect(parts.proposals.size).toBe(0);
      });
    }
  }

  it('is decided by its own id, not by the index: an equal index in another term is another entry', () => {
    const { proposals, waiter } = proposed('placed');
    const other = new Waiter();
    const second = proposals.add(Buffer.from('x'), 1000, other);
    proposals.takeWaiting();
    // A new leader gave the same index to a later proposal of ours.
    proposals.placed(second, TERM + 1, INDEX);
    proposals.entryApplied(TERM + 1, second.seq, APPLIED);
    expect(waiter.answers).toEqual(['PROPOSAL_DROPPED']);
    expect(other.answers).toEqual([{ term: TERM + 1 }]);
  });

  it('placed behind the end of the log of a new leader is dropped, although nothing ever comes to its index', () => {
    const { proposals, waiter } = proposed('placed');
    proposals.entryApplied(TERM + 1, undefined, undefined);
    expect(waiter.answers).toEqual(['PROPOSAL_DROPPED']);
  });

  it('forwarded to a leader that is deposed waits for another try once its entry can never be applied', () => {
    const { proposals, proposal, attempt, waiter } = proposed('forwarded');
    proposals.entryApplied(TERM + 1, undefined, undefined);
    expect(proposals.takeWaiting()).toEqual([proposal]);
    // Late words about the first try mean nothing now.
    proposals.forwardAccepted(TERM, attempt, INDEX);
    proposals.forwardRefused(TERM, attempt, new Refusal('TOO_MANY_REQUESTS'));
    expect(waiter.answers).toEqual([]);
    expect(proposals.forwarded(proposal, TERM + 1, 0)).toBeGreaterThan(attempt);
    proposals.entryApplied(TERM + 1, proposal.seq, APPLIED);
    expect(waiter.answers).toEqual([{ term: TERM + 1 }]);
  });

  it('refused with leave to try again waits for the next tick, so that two members do not play ping-pong', () => {
    const { proposals, proposal, attempt } = proposed('forwarded');
    proposals.forwardRefused(TERM, attempt, undefined);
    expect(proposals.hasWaiting).toBe(false);
    proposals.retryRefused();
    expect(proposals.takeWaiting()).toEqual([proposal]);
  });

  it('answered while it waits for the next try is not tried again', () => {
    const { proposals, proposal, attempt } = proposed('forwarded');
    proposals.forwardRefused(TERM, attempt, undefined);
    proposals.abandon(proposal);
    proposals.retryRefused();
    expect(proposals.takeWaiting()).toEqual([]);
  });

  it('accepted after its entry was applied stays answered', () => {
    const { proposals, proposal, attempt, waiter } = proposed('forwarded');
    proposals.entryApplied(TERM, proposal.seq, APPLIED);
    proposals.forwardAccepted(TERM, attempt, INDEX);
    expect(waiter.answers).toEqual([{ term: TERM }]);
    expect(proposals.size).toBe(0);
  });

  it('accepted and then overwritten is dropped', () => {
    const { proposals, attempt, waiter } = proposed('forwarded');
    proposals.forwardAccepted(TERM, attempt, INDEX);
    proposals.entryApplied(TERM + 2, undefined, undefined);
    expect(waiter.answers).toEqual(['PROPOSAL_DROPPED']);
  });
});

describe('the window of proposals', () => {
  const codeOf = (work: () => unknown): ErrorCode | undefined => {
    try {
      work();
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };

  it('refuses one more than the limit and changes nothing', () => {
    const proposals = new Proposals();
    const waiter = new Waiter();
    const data = Buffer.from('d');
    for (let i = 0; i < LIMITS.proposalsMax; i += 1) proposals.add(data, 1000, waiter);
    expect(codeOf(() => proposals.add(data, 1000, waiter))).toBe('TOO_MANY_REQUESTS');
    expect(proposals.size).toBe(LIMITS.proposalsMax);
    expect(proposals.nextSeq()).toBe(LIMITS.proposalsMax + 1);
    proposals.entryApplied(1, 1, APPLIED);
    expect(codeOf(() => proposals.add(data, 1000, waiter))).toBeUndefined();
  });

  it('refuses bytes beyond the limit, and gives the bytes back with every answer', () => {
    const proposals = new Proposals();
    const waiter = new Waiter();
    const half = Buffer.alloc(LIMITS.proposalBytesMax / 2);
    const first = proposals.add(half, 1000, waiter);
    proposals.add(half, 1000, waiter);
    expect(codeOf(() => proposals.add(Buffer.alloc(1), 1000, waiter))).toBe('TOO_MANY_REQUESTS');
    proposals.abandon(first);
    proposals.add(half, 1000, waiter);
    expect(codeOf(() => proposals.add(Buffer.alloc(1), 1000, waiter))).toBe('TOO_MANY_REQUESTS');
    proposals.failAll();
    proposals.add(half, 1000, waiter);
    proposals.add(half, 1000, waiter);
    expect(proposals.size).toBe(2);
  });

  it('takes proposals in the order of their arrival, each once', () => {
    const proposals = new Proposals();
    const added = [1, 2, 3].map(() => proposals.add(Buffer.from('d'), 1000, new Waiter()));
    expect(proposals.hasWaiting).toBe(true);
    expect(proposals.takeWaiting()).toEqual(added);
    expect(proposals.hasWaiting).toBe(false);
    expect(proposals.takeWaiting()).toEqual([]);
    for (const proposal of added) proposals.putBack(proposal);
    expect(proposals.takeWaiting()).toEqual(added);
  });

  it('expires each proposal at its own deadline, whatever the order of deadlines', () => {
    const proposals = new Proposals();
    const waiters = [300, 100, 200].map((deadline) => {
      const waiter = new Waiter();
      proposals.add(Buffer.from('d'), deadline, waiter);
      return waiter;
    });
    const answered = (): number[] => waiters.map((waiter) => waiter.answers.length);
    proposals.expire(99);
    expect(answered()).toEqual([0, 0, 0]);
    proposals.expire(100);
    expect(answered()).toEqual([0, 1, 0]);
    proposals.expire(250);
    expect(answered()).toEqual([0, 1, 1]);
    proposals.expire(10_000);
    expect(answered()).toEqual([1, 1, 1]);
  });
});

describe('any history of proposals', () => {
  const step = fc.oneof(
    fc.record({ op: fc.constant('add' as const), deadline: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ op: fc.constantFrom('place' as const, 'forward' as const) }),
    fc.record({ op: fc.constantFrom('apply' as const, 'abandon' as const), pick: fc.nat(20) }),
    fc.record({ op: fc.constantFrom('accept' as const, 'refuse' as const, 'retry' as const), pick: fc.nat(20) }),
    fc.record({ op: fc.constantFrom('depose' as const, 'snapshot' as const, 'time' as const) }),
  );

  it('answers each exactly once and leaves nothing behind', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const proposals = new Proposals();
        const all: { readonly proposal: Proposal; readonly waiter: Waiter }[] = [];
        const attempts: { readonly attempt: number; readonly term: number }[] = [];
        let term = 1;
        let index = 0;
        let now = 0;
        for (const next of steps) {
          const known = 'pick' in next ? all[next.pick % Math.max(1, all.length)] : undefined;
          const tried = 'pick' in next ? attempts[next.pick % Math.max(1, attempts.length)] : undefined;
          switch (next.op) {
            case 'add': {
              const waiter = new Waiter();
              all.push({ proposal: proposals.add(Buffer.from('d'), now + next.deadline, waiter), waiter });
              break;
            }
            case 'place':
              for (const proposal of proposals.takeWaiting()) proposals.placed(proposal, term, (index += 1));
              break;
            case 'forward':
              for (const proposal of proposals.takeWaiting()) {
                attempts.push({ attempt: proposals.forwarded(proposal, term, 0), term });
              }
              break;
            case 'apply':
              if (known !== undefined) proposals.entryApplied(term, known.proposal.seq, APPLIED);
              break;
            case 'abandon':
              if (known !== undefined) proposals.abandon(known.proposal);
              break;
            case 'accept':
              if (tried !== undefined) proposals.forwardAccepted(tried.term, tried.attempt, (index += 1));
              break;
            case 'refuse':
              if (tried !== undefined) {
                proposals.forwardRefused(tried.term, tried.attempt, new Refusal('TOO_MANY_REQUESTS'));
              }
              break;
            case 'retry':
              if (tried !== undefined) proposals.forwardRefused(tried.term, tried.attempt, undefined);
              proposals.retryRefused();
              break;
            case 'depose':
              term += 1;
              proposals.entryApplied(term, undefined, undefined);
              break;
            case 'snapshot':
              proposals.snapshotInstalled(index);
              break;
            case 'time':
              now += 10;
              proposals.expire(now);
              break;
          }
          const open = all.filter(({ waiter }) => waiter.answers.length === 0).length;
          expect(proposals.size).toBe(open);
        }
        proposals.failAll();
        expect(all.map(({ waiter }) => waiter.answers.length)).toEqual(all.map(() => 1));
        expect(proposals.size).toBe(0);
        // The window is empty again, in bytes too.
        proposals.add(Buffer.alloc(LIMITS.proposalBytesMax), now + 1, new Waiter());
      }),
      { numRuns: 300 },
    );
  });
});
