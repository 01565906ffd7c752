/** Meetings and countdowns, on a member in this process. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, connect, isQuorateError } from '../../../client/index.js';
import { type RunningServer, startServer } from '../../../server/index.js';

let server: RunningServer;
let clients: readonly Client[];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (isQuorateError(error) ? error.code : String(error)),
  );

beforeAll(async () => {
  server = await startServer({ dataDir: ':memory:' });
  clients = await Promise.all([1, 2, 3].map(() => connect(server, { timeout: 15_000 })));
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await server.stop();
});

describe('a barrier', () => {
  it('lets nobody on before all are there, and nobody off before all are done; and again', async () => {
    for (let round = 0; round < 3; round += 1) {
      const log: string[] = [];
      await Promise.all(
        clients.map(async (client, place) => {
          await pause(place * 15);
          log.push('comes');
          const presence = await client.barrier('b').enter({ count: 3 });
          log.push('works');
          await pause(place * 15);
          log.push('leaves');
          await presence.leave();
          log.push('goes');
        }),
      );
      expect(log.slice(0, 3)).toEqual(['comes', 'comes', 'comes']);
      expect(log.lastIndexOf('leaves')).toBeLessThan(log.indexOf('goes'));
      expect(log).toHaveLength(12);
    }
  });

  it('refuses one too many, and forgets who gives up', async () => {
    const [one, two, three] = clients as [Client, Client, Client];
    expect(await codeOf(one.barrier('f').enter({ count: 2, timeout: 40 }))).toBe('DEADLINE_EXCEEDED');
    while ((await one.kv.count({ prefix: 'barrier/f/' })) > 0) await pause(5);
    const both = await Promise.all([one, two].map((client) => client.barrier('f').enter({ count: 2 })));
    expect(await codeOf(three.barrier('f').enter({ count: 2 }))).toBe('BARRIER_FULL');
    await Promise.all(both.map((presence) => presence.leave()));
    expect(await one.kv.count({ prefix: 'barrier/f/' })).toBe(0);
  });
});

describe('who cannot leave', () => {
  it('is there no longer all the same: its lease ends', async () => {
    const [one] = clients as [Client];
    const presence = await one.barrier('g').enter({ count: 1 });
    expect(await codeOf(presence.leave({ signal: AbortSignal.abort() }))).toBe('CANCELED');
    await expect.poll(() => one.kv.count({ prefix: 'barrier/g/member/' })).toBe(0);
  });
});

describe('a latch', () => {
  it('opens once all have counted down, each once', async () => {
    const ids = ['a', 'b', 'c'];
    const [one, two, three] = clients as [Client, Client, Client];
    let isOpen = false;
    const waiting = one
      .latch('l', ids)
      .wait()
      .then(() => {
        isOpen = true;
      });
    expect(await two.latch('l', ids).countDown('a')).toBe(true);
    expect(await three.latch('l', ids.toReversed()).countDown('a')).toBe(false);
    expect(await two.latch('l', ids).countDown('b')).toBe(true);
    await pause(30);
    expect(isOpen).toBe(false);
    expect(await three.latch('l', ids).countDown('c')).toBe(true);
    await waiting;
    await three.latch('l', ids).wait({ timeout: 5_000 });
  });

  it('refuses who does not take part, and other participants', async () => {
    const [one] = clients as [Client];
    await one.latch('m', ['a']).countDown('a');
    expect(await codeOf(one.latch('m', ['a']).countDown('z'))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(one.latch('m', ['a', 'b']).countDown('b'))).toBe('INVALID_ARGUMENT');
    expect(() => one.latch('m', [])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
