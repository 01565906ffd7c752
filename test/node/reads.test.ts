import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../server/lib/quorate-error.js';
import { LIMITS } from '../../server/node/limits.js';
import { Reads, type ReadPoints, type ReadWaiter } from '../../server/node/reads.js';

const RETRY_MS = 500;

/** Hands out tokens, or none as long as no leader is known. */
class Points implements ReadPoints {
  isLed = true;
  lastToken = 100;
  readonly forgotten: number[] = [];
  requestRead(): number | undefined {
    if (!this.isLed) return undefined;
    this.lastToken += 1;
    return this.lastToken;
  }
  forgetRead(token: number): void {
    this.forgotten.push(token);
  }
}

class Waiter implements ReadWaiter {
  readonly answers: string[] = [];
  constructor(readonly deadline = 10_000) {}
  ready(): void {
    this.answers.push('ready');
  }
  failed(error: QuorateError): void {
    this.answers.push(error.code);
  }
}

function build() {
  const points = new Points();
  const reads = new Reads(points, RETRY_MS);
  const add = (deadline?: number, revision?: number): Waiter => {
    const waiter = new Waiter(deadline);
    reads.add(waiter, revision);
    return waiter;
  };
  return { points, reads, add };
}

describe('reads for a revision', () => {
  it('wait for it alone, and not for any round', () => {
    const { points, reads, add } = build();
    const waiters = [add(10_000, 5), add(10_000, 6), add(10_000, 9)];
    reads.ask(0);
    expect(points.lastToken).toBe(100);
    reads.release(0, 4);
    expect(waiters.map(({ answers }) => answers)).toEqual([[], [], []]);
    reads.release(0, 6);
    expect(waiters.map(({ answers }) => answers)).toEqual([['ready'], ['ready'], []]);
    reads.release(0, 9);
    expect(waiters[2]?.answers).toEqual(['ready']);
    expect(reads.size).toBe(0);
  });

  it('are given up at their deadline, each at its own, and when the member stops', () => {
    const { reads, add } = build();
    const waiters = [add(300, 5), add(500, 5), add(10_000, 5)];
    reads.tick(299);
    reads.tick(300);
    expect(waiters.map(({ answers }) => answers)).toEqual([['TIMEOUT'], [], []]);
    reads.tick(500);
    expect(waiters[1]?.answers).toEqual(['TIMEOUT']);
    reads.failAll(new QuorateError('STOPPED'));
    expect(waiters[2]?.answers).toEqual(['STOPPED']);
    expect(reads.size).toBe(0);
  });

  it('one of which stops the member leave the others waiting for their word of that', () => {
    const { reads, add } = build();
    const ready = (): never => expect.unreachable('a bug');
    const bug = { deadline: 10_000, ready, failed: () => undefined };
    reads.add(bug, 5);
    const other = add(10_000, 5);
    expect(() => reads.release(0, 5)).toThrow('a bug');
    expect(other.answers).toEqual([]);
    reads.failAll(new QuorateError('STOPPED'));
    expect(other.answers).toEqual(['STOPPED']);
  });
});

describe("how old this member's state can be", () => {
  it('is told by the start of the last round that was confirmed, once it is applied', () => {
    const { reads, add } = build();
    expect(reads.freshAt).toBe(-Infinity);
    add();
    reads.ask(40);
    reads.confirmed({ token: 101, index: 7 });
    reads.release(6, 0);
    expect(reads.freshAt).toBe(-Infinity);
    reads.release(7, 0);
    expect(reads.freshAt).toBe(40);
    add();
    reads.ask(90);
    reads.release(8, 0);
    expect(reads.freshAt).toBe(40);
    reads.confirmed({ token: 102, index: 9 });
    reads.release(8, 0);
    expect(reads.freshAt).toBe(40);
    reads.release(9, 0);
    expect(reads.freshAt).toBe(90);
  });

  it('is not told by a round that was given up, whose answer comes late', () => {
    const { reads, add } = build();
    add();
    reads.ask(0);
    reads.tick(RETRY_MS);
    reads.confirmed({ token: 101, index: 1 });
    reads.release(1, 0);
    expect(reads.freshAt).toBe(-Infinity);
    reads.ask(600);
    reads.confirmed({ token: 102, index: 1 });
    reads.release(1, 0);
    expect(reads.freshAt).toBe(600);
  });
});

