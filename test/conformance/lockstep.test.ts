import { PutResponse, RangeResponse } from '@quorate/proto/etcd/kv.js';
import { describe, expect, it } from 'vitest';
import type { RawAnswer } from '../harness/raw-client.js';
import type { Caller } from './call.js';
import { Lockstep } from './lockstep.js';
import { plainRange } from './range-generator.js';
import { plainPut } from './txn-generator.js';

const header = { clusterId: 1n, memberId: 1n, revision: 2n, raftTerm: 1n };
const putAnswer: RawAnswer = {
  ok: true,
  bytes: Buffer.from(PutResponse.encode({ header, prevKv: undefined }).finish()),
};
const put = { kind: 'put', request: plainPut(Buffer.from('a\xff', 'latin1'), Buffer.from('v')) } as const;
const read = { kind: 'range', request: plainRange(Buffer.from('a')) } as const;

function rangeAnswer(value: string): RawAnswer {
  const kv = {
    key: Buffer.from('a'),
    value: Buffer.from(value),
    createRevision: 2n,
    modRevision: 2n,
    version: 1n,
    lease: 0n,
  };
  return { ok: true, bytes: Buffer.from(RangeResponse.encode({ header, kvs: [kv], more: false, count: 1n }).finish()) };
}

/** A member that gives the listed answers, whatever it is asked. */
function scripted(...answers: readonly RawAnswer[]): Caller {
  const left = [...answers];
  return { call: async () => left.shift() ?? { ok: false, code: 2, text: 'the script has ended' } };
}

describe('Lockstep', () => {
  it('counts what was answered alike and follows the revision', async () => {
    const lockstep = new Lockstep(scripted(putAnswer, rangeAnswer('v')), scripted(putAnswer, rangeAnswer('v')));
    await lockstep.send(put);
    await lockstep.send(read);
    expect(lockstep.sent).toBe(2);
    expect(lockstep.history).toEqual({ revision: 2, compacted: -1 });
    expect([...lockstep.tally]).toEqual([
      ['put', 1],
      ['range of some keys', 1],
    ]);
  });

  it('stops at a planted difference and shows the call, both answers and the calls before', async () => {
    const lockstep = new Lockstep(scripted(putAnswer, rangeAnswer('v')), scripted(putAnswer, rangeAnswer('V')));
    await lockstep.send(put);
    const error: unknown = await lockstep.send(read).catch((caught: unknown) => caught);
    const report = error instanceof Error ? error.message : '';
    expect(report).toContain('call 2 differs (revision 2, compacted -1)');
    expect(report).toContain('call:     range {key: "a"}');
    expect(report).toMatch(/expected: .*value: "v"/);
    expect(report).toMatch(/actual: {3}.*value: "V"/);
    expect(report).toContain('put {key: "a\\xff", value: "v"}');
  });

  it('takes an error on one side for a difference', async () => {
    const refused = { ok: false, code: 3, text: 'etcdserver: key is not provided' } as const;
    await expect(new Lockstep(scripted(putAnswer), scripted(refused)).send(put)).rejects.toThrow('call 1 differs');
    await expect(new Lockstep(scripted(refused), scripted({ ...refused, code: 2 })).send(put)).rejects.toThrow(
      'differs',
    );
    await expect(new Lockstep(scripted(refused), scripted(refused)).send(put)).resolves.toBeUndefined();
  });
});
