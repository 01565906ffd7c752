/** Grants as records: our plain types to bytes and back. As in codec.ts. The wish is the same in the log. */
import type * as log from '@quorate/proto/quorate/internal/command.js';
import * as wire from '@quorate/proto/quorate/internal/storage.js';
import { bytesFrom, byteStringFrom } from '../lib/bytes.js';
import { safeInteger } from '../lib/integers.js';
import type { GrantEntry, GrantMode, GrantWish } from '../state/grant/grant-entry.js';
import type { GrantClock } from '../state/result.js';
import { wordAt } from './query-codec.js';

export function encodeGrantClock({ lastPlace, lastToken, changes }: GrantClock): Uint8Array {
  const message = { lastPlace: BigInt(lastPlace), lastToken: BigInt(lastToken), changes: BigInt(changes) };
  return wire.StoredGrantClock.encode(message).finish();
}

export function decodeGrantClock(payload: Buffer): GrantClock {
  const { lastPlace, lastToken, changes } = wire.StoredGrantClock.decode(payload);
  return { lastPlace: safeInteger(lastPlace), lastToken: safeInteger(lastToken), changes: safeInteger(changes) };
}

export function encodeGrant(entry: GrantEntry): Uint8Array {
  const { place, isFirst, cameMs, grantedMs, token, slots, barsUntilMs } = entry;
  const message: wire.StoredGrant = {
    wish: wishToWire(entry),
    place: BigInt(place),
    isFirst,
    cameMs: BigInt(cameMs),
    grantedMs: BigInt(grantedMs),
    token: BigInt(token),
    slots: [...slots],
    barsUntilMs: BigInt(barsUntilMs),
  };
  return wire.StoredGrant.encode(message).finish();
}

export function decodeGrant(payload: Buffer): GrantEntry {
  const { wish, place, isFirst, cameMs, grantedMs, token, slots, barsUntilMs } = wire.StoredGrant.decode(payload);
  return {
    ...wishFromWire(wish),
    place: safeInteger(place),
    isFirst,
    cameMs: safeInteger(cameMs),
    grantedMs: safeInteger(grantedMs),
    token: safeInteger(token),
    slots,
    barsUntilMs: safeInteger(barsUntilMs),
  };
}

/** Where each word stands is its number on the wire. */
const GRANT_MODES: readonly GrantMode[] = ['exclusive', 'shared'];

export function wishToWire(wish: GrantWish): log.GrantWish {
  const { attempt, owner, lease, weight, capacity, priority, lockDelayMs } = wish;
  return {
    attempt,
    names: wish.names.map(bytesFrom),
    owner,
    lease,
    mode: GRANT_MODES.indexOf(wish.mode) as log.GrantMode,
    weight,
    capacity,
    priority,
    lockDelayMs,
    metadata: bytesFrom(wish.metadata),
    value: bytesFrom(wish.value),
  };
}

export function wishFromWire(wish: log.GrantWish | undefined): GrantWish {
  if (wish === undefined) throw new RangeError('a grant without a wish');
  const { attempt, owner, lease, weight, capacity, priority, lockDelayMs } = wish;
  return {
    attempt,
    names: wish.names.map(byteStringFrom),
    owner,
    lease,
    mode: wordAt(GRANT_MODES, wish.mode),
    weight,
    capacity,
    priority,
    lockDelayMs,
    metadata: byteStringFrom(wish.metadata),
    value: byteStringFrom(wish.value),
  };
}