describe('linearizable reads', () => {
  it('that wait share one round, and are answered once its index is applied', () => {
    const { points, reads, add } = build();
    const waiters = [add(), add(), add()];
    reads.ask(0);
    expect(points.lastToken).toBe(101);
    reads.confirmed({ token: 101, index: 7 });
    reads.release(6, 0);
    expect(waiters.map(({ answers }) => answers)).toEqual([[], [], []]);
    reads.release(7, 0);
    expect(waiters.map(({ answers }) => answers)).toEqual([['ready'], ['ready'], ['ready']]);
    expect(reads.size).toBe(0);
  });

  it('that come while a round is under way wait for the next one: its answer says nothing about them', () => {
    const { points, reads, add } = build();
    const early = add();
    reads.ask(0);
    const late = add();
    reads.ask(1);
    expect(points.lastToken).toBe(101);
    reads.confirmed({ token: 101, index: 7 });
    reads.release(100, 0);
    expect([early.answers, late.answers]).toEqual([['ready'], []]);
    reads.ask(2);
    reads.confirmed({ token: 102, index: 8 });
    reads.release(100, 0);
    expect(late.answers).toEqual(['ready']);
  });

  it('ask again under a new token when no answer comes, and believe no answer to the old one', () => {
    const { points, reads, add } = build();
    const waiter = add();
    reads.ask(0);
    reads.tick(RETRY_MS - 1);
    expect(points.forgotten).toEqual([]);
    reads.tick(RETRY_MS);
    expect(points.forgotten).toEqual([101]);
    const other = add();
    reads.ask(RETRY_MS);
    expect(points.lastToken).toBe(102);
    reads.confirmed({ token: 101, index: 1 });
    reads.release(100, 0);
    expect(waiter.answers).toEqual([]);
    reads.confirmed({ token: 102, index: 9 });
    reads.release(9, 0);
    expect([waiter.answers, other.answers]).toEqual([['ready'], ['ready']]);
  });

  it('whose round was dropped ask again, in the order in which they came', () => {
    const { reads, add } = build();
    const first = add();
    reads.ask(0);
    const second = add();
    reads.dropped(999);
    expect(reads.canAsk).toBe(false);
    reads.dropped(101);
    expect(reads.canAsk).toBe(true);
    reads.ask(1);
    reads.confirmed({ token: 101, index: 5 });
    reads.release(5, 0);
    expect(first.answers).toEqual([]);
    reads.confirmed({ token: 102, index: 5 });
    reads.release(5, 0);
    expect([first.answers, second.answers]).toEqual([['ready'], ['ready']]);
  });

  it('wait for a leader, until their deadline', () => {
    const { points, reads, add } = build();
    points.isLed = false;
    const [short, long] = [add(100), add(200)];
    reads.ask(0);
    expect(reads.canAsk).toBe(true);
    reads.tick(99);
    expect(short?.answers).toEqual([]);
    reads.tick(100);
    expect([short?.answers, long?.answers]).toEqual([['TIMEOUT'], []]);
    points.isLed = true;
    reads.ask(101);
    reads.confirmed({ token: 101, index: 1 });
    reads.release(1, 0);
    expect([short?.answers, long?.answers]).toEqual([['TIMEOUT'], ['ready']]);
  });

  it('time out wherever they wait: for a round, in it, and for apply', () => {
    const { reads, add } = build();
    const confirmed = add(100);
    reads.ask(0);
    reads.confirmed({ token: 101, index: 50 });
    const asked = add(100);
    reads.ask(0);
    const waiting = add(100);
    expect(reads.size).toBe(3);
    reads.tick(100);
    for (const waiter of [confirmed, asked, waiting]) expect(waiter.answers).toEqual(['TIMEOUT']);
    expect(reads.size).toBe(0);
    reads.confirmed({ token: 102, index: 50 });
    reads.release(50, 0);
    reads.failAll(new QuorateError('STOPPED'));
    for (const waiter of [confirmed, asked, waiting]) expect(waiter.answers).toHaveLength(1);
  });

  it('are released in the order of their rounds, each as soon as its own index is applied', () => {
    const { reads, add } = build();
    const waiters = [5, 5, 8].map((index, round) => {
      const waiter = add();
      reads.ask(0);
      reads.confirmed({ token: 101 + round, index });
      return waiter;
    });
    reads.release(5, 0);
    expect(waiters.map(({ answers }) => answers.length)).toEqual([1, 1, 0]);
    reads.release(8, 0);
    expect(waiters.map(({ answers }) => answers.length)).toEqual([1, 1, 1]);
  });

  it('beyond the limit are refused and change nothing, wherever the others wait', () => {
    const { reads, add } = build();
    for (let i = 0; i < LIMITS.readsMax / 2; i += 1) add();
    reads.ask(0);
    for (let i = 0; i < LIMITS.readsMax / 2; i += 1) add();
    expect(() => add()).toThrow(expect.objectContaining({ code: 'TOO_MANY_REQUESTS' }));
    expect(reads.size).toBe(LIMITS.readsMax);
    reads.confirmed({ token: 101, index: 1 });
    reads.release(1, 0);
    expect(reads.size).toBe(LIMITS.readsMax / 2);
    add();
  });

  it('of any history are answered exactly once', () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('add' as const), deadline: fc.nat(40), revision: fc.option(fc.nat(3000)) }),
      fc.record({ op: fc.constantFrom('ask' as const, 'tick' as const, 'lose' as const, 'lead' as const) }),
      fc.record({ op: fc.constantFrom('confirm' as const, 'drop' as const, 'release' as const), back: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { points, reads, add } = build();
        const waiters: Waiter[] = [];
        let now = 0;
        let index = 0;
        for (const next of steps) {
          switch (next.op) {
            case 'add':
              waiters.push(add(now + next.deadline * 20, next.revision ?? undefined));
              break;
            case 'ask':
              reads.ask(now);
              break;
            case 'tick':
              reads.tick((now += 100));
              break;
            case 'lose':
              points.isLed = false;
              break;
            case 'lead':
              points.isLed = true;
              break;
            case 'confirm':
              reads.confirmed({ token: points.lastToken - next.back, index: (index += 1) });
              break;
            case 'drop':
              reads.dropped(points.lastToken - next.back);
              break;
            case 'release':
              reads.release(index - next.back, now - next.back);
              break;
          }
          expect(reads.size).toBe(waiters.filter(({ answers }) => answers.length === 0).length);
        }
        reads.failAll(new QuorateError('STOPPED'));
        expect(waiters.map(({ answers }) => answers.length)).toEqual(waiters.map(() => 1));
        expect(reads.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
