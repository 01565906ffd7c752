/** Appends that are not in the list although it was read after they were sure to be there. */
import type { Claim } from './append-cycles-claims.js';
import { describeRecord } from './append-cycles-describe.js';
import type { Findings } from './append-cycles-findings.js';
import type { KeyOrder } from './append-cycles-orders.js';
import type { Seen } from './append-cycles-seen.js';
import type { AppendRecord } from './append-op.js';

/** The orders without the appends that are told of here: those are not just late. */
export function withoutMissing(
  orders: readonly KeyOrder[],
  { appended }: Seen,
  findings: Findings,
): readonly KeyOrder[] {
  const sightings = firstSightings(orders, appended);
  return orders.map((order) => {
    const { key, claims, unseen } = order;
    const last = claims.reduce<Claim | undefined>(latest, undefined);
    if (unseen.length === 0 || last === undefined) return order;
    const { startMs } = last.record;
    const late = unseen.filter(({ element, record }) => {
      const sighting = sightings.get(record);
      const isLost = record.outcome === 'ok' && record.endMs < startMs;
      // A record that began after it was seen is wrong in another way.
      const isPartial = sighting !== undefined && sighting.record.endMs < startMs && last.record !== record;
      if (!isLost && !isPartial) return true;
      findings.add(`missing ${element}`, () => {
        const without = `${element} is not in ${key} as read later by ${describeRecord(last.record)}`;
        if (isLost) return `lost append: ${describeRecord(record)}: ${without}`;
        const half = `although ${sighting?.key} shows that it happened to ${describeRecord(sighting?.record ?? record)}`;
        return `partial write: ${describeRecord(record)}: ${without}, ${half}`;
      });
      return false;
    });
    return { ...order, unseen: late };
  });
}

/** Of every record, the answer that was the first to show one of its elements. */
function firstSightings(orders: readonly KeyOrder[], appended: Seen['appended']): ReadonlyMap<AppendRecord, Claim> {
  const sightings = new Map<AppendRecord, Claim>();
  for (const { elements, claims } of orders) {
    const byLength = new Map<number, Claim>();
    for (const claim of claims) {
      if (claim.record.outcome !== 'ok') continue;
      byLength.set(claim.baseLength, earliest(byLength.get(claim.baseLength), claim));
    }
    let first: Claim | undefined;
    for (let length = elements.length; length > 0; length -= 1) {
      const claim = byLength.get(length);
      if (claim !== undefined) first = earliest(first, claim);
      const source = appended.get(elements[length - 1] ?? '');
      if (first === undefined || source === undefined) continue;
      sightings.set(source.record, earliest(sightings.get(source.record), first));
    }
  }
  return sightings;
}

function earliest(a: Claim | undefined, b: Claim): Claim {
  return a === undefined || b.record.endMs < a.record.endMs ? b : a;
}

function latest(a: Claim | undefined, b: Claim): Claim {
  return a === undefined || b.record.startMs > a.record.startMs ? b : a;
}
