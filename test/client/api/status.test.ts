import { describe, expect, it } from 'vitest';
import { type Status, StatusBoard } from '../../../client/api/status.js';

const connected = (member: string): Status => ({ kind: 'connected', member });

describe('the status of a client', () => {
  it('is told to all who listen, from then on, until it is closed', async () => {
    const board = new StatusBoard();
    board.tell(connected('early'));
    const first = board.listen(undefined);
    const second = board.listen(undefined);
    const heard = [first.next(), second.next()];
    board.tell(connected('a'));
    for (const next of await Promise.all(heard)) expect(next.value).toEqual(connected('a'));
    board.tell(connected('b'));
    board.close();
    const rest: Status[] = [];
    for await (const status of first) rest.push(status);
    expect(rest).toEqual([connected('b'), { kind: 'closed' }]);
    board.tell(connected('late'));
    for await (const _status of board.listen(undefined)) throw new Error('a closed board tells nothing');
  });

  it('is not told to those who have left', async () => {
    const board = new StatusBoard();
    const controller = new AbortController();
    const listener = board.listen(controller.signal);
    const next = listener.next();
    controller.abort();
    expect((await next).done).toBe(true);
    const other = board.listen(undefined);
    const waiting = other.next();
    await other.return?.();
    expect((await waiting).done).toBe(true);
  });

  it('costs a bounded amount for whoever does not listen, and says what was missed', async () => {
    const board = new StatusBoard();
    const listener = board.listen(undefined);
    const first = listener.next();
    for (let count = 0; count < 300; count += 1) board.tell(connected(String(count)));
    expect((await first).value).toEqual({ kind: 'missed', count: 44 });
    expect((await listener.next()).value).toEqual(connected('44'));
  });
});
