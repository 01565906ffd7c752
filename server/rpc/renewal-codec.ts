/**
 * Renewals on the wire, by hand: a client with many leases sends hundreds of them at once. What is written here is what
 * the generated code would write; a request that it would have written differently is left to the generated code.
 */
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '@quorate/proto/etcd/lease.js';
import { WireReader } from '../lib/wire-reader.js';
import { WireWriter } from '../lib/wire-writer.js';
import type { LeaseKeepAliveAnswer } from '../node/lease-member.js';
import type { Header } from '../node/member.js';
import { decodeMessage, encodeMessage } from './codec.js';
import { headerToWire } from './kv-answer.js';
import type { Message } from './message-bundle.js';

/** LeaseKeepAliveRequest.ID: field 1, a varint. */
const REQUEST_ID_TAG = 1 << 3;
/** LeaseKeepAliveResponse.ID and TTL: fields 2 and 3, varints. */
const ID_TAG = 2 << 3;
const TTL_TAG = 3 << 3;
/** The two of them, with their tags. */
const NUMBERS_BYTES_MAX = 22;

/** The lease that it names. Throws MalformedMessage. */
export function decodeRenewal(bytes: Buffer): bigint {
  const reader = new WireReader(bytes);
  if (reader.has(REQUEST_ID_TAG)) {
    const id = reader.varint64();
    if (reader.isAt(bytes.length)) return id;
  }
  return decodeMessage(LeaseKeepAliveRequest, bytes).ID;
}

/** The header of answers is nearly always the same: it is encoded once then, and a part of all of them. */
export class RenewalAnswers {
  readonly #writer = new WireWriter();
  #header: Header | undefined;
  #headerField: Buffer = Buffer.alloc(0);

  encode({ header, id, ttl }: LeaseKeepAliveAnswer): Message {
    const writer = this.#writer;
    writer.begin(NUMBERS_BYTES_MAX);
    if (id !== 0n) {
      writer.byte(ID_TAG);
      writer.varint64(id);
    }
    if (ttl !== 0n) {
      writer.byte(TTL_TAG);
      writer.varint64(ttl);
    }
    return [this.#fieldOf(header), writer.take()];
  }

  #fieldOf(header: Header): Buffer {
    const known = this.#header;
    if (known?.revision !== header.revision || known.raftTerm !== header.raftTerm) {
      // The ids in it are those of this member, always.
      this.#header = header;
      this.#headerField = encodeMessage(LeaseKeepAliveResponse, { header: headerToWire(header), ID: 0n, TTL: 0n });
    }
    return this.#headerField;
  }
}
