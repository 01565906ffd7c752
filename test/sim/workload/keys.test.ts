import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../server/lib/random.js';
import type { Plan } from '../plan-types.js';
import { Keys } from './keys.js';
import { drawMix, REGISTER_CLIENTS_MAX } from './mix.js';

const random = seededRandom(1);

function keysFor(clients: number, callsPerKey: number): Keys {
  const plan: Plan = {
    seed: 1,
    voters: 3,
    spares: 0,
    clients,
    watchClients: 0,
    leaseClients: 0,
    grantClients: 0,
    sessionClients: 0,
    sdkGrantClients: 0,
    faultyMs: 0,
    heartbeatMs: 100,
    electionMs: 1000,
    faults: {},
    snapshotCount: 10,
    snapshotCatchUpEntries: 10,
    applyPageEntriesMax: 10,
    appendBytesMax: 1000,
    inflightMessagesMax: 10,
  };
  return new Keys({ ...drawMix(plan, random), callsPerKey }, clients);
}

describe('registers', () => {
  it('are shared by no more clients than a checker can try the orders of, and every client has one', () => {
    const keys = keysFor(8, 1_000_000);
    const clientsOf = new Map<string, Set<number>>();
    for (let turn = 0; turn < 4000; turn += 1) {
      const key = keys.register(turn % 8, random);
      clientsOf.set(key, (clientsOf.get(key) ?? new Set()).add(turn % 8));
    }
    const all = [...clientsOf.values()];
    expect(Math.max(...all.map(({ size }) => size))).toBe(REGISTER_CLIENTS_MAX);
    expect(new Set(all.flatMap((clients) => [...clients])).size).toBe(8);
  });

  it('retire after so many calls that name them, in whatever place, and not for calls on a retired one', () => {
    const keys = keysFor(1, 20);
    const first = keys.register(0, random);
    const sameSlot = (): string | undefined => {
      for (let tries = 0; tries < 100; tries += 1) {
        const key = keys.register(0, random);
        if (key.startsWith(first.slice(0, first.indexOf('.') + 1))) return key;
      }
      return undefined;
    };
    for (let calls = 0; calls < 20; calls += 1) {
      expect(sameSlot()).toBe(first);
      const compare = { key: first, target: 'mod', is: 'equal', operand: 0 } as const;
      const put = { kind: 'put', key: first, value: `${calls}` } as const;
      keys.called(calls % 2 === 0 ? put : { kind: 'txn', compares: [compare], success: [put], failure: [] });
    }
    const second = sameSlot();
    expect(second).toMatch(/\.1$/);
    for (let calls = 0; calls < 20; calls += 1) keys.called({ kind: 'deleteRange', key: first });
    expect(sameSlot()).toBe(second);
  });
});
