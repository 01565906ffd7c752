/** Which seeds make fake-worker.ts misbehave, and how. */
export const FAKE_SEEDS = { violates: 1001, throws: 1002, dies: 1003, standsStill: 1004, rejectsLater: 1005 } as const;
