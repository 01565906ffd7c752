/**
 * Has V8 optimise what runs often sooner. A member is woken for every message and does little each time, so with V8's own
 * patience its code stays in the interpreter for minutes: tens of thousands of writes after a start, or after it became
 * the leader, each costs up to half as much again.
 */
import { setFlagsFromString } from 'node:v8';

/** By major release of Node.js: up to 20 V8 counts bytes of bytecode (default 67,584), from 22 on calls (3,000). */
const FLAGS: Readonly<Record<string, string>> = {
  20: '--interrupt-budget=4000',
  22: '--invocation-count-for-turbofan=200',
  24: '--invocation-count-for-turbofan=200',
  26: '--invocation-count-for-turbofan=200',
};

/** For the whole process; nothing on releases that are not listed. */
export function optimizeEarly(release = process.versions.node): void {
  const flag = FLAGS[release.split('.')[0] ?? ''];
  // V8 writes of a flag that it does not know to stderr, and goes on.
  if (flag !== undefined) setFlagsFromString(flag);
}
