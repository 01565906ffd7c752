import { describe, expect, it } from 'vitest';
import { commandsIn } from '../../server/node/entry-batch.js';
import { LIMITS } from '../../server/node/limits.js';
import { Placement } from '../../server/node/placement.js';
import type { Forward, ForwardResult, PeerMessage } from '../../server/node/ports.js';
import { Proposals } from '../../server/node/proposals.js';
import type { ProposeResult } from '../../server/raft/raft.js';
import type { Role } from '../../server/raft/types.js';

/** The few words of the core that placing needs. */
class FakeRaft {
  role: Role = 'follower';
  leader = 0n;
  term: number;
  refusal: Extract<ProposeResult, { ok: false }>['reason'] | undefined;
  readonly log: string[] = [];

  constructor(term: number) {
    this.term = term;
  }
  propose(data: Uint8Array): ProposeResult {
    if (this.role !== 'leader') return { ok: false, reason: 'notLeader' };
    if (this.refusal !== undefined) return { ok: false, reason: this.refusal };
    this.log.push(Buffer.from(data).toString());
    return { ok: true, id: { term: this.term, index: this.log.length } };
  }
  lead(term: number): void {
    this.term = term;
    this.role = 'leader';
    this.leader = 1n;
  }
  follow(term: number, leader: bigint): void {
    this.term = term;
    this.role = 'follower';
    this.leader = leader;
  }
}

const BORN = 2;
const SILENCE_MS = 500;

function build(boot = 4) {
  const raft = new FakeRaft(BORN);
  const proposals = new Proposals();
  const sent: { readonly to: bigint; readonly message: PeerMessage }[] = [];
  const transport = { send: (to: bigint, message: PeerMessage) => void sent.push({ to, message }) };
  const placement = new Placement({ raft, proposals, transport, boot, silenceMs: SILENCE_MS });
  const answers: string[] = [];
  const add = (data: string, isBatchable = false): void => {
    const waiter = {
      applied: () => void answers.push(`${data}: applied`),
      failed: ({ code }: { code: string }) => void answers.push(`${data}: ${code}`),
    };
    proposals.add(Buffer.from(data), 1000, waiter, isBatchable);
  };
  const sentForward = (place: number): Forward => {
    const message = sent[place]?.message;
    if (message?.kind !== 'forward') throw new Error(`message ${place} is no forward`);
    return message;
  };
  const lastResult = (): ForwardResult | undefined => {
    const message = sent.splice(0).at(-1)?.message;
    return message?.kind === 'forwardResult' ? message : undefined;
  };
  return { raft, proposals, placement, sent, answers, add, sentForward, lastResult };
}

function forwarded(attempts: readonly number[], parts: Partial<Forward> = {}): Forward {
  const proposals = attempts.map((attempt) => ({ attempt, data: Buffer.from(`p${attempt}`) }));
  return { kind: 'forward', term: 5, boot: 1, proposals, ...parts };
}

describe('commands that share an entry', () => {
  const inEntries = (log: readonly string[]): readonly (readonly string[])[] =>
    log.map((data) => commandsIn(Buffer.from(data)).map((command) => Buffer.from(command).toString()));

  it('those that come together are placed in one, between those that stand alone', () => {
    const { placement, proposals, raft, add, answers } = build();
    raft.lead(5);
    for (const data of ['a', 'b']) add(data, true);
    add('alone');
    for (const data of ['c', 'd', 'e']) add(data, true);
    placement.placeWaiting(0);
    expect(inEntries(raft.log)).toEqual([['a', 'b'], ['alone'], ['c', 'd', 'e']]);
    expect(proposals.hasWaiting).toBe(false);
    // Each has its own answer: the first is applied, all others lose their place to a later leader.
    proposals.entryApplied(5, 1, {
      outcome: { ok: true, result: { kind: 'void' } },
      revision: 1,
      events: [],
      writes: [],
    });
    proposals.entryApplied(6, undefined, undefined);
    const lost = ['b', 'alone', 'c', 'd', 'e'].map((data) => `${data}: PROPOSAL_DROPPED`);
    expect(answers).toEqual(['a: applied', ...lost]);
  });

  it('are refused together, or wait together in their order', () => {
    const { placement, raft, add, answers } = build();
    raft.lead(5);
    for (const data of ['a', 'b']) add(data, true);
    raft.refusal = 'transferring';
    placement.placeWaiting(0);
    expect(answers).toEqual([]);
    raft.refusal = undefined;
    placement.placeWaiting(0);
    expect(inEntries(raft.log)).toEqual([['a', 'b']]);
    for (const data of ['c', 'd']) add(data, true);
    raft.refusal = 'tooManyUncommitted';
    placement.placeWaiting(0);
    expect(answers).toEqual(['c: TOO_MANY_REQUESTS', 'd: TOO_MANY_REQUESTS']);
  });
});

