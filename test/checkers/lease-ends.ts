/** The ends of leases as events of a history on keys: nobody asked for them, and they are known from the log. */
import type { LeaseLife } from './lease-life.js';
import type { Operation } from './operation.js';

/** The client of what the store does by itself. */
export const logClient = -2;

/** In the order of the log. An end that took no keys is nothing to a history on keys. */
export function endsFrom(lives: readonly LeaseLife[]): readonly Operation[] {
  const ends = lives.flatMap(({ id, ended }) =>
    ended === undefined || ended.keys.length === 0 ? [] : [{ id, ended }],
  );
  return ends
    .sort((a, b) => a.ended.revision - b.ended.revision)
    .map(({ id, ended: { revision, keys, atMs } }) => ({
      client: logClient,
      member: 'the log',
      call: { kind: 'leaseEnd', lease: id },
      outcome: { kind: 'ok', revision, answer: { kind: 'leaseEnd', keys } },
      // A moment: nobody can have seen it before, and whoever asks later must.
      startMs: atMs,
      endMs: atMs,
    }));
}
