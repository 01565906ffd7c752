/**
 * The visible state of a store as two numbers that can be kept up to date: a sum over its keys, whatever their order. An
 * event takes the old version of its key out and puts the new one in.
 */
import type { GrantEntry } from '../../server/state/grant/grant-entry.js';
import type { GrantView } from '../../server/state/grant/grant-table.js';
import type { LeaseView } from '../../server/state/lease/lease-table.js';
import type { Event, KeyValue, SessionInfo } from '../../server/state/result.js';
import type { KeptReply } from '../../server/state/session/session.js';
import type { SessionView } from '../../server/state/session/session-table.js';
import type { StateMachine } from '../../server/state/state-machine.js';
import { getAll } from '../node/requests.js';

export class StateHash {
  #high = 0;
  #low = 0;

  static of(machine: StateMachine): StateHash {
    const hash = new StateHash();
    const opened = machine.openRange(getAll(), undefined, Number.MAX_SAFE_INTEGER);
    if (!opened.ok) throw new Error(`the current state cannot be read: ${opened.code}`);
    for (const kv of opened.cursor.result().kvs) hash.#add(kv, 1);
    return hash;
  }

  get value(): number {
    return (this.#high & 0x1fffff) * 0x1_0000_0000 + (this.#low >>> 0);
  }

  take(events: readonly Event[]): void {
    for (const { type, kv, prevKv } of events) {
      if (prevKv !== undefined) this.#add(prevKv, -1);
      if (type === 'put') this.#add(kv, 1);
    }
  }

  #add(kv: KeyValue, sign: 1 | -1): void {
    const known = parts.get(kv) ?? partsOf(kv);
    parts.set(kv, known);
    this.#high = (this.#high + sign * known.high) | 0;
    this.#low = (this.#low + sign * known.low) | 0;
  }
}

/** The leases of a state as one number, whatever their order. */
export function hashOfLeases(leases: LeaseView): number {
  let sum = 0;
  for (const { id, ttlMs, remainingMs } of leases.all()) {
    sum = (sum + hashText(0x811c9dc5, `${id}/${ttlMs}/${remainingMs}/${leases.keysOf(id).join('/')}`)) | 0;
  }
  return sum;
}

/** Sessions, their replies and their time as one number. What is told again must be told alike by every member. */
export function hashOfSessions(sessions: SessionView): number {
  let sum = hashText(0x811c9dc5, `${sessions.timeMs}/${sessions.lastId}`);
  for (const { info, replies } of sessions.all()) {
    sum = (sum + hashOfSession(info)) | 0;
    for (const [sequence, reply] of replies) {
      const known = replyHashes.get(reply) ?? hashOfReply(reply);
      replyHashes.set(reply, known);
      sum = (sum + Math.imul(known ^ sequence, 0x9e3779b1 ^ info.id)) | 0;
    }
  }
  return sum;
}

/** All names, who holds them and who waits, and the counters. */
export function hashOfGrants(grants: GrantView): number {
  const { lastPlace, lastToken, changes } = grants.clock;
  let sum = hashText(0x811c9dc5, `${lastPlace}/${lastToken}/${changes}`);
  if (grants.size === 0) return sum;
  for (const name of grants.names()) {
    const queue = grants.queue(name);
    let turn = hashText(0x811c9dc5, name);
    for (const entry of [...(queue?.granted ?? []), ...(queue?.waiting ?? [])]) {
      const known = entryHashes.get(entry) ?? hashText(0x811c9dc5, JSON.stringify(entry, canonical));
      entryHashes.set(entry, known);
      turn = Math.imul(turn ^ known, 0x01000193);
    }
    sum = (sum + turn) | 0;
  }
  return sum;
}

/** Entries never change: another one takes their place. */
const entryHashes = new WeakMap<GrantEntry, number>();

/** Looked at after every step. */
function hashOfSession({ id, clientName, ttlMs, settled, applied, contactMs }: SessionInfo): number {
  let hash = hashText(0x811c9dc5, clientName);
  for (const number of [id, ttlMs, settled, applied, contactMs])
    hash = Math.imul(hash ^ number, 0x01000193) ^ (hash >>> 15);
  return hash;
}

/** Replies never change, and are looked at after every step. */
const replyHashes = new WeakMap<KeptReply, number>();

function hashOfReply({ outcome, revision }: KeptReply): number {
  return hashText(revision, JSON.stringify(outcome, canonical));
}

/** Whoever made an object: the same text for the same content. */
function canonical(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Parts {
  readonly high: number;
  readonly low: number;
}

/** A version leaves the sum some time after it came. */
const parts = new WeakMap<KeyValue, Parts>();

function partsOf(kv: KeyValue): Parts {
  let low = hashText(0x811c9dc5, kv.key);
  low = hashText(Math.imul(low ^ kv.version, 0x9e3779b1), kv.value);
  low = Math.imul(low ^ kv.modRevision, 0x85ebca77);
  low = Math.imul(low ^ kv.createRevision ^ Number(kv.lease & 0xffffffffn), 0xc2b2ae3d);
  low ^= low >>> 15;
  const high = Math.imul(low ^ (low >>> 13), 0x27d4eb2f) ^ Math.imul(kv.modRevision + kv.version, 0x165667b1);
  return { high, low };
}

function hashText(start: number, text: string): number {
  let hash = Math.imul(start ^ text.length, 0x01000193);
  for (let place = 0; place < text.length; place += 1) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193);
  return hash;
}
