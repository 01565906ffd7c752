/**
 * The mark of an order fence: an ordinary key whose value is the highest token that was ever here, in decimal. So it can
 * be read, watched and deleted as any other key.
 */
import type { FenceOp, PutCommand } from '../command.js';
import type { Store } from '../mvcc/store.js';
import { type Refusal, refuse } from '../refusal.js';

const MARK = /^[1-9]\d{0,15}$/;

export function validateFence(store: Store, { key, token }: FenceOp): Refusal | undefined {
  const mark = store.live(key)?.value;
  if (mark === undefined) return undefined;
  if (!MARK.test(mark)) return refuse('FENCED', 'the key of the fence holds something else than a token');
  return Number(mark) <= token ? undefined : refuse('FENCED', `token ${token} came after ${mark}`);
}

/** Undefined: the mark is there already. */
export function raiseFence(store: Store, { key, token }: FenceOp): PutCommand | undefined {
  if (store.live(key)?.value === String(token)) return undefined;
  const value = String(token);
  return { kind: 'put', key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}