describe('placing what waits', () => {
  it('does nothing as long as nobody leads', () => {
    const { placement, proposals, sent, add } = build();
    add('a');
    placement.placeWaiting(0);
    expect(sent).toEqual([]);
    expect(proposals.hasWaiting).toBe(true);
  });

  it('appends to the own log when this member leads, in the order of arrival', () => {
    const { placement, proposals, raft, add } = build();
    for (const data of ['a', 'b', 'c']) add(data);
    raft.lead(3);
    placement.placeWaiting(0);
    expect(raft.log).toEqual(['a', 'b', 'c']);
    expect(proposals.hasWaiting).toBe(false);
  });

  it('refuses what a leader has no room for, and keeps what it may take later', () => {
    const { placement, proposals, raft, add, answers } = build();
    raft.lead(3);
    raft.refusal = 'transferring';
    add('a');
    placement.placeWaiting(0);
    expect(answers).toEqual([]);
    expect(proposals.hasWaiting).toBe(true);
    raft.refusal = 'tooManyUncommitted';
    placement.placeWaiting(0);
    expect(answers).toEqual(['a: TOO_MANY_REQUESTS']);
    expect(proposals.size).toBe(0);
  });

  it('forwards to the leader of its own term, each try under a number of its own', () => {
    const { placement, raft, sent, add, sentForward } = build(4);
    raft.follow(3, 9n);
    add('a');
    add('b');
    placement.placeWaiting(0);
    add('c');
    placement.placeWaiting(0);
    expect(sent.map(({ to }) => to)).toEqual([9n, 9n]);
    expect([sentForward(0).term, sentForward(0).boot]).toEqual([3, 4]);
    expect(sentForward(0).proposals.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(sentForward(1).proposals.map(({ attempt }) => attempt)).toEqual([3]);
  });

  it('splits what it forwards by bytes', () => {
    const { placement, raft, sent, add, sentForward } = build();
    raft.follow(3, 9n);
    const half = 'x'.repeat(LIMITS.forwardBytesMax / 2);
    for (let i = 0; i < 5; i += 1) add(half);
    placement.placeWaiting(0);
    expect(sent.map((_, place) => sentForward(place).proposals.length)).toEqual([2, 2, 1]);
  });
});

describe('taking what others forward', () => {
  it('says where each stands in the log', () => {
    const { placement, raft, lastResult } = build();
    raft.lead(5);
    placement.take(2n, forwarded([1, 2]));
    expect(raft.log).toEqual(['p1', 'p2']);
    expect(lastResult()).toEqual({
      kind: 'forwardResult',
      term: 5,
      boot: 1,
      accepted: [
        { attempt: 1, index: 1 },
        { attempt: 2, index: 2 },
      ],
      refused: [],
    });
  });

  it('takes a doubled one once, and says nothing about it the second time', () => {
    const { placement, raft, sent, lastResult } = build();
    raft.lead(5);
    placement.take(2n, forwarded([1, 2]));
    lastResult();
    placement.take(2n, forwarded([1, 2]));
    placement.take(2n, forwarded([2]));
    expect(raft.log).toEqual(['p1', 'p2']);
    expect(sent).toEqual([]);
    placement.take(2n, forwarded([2, 3]));
    expect(raft.log).toEqual(['p1', 'p2', 'p3']);
    expect(lastResult()?.accepted).toEqual([{ attempt: 3, index: 3 }]);
  });

  it('takes nothing that was meant for another term', () => {
    const { placement, raft } = build();
    raft.lead(6);
    placement.take(2n, forwarded([1], { term: 5 }));
    placement.take(2n, forwarded([2], { term: 7 }));
    expect(raft.log).toEqual([]);
  });

  it('refuses with leave to try again only what it surely never took', () => {
    const { placement, raft, sent, lastResult } = build();
    raft.lead(5);
    placement.take(2n, forwarded([1]));
    lastResult();
    raft.follow(5, 3n);
    placement.take(2n, forwarded([1, 2]));
    expect(lastResult()).toMatchObject({ accepted: [], refused: [{ attempt: 2, reason: 'retry' }] });
    placement.take(2n, forwarded([1]));
    // An earlier life of this member may have led that term.
    placement.take(2n, forwarded([9], { term: BORN }));
    expect(sent).toEqual([]);
  });

  it('a refused one that turns up again is still refused: its sender tries under another number', () => {
    const { placement, raft, sent, lastResult } = build();
    raft.lead(5);
    raft.refusal = 'transferring';
    placement.take(2n, forwarded([1]));
    expect(lastResult()?.refused).toEqual([{ attempt: 1, reason: 'retry' }]);
    raft.refusal = undefined;
    placement.take(2n, forwarded([1]));
    expect(raft.log).toEqual([]);
    expect(sent).toEqual([]);
  });

  it('tells a full log from a leader on its way out', () => {
    const { placement, raft, lastResult } = build();
    raft.lead(5);
    raft.refusal = 'tooManyUncommitted';
    placement.take(2n, forwarded([1]));
    expect(lastResult()?.refused).toEqual([{ attempt: 1, reason: 'tooManyRequests' }]);
  });
});

describe('what became of a forward', () => {
  const result = (parts: Partial<ForwardResult>): ForwardResult => {
    return { kind: 'forwardResult', term: 3, boot: 4, accepted: [], refused: [], ...parts };
  };
  const refused = (reason: 'retry' | 'tooManyRequests') => [{ attempt: 1, reason }];

  it('for another life of this member is none of its business', () => {
    const { placement, proposals, raft, add, answers } = build(4);
    raft.follow(3, 9n);
    add('a');
    placement.placeWaiting(0);
    placement.takeResult(result({ boot: 3, refused: refused('retry') }));
    placement.takeResult(result({ boot: 5, refused: refused('tooManyRequests') }));
    placement.tick(20);
    expect(proposals.hasWaiting).toBe(false);
    expect(answers).toEqual([]);
  });

  it('refused for good: the client is told', () => {
    const { placement, raft, add, answers } = build(4);
    raft.follow(3, 9n);
    add('a');
    placement.placeWaiting(0);
    placement.takeResult(result({ refused: refused('tooManyRequests') }));
    placement.takeResult(result({ refused: refused('tooManyRequests') }));
    expect(answers).toEqual(['a: TOO_MANY_REQUESTS']);
  });

  it('refused with leave to try again: goes to whoever leads then, under a new number', () => {
    const { placement, proposals, raft, add, sentForward, answers } = build(4);
    raft.follow(3, 9n);
    add('a');
    placement.placeWaiting(0);
    placement.takeResult(result({ refused: refused('retry') }));
    placement.placeWaiting(0);
    raft.follow(4, 8n);
    placement.tick(10);
    placement.placeWaiting(10);
    expect(sentForward(1)).toMatchObject({ term: 4, proposals: [{ attempt: 2 }] });
    // The first refusal, doubled by the network, must not free the second try.
    placement.takeResult(result({ refused: refused('retry') }));
    placement.tick(20);
    expect(proposals.hasWaiting).toBe(false);
    expect(answers).toEqual([]);
  });

  it('nothing at all: it is sent again under the same number, which a leader takes once', () => {
    const follower = build(4);
    const leader = build(1);
    leader.raft.lead(3);
    follower.raft.follow(3, 9n);
    follower.add('a');
    follower.placement.placeWaiting(0);
    follower.add('b');
    follower.placement.placeWaiting(300);
    follower.placement.tick(SILENCE_MS - 1);
    expect(follower.sent).toHaveLength(2);
    follower.placement.tick(SILENCE_MS);
    expect(follower.sentForward(2).proposals).toEqual(follower.sentForward(0).proposals);
    follower.placement.tick(SILENCE_MS + 1);
    expect(follower.sent).toHaveLength(3);
    for (const place of [2, 0, 2]) leader.placement.take(2n, follower.sentForward(place));
    expect(leader.raft.log).toEqual(['a']);
    // What was answered is not sent again; what was not, as often as it takes.
    const answer = leader.lastResult();
    if (answer !== undefined) follower.placement.takeResult(answer);
    follower.placement.tick(5000);
    expect(follower.sentForward(3).proposals).toEqual(follower.sentForward(1).proposals);
    expect(follower.answers).toEqual([]);
  });

  it('nothing, and then there is another leader: it is not sent to that one, who cannot know the number', () => {
    const { placement, raft, add, sent } = build(4);
    raft.follow(3, 9n);
    add('a');
    placement.placeWaiting(0);
    raft.follow(4, 8n);
    placement.tick(5000);
    raft.follow(5, 0n);
    placement.tick(6000);
    raft.lead(6);
    placement.tick(7000);
    expect(sent).toHaveLength(1);
  });
});
