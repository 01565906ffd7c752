/**
 * Which program the suites hurt: Quorate, or with QUORATE_TARGET=etcd the real etcd, which must come out clean too. A
 * suite that finds a fault in etcd is first of all a suspect suite.
 */
import { requirePeer, targetProgram } from '../harness/etcd.js';

export const subject = targetProgram;

/** For `describe.runIf`; throws in CI when something is missing. */
export function hasSubject(): boolean {
  return requirePeer(subject);
}

/** All draws of a run follow from it; set QUORATE_SEED to repeat them. */
export const seed = Number(process.env['QUORATE_SEED'] ?? Date.now() % 1_000_000);
