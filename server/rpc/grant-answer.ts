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
    ...waitsIn(queues),
  };
}

const WAITS_MAX = 10_000;

/** Each that is told to wait, for each that is told to hold. */
function waitsIn(queues: readonly QueueAnswer[]): Pick<GrantDescribeResponse, 'waits' | 'moreWaits'> {
  const waits: GrantWait[] = [];
  for (const { name, granted, waiting } of queues) {
    for (const { attempt, owner } of waiting) {
      for (const holder of granted) {
        if (waits.length === WAITS_MAX) return { waits, moreWaits: true };
        waits.push({
          name: bytesFrom(name),
          attempt,
          owner,
          holder: holder.attempt,
          holderOwner: holder.owner,
        });
      }
    }
  }
  return { waits, moreWaits: false };
}

export function queueToWire({ name, change, granted, waiting, ...counts }: QueueAnswer, timeMs: number): WireQueue {
  return {
    name: bytesFrom(name),
    change: BigInt(change),
    granted: granted.map((entry) => entryToWire(entry, timeMs)),
    waiting: waiting.map((entry) => entryToWire(entry, timeMs)),
    waitingCount: counts.waitingCount,
    grantedCount: counts.grantedCount,
  };
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
