/**
 * Which program the suites hurt: Quorate, or with QUORATE_E2E_PROGRAM=etcd the real etcd, which must come out clean
 * too. A suite that finds a fault in etcd is first of all a suspect suite.
 */
import { type Program, requirePeer } from '../harness/etcd.js';

const chosen = process.env['QUORATE_E2E_PROGRAM'] ?? 'quorate';
if (chosen !== 'quorate' && chosen !== 'etcd') throw new Error(`QUORATE_E2E_PROGRAM: ${chosen} is no program`);

export const subject: Program = chosen;

/** For `describe.runIf`; throws in CI when something is missing. */
export function hasSubject(): boolean {
  return requirePeer(subject);
}

/** All draws of a run follow from it; set QUORATE_E2E_SEED to repeat them. */
export const seed = Number(process.env['QUORATE_E2E_SEED'] ?? Date.now() % 1_000_000);
