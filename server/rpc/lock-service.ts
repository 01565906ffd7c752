/** v3lockpb.Lock: converts, and passes on to the waiting line. */
import { LockDefinition } from '@quorate/proto/etcd/lock.js';
import { bytesFrom, byteStringFrom } from '../lib/bytes.js';
import type { Member } from '../node/member.js';
import { type LineParts, placeBytes, WaitingLine } from '../node/waiting-line.js';
import { headerToWire } from './kv-answer.js';
import { assertFits, type KvLimits } from './kv-service.js';
import { deleteRangeFrom } from './kv-request.js';
import { type OwnLeases, withLease } from './own-lease.js';
import { untyped } from './untyped-refusal.js';
import type { UnaryCalls } from './unary-calls.js';

export interface LockPorts extends LineParts {
  readonly kv: Pick<Member, 'txn' | 'deleteRange'>;
  readonly leases: OwnLeases;
}

export function serveLocks(calls: UnaryCalls, ports: LockPorts, limits: KvLimits): void {
  const { lock, unlock } = LockDefinition.methods;

  calls.serve(
    LockDefinition,
    lock,
    untyped(async ({ name, lease }, context) => {
      assertFits({ requestBytes: placeBytes(name.length, 0) }, limits);
      const line = new WaitingLine(ports, byteStringFrom(name));
      const { key, turnHeader } = await context.waiting((signal) =>
        withLease(ports.leases, lease, (id) => line.enter(id, undefined, signal)),
      );
      return { header: headerToWire(turnHeader), key: bytesFrom(key) };
    }),
  );

  calls.serve(
    LockDefinition,
    unlock,
    untyped(async ({ key }, context) => {
      assertFits(context, limits);
      const command = deleteRangeFrom({ key, rangeEnd: Buffer.alloc(0), prevKv: false });
      const { header } = await ports.kv.deleteRange(command, context.options);
      return { header: headerToWire(header) };
    }),
  );
}
