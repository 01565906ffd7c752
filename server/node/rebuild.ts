/** Brings the state in memory back from the disk, in slices: reading each one leaves the loop free for the others. */
import { StateRebuild } from '../state/state-rebuild.js';
import type { StateMachine } from '../state/state-machine.js';
import type { MemberStore } from '../storage/member-store.js';
import { LIMITS } from './limits.js';

export async function rebuildState(store: MemberStore): Promise<StateMachine> {
  const records = await store.openState();
  try {
    const { applied, compactedRevision, members } = records;
    const rebuild = new StateRebuild({ revision: applied.revision, compactedRevision, members });
    for (;;) {
      const slice = await records.nextRevisions(LIMITS.rebuildSliceRecords);
      if (slice.length === 0) break;
      rebuild.add(slice);
    }
    for (;;) {
      const slice = await records.nextLeases(LIMITS.rebuildSliceRecords);
      if (slice.length === 0) break;
      rebuild.addLeases(slice);
    }
    for (;;) {
      const slice = await records.nextSessions(LIMITS.rebuildSliceRecords);
      if (slice.length === 0) break;
      rebuild.addSessions(slice);
    }
    for (;;) {
      const slice = await records.nextGrants(LIMITS.rebuildSliceRecords);
      if (slice.length === 0) return rebuild.finish();
      rebuild.addGrants(slice);
    }
  } finally {
    await records.close();
  }
}
