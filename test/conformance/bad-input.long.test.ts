/**
 * What a client must not send. Every row of the table is answered with its refusal, by Quorate and by etcd where etcd
 * survives it; afterwards the hash and the revision are as before and the member still serves.
 */
import { HashKVRequest, HashKVResponse } from '@quorate/proto/etcd/maintenance.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Program, requirePeer, targetProgram, useMembers } from '../harness/etcd.js';
import { type RawAnswer, RawClient } from '../harness/raw-client.js';
import { type BadRequest, badRequests, type Outcome } from './bad-requests.js';
import { sendCall } from './call.js';
import { hostileConnections } from './hostile-connections.js';
import { plainRange } from './range-generator.js';
import { plainPut } from './txn-generator.js';

const timeoutMs = 60_000;
const key = Buffer.from('kept');

function outcomeOn(program: Program, row: BadRequest): Outcome | 'its process ends' {
  return program === 'etcd' ? (row.onEtcd?.outcome ?? row.outcome) : row.outcome;
}

function expectOutcome(answer: RawAnswer, outcome: Outcome): void {
  if (outcome.kind === 'served') expect(answer).toMatchObject({ ok: true });
  else if (typeof outcome.text === 'string')
    expect(answer).toEqual({ ok: false, code: outcome.code, text: outcome.text });
  else expect(answer).toMatchObject({ ok: false, code: outcome.code, text: expect.stringMatching(outcome.text) });
}

describe.each([...new Set<Program>(['etcd', targetProgram])])('bad input: %s', (program) => {
  const rows = badRequests.filter((row) => outcomeOn(program, row) !== 'its process ends');

  describe.skipIf(!requirePeer(program))('one member', () => {
    const cluster = useMembers(program, 1);
    let client: RawClient;

    beforeAll(async () => {
      client = new RawClient(cluster().endpoints[0] ?? '');
      for (const value of ['1', '2', '3'])
        await sendCall(client, { kind: 'put', request: plainPut(key, Buffer.from(value)) });
      await sendCall(client, { kind: 'compact', request: { revision: 2n, physical: true } });
    });
    afterAll(() => client.close());

    it.each(rows)('$title', { timeout: timeoutMs }, async (row) => {
      const before = await state(client);
      const outcome = outcomeOn(program, row);
      if (outcome === 'its process ends') throw new Error('such rows are not sent');
      expectOutcome(await client.call(row.method, row.bytes()), outcome);
      expect(await state(client)).toEqual(before);
    });

    it.each(hostileConnections)('connection: $title', { timeout: timeoutMs }, async ({ attack }) => {
      const before = await state(client);
      const outcome = await attack(cluster().endpoints[0] ?? '');
      expect(outcome).not.toBe('served');
      expect(await state(client)).toEqual(before);
      expect(cluster().members[0]?.process.exit()).toBeUndefined();
    });
  });
});

/** What a refused request must leave as it is; asking proves that the member serves, from a fresh linearizable read. */
async function state(client: RawClient): Promise<object> {
  const range = await sendCall(client, { kind: 'range', request: plainRange(key) });
  const hash = await client.call('/etcdserverpb.Maintenance/HashKV', HashKVRequest.encode({ revision: 0n }).finish());
  if (!range.ok || range.response.kind !== 'range' || !hash.ok) throw new Error(`no service: ${String(hash.ok)}`);
  const { kvs, header } = range.response.message;
  const { hash: sum, compactRevision } = HashKVResponse.decode(hash.bytes);
  return {
    value: kvs[0]?.value.toString(),
    version: kvs[0]?.version,
    revision: header?.revision,
    sum,
    compactRevision,
  };
}
