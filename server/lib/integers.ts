/** Between the 64 bits of the wire and the safe integers inside. */

/** Exact, or a RangeError: for numbers that only members write, where anything larger is corruption. */
export function safeInteger(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is no safe integer`);
  return number;
}

/** The nearest safe integer: for numbers from clients, where anything larger means "beyond everything there is". */
export function clampedInteger(value: bigint): number {
  const number = Number(value);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  return number < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : number;
}
