/** Answers of the coordination service, from the member's words to the wire. */
import {
  GrantMode,
  type GrantAcquireResponse,
  type GrantAwaitResponse,
  type GrantDescribeResponse,
  type GrantEntry as WireEntry,
  type GrantQueue as WireQueue,
  type GrantWait,
} from '@quorate/proto/quorate/v1/coordination.js';
import { bytesFrom } from '../lib/bytes.js';
import type { AcquireAnswer, DescribeAnswer, GrantAnswer, QueueAnswer } from '../node/grant-member.js';
import type { GrantEntry } from '../state/grant/grant-entry.js';
import { headerToWire } from './kv-answer.js';

export function acquireToWire(answer: AcquireAnswer): GrantAcquireResponse {
  return { ...awaitToWire(answer), place: BigInt(answer.place) };
}

export function awaitToWire({ header, token, slots, change }: GrantAnswer): GrantAwaitResponse {
  return { header: headerToWire(header), token: BigInt(token), slots: [...slots], change: BigInt(change) };
}

export function describeToWire({ header, queues, more, timeMs }: DescribeAnswer): GrantDescribeResponse {
  return {
    header: headerToWire(header),
    queues: queues.map((queue) => queueToWire(queue, timeMs)),
    more,
    waits: queues.flatMap(waitsOf),
  };
}

export function queueToWire({ name, change, granted, waiting, waitingCount }: QueueAnswer, timeMs: number): WireQueue {
  return {
    name: bytesFrom(name),
    change: BigInt(change),
    granted: granted.map((entry) => entryToWire(entry, timeMs)),
    waiting: waiting.map((entry) => entryToWire(entry, timeMs)),
    waitingCount,
  };
}

/** Each that is told to wait, for each that is granted. */
function waitsOf({ name, granted, waiting }: QueueAnswer): readonly GrantWait[] {
  return waiting.flatMap((waiter) =>
    granted.map((holder) => ({
      name: bytesFrom(name),
      attempt: waiter.attempt,
      owner: waiter.owner,
      holder: holder.attempt,
      holderOwner: holder.owner,
    })),
  );
}

function entryToWire(entry: GrantEntry, timeMs: number): WireEntry {
  const { attempt, owner, lease, weight, capacity, priority } = entry;
  return {
    attempt,
    names: entry.names.map(bytesFrom),
    owner,
    lease,
    mode: entry.mode === 'exclusive' ? GrantMode.EXCLUSIVE : GrantMode.SHARED,
    weight,
    capacity,
    priority,
    metadata: bytesFrom(entry.metadata),
    value: bytesFrom(entry.value),
    place: BigInt(entry.place),
    token: BigInt(entry.token),
    slots: [...entry.slots],
    ageMs: BigInt(Math.max(0, timeMs - (entry.token > 0 ? entry.grantedMs : entry.cameMs))),
    isBar: entry.barsUntilMs > 0,
  };
}
