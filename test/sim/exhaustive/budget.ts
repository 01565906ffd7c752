/** What a run has used up of its bounds, packed into one number. */

/** What using one of each adds. */
export const USED = { campaign: 1, proposal: 1 << 4, change: 1 << 8, duplicate: 1 << 12 } as const;
const COUNT_MASK = 0b1111;
/** One bit for each member from here on: no member crashes twice. */
const CRASHES_AT = 16;

export function countOf(used: number, what: keyof typeof USED): number {
  return Math.floor(used / USED[what]) & COUNT_MASK;
}

export function crashOf(place: number): number {
  return 1 << (CRASHES_AT + place);
}

export function hasCrashed(used: number, place: number): boolean {
  return (used & crashOf(place)) !== 0;
}

export function crashesOf(used: number): number {
  let crashes = 0;
  for (let bits = used >>> CRASHES_AT; bits !== 0; bits &= bits - 1) crashes += 1;
  return crashes;
}
