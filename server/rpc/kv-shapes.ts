/** Where requests of the KV service hold messages inside messages, by field number: see etcd/kv.proto. */
import { FLAT, type MessageShape } from './wire-check.js';

interface RecursiveShape extends MessageShape {
  [field: number]: MessageShape;
}

const requestOp: RecursiveShape = { 1: FLAT, 2: FLAT, 3: FLAT };

export const txnRequestShape: MessageShape = { 1: FLAT, 2: requestOp, 3: requestOp };

requestOp[4] = txnRequestShape;
