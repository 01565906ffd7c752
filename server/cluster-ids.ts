/**
 * Member and cluster ids, computed from what every member of a new cluster is configured with, so that all agree
 * without talking to each other. 0 means "none" everywhere, so it is never an id.
 */
import { createHash } from 'node:crypto';
import { compareBigints } from './lib/bytes.js';

/** The first 8 bytes, big-endian, of SHA-256 over the sorted URLs and the token, one a line. */
export function memberIdOf(peerUrls: readonly string[], token: string): bigint {
  return idOf(Buffer.from([...[...peerUrls].sort(), token].join('\n'), 'utf8'));
}

/** The first 8 bytes, big-endian, of SHA-256 over the member ids in ascending order, 8 bytes each. */
export function clusterIdOf(memberIds: readonly bigint[]): bigint {
  const bytes = Buffer.alloc(8 * memberIds.length);
  [...memberIds].sort(compareBigints).forEach((id, position) => bytes.writeBigUInt64BE(id, 8 * position));
  return idOf(bytes);
}

function idOf(bytes: Buffer): bigint {
  const id = createHash('sha256').update(bytes).digest().readBigUInt64BE(0);
  if (id === 0n) throw new RangeError('the id computed from these peer URLs is 0; choose another cluster token');
  return id;
}
