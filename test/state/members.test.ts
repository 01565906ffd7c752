import { describe, expect, it } from 'vitest';
import { MemberTable } from '../../server/state/members.js';
import type { MemberInfo } from '../../server/state/result.js';
import { StateMachine } from '../../server/state/state-machine.js';
import { MachineOnDisk } from './machine-on-disk.js';

const member = (id: bigint): MemberInfo => ({ id, name: '', peerUrls: [`http://peer-${id}`], clientUrls: [] });
const publish = (id: bigint, name: string) =>
  ({ kind: 'publishMember', id, name, clientUrls: [`http://${name}`] }) as const;

describe('members', () => {
  it('stand in the order of their ids, as unsigned 64-bit numbers', () => {
    const table = new MemberTable([member(0xffff_ffff_ffff_ffffn), member(10n), member(9n)]);
    expect(table.all().map(({ id }) => id)).toEqual([9n, 10n, 0xffff_ffff_ffff_ffffn]);
  });

  it('cannot share an id', () => {
    expect(() => new MemberTable([member(1n), member(1n)])).toThrow(/share an id/);
  });

  it('publish their name and client URLs, and keep their peer URLs', () => {
    const machine = StateMachine.create({ members: [member(1n), member(2n)] });
    const before = machine.members();
    const applied = machine.apply(publish(2n, 'two'));
    const published = { id: 2n, name: 'two', peerUrls: ['http://peer-2'], clientUrls: ['http://two'] };
    expect(applied).toEqual({
      outcome: { ok: true, result: { kind: 'publishMember' } },
      revision: 1,
      events: [],
      writes: [{ kind: 'member', member: published }],
    });
    expect(machine.members()).toEqual([member(1n), published]);
    expect(before).toEqual([member(1n), member(2n)]);
  });

  it('are refused when nobody knows them, and nothing changes', () => {
    const machine = StateMachine.create({ members: [member(1n)] });
    const applied = machine.apply(publish(7n, 'seven'));
    expect(applied.outcome).toMatchObject({ ok: false, code: 'MEMBER_NOT_FOUND' });
    expect(applied.writes).toEqual([]);
    expect(machine.members()).toEqual([member(1n)]);
  });

  it('survive a restart', () => {
    const real = new MachineOnDisk([member(2n), member(1n)]);
    real.apply(publish(1n, 'one'));
    const before = real.machine.members();
    real.restart();
    expect(real.machine.members()).toEqual(before);
  });
});
