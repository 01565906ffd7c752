/** Numbers and names that must not be mixed up: each has a type of its own. */

declare const revisionBrand: unique symbol;
declare const leaseIdBrand: unique symbol;

/** A point in the history of the store. Rises by one with every change. */
export type Revision = number & { readonly [revisionBrand]: true };

/** Names a lease: 16 hexadecimal digits, as etcdctl prints them. */
export type LeaseId = string & { readonly [leaseIdBrand]: true };

/** For a revision that was stored somewhere. Throws a RangeError for what cannot be one. */
export function revision(value: number): Revision {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no revision`);
  return value as Revision;
}

/** For a lease id that was stored somewhere. Throws a RangeError for what cannot be one. */
export function leaseId(value: string): LeaseId {
  if (!/^[0-9a-f]{16}$/.test(value)) throw new RangeError(`${JSON.stringify(value)} is no lease id`);
  return value as LeaseId;
}

export function leaseIdFrom(id: bigint): LeaseId {
  return BigInt.asUintN(64, id).toString(16).padStart(16, '0') as LeaseId;
}

/** As the wire has it: signed. */
export function leaseIdNumber(id: LeaseId): bigint {
  return BigInt.asIntN(64, BigInt(`0x${id}`));
}
