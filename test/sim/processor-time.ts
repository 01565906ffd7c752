/** How long another process has had a processor: on a busy machine that is what tells a slow run from one that hangs. */
import { readFileSync } from 'node:fs';

/** Of Linux, to programs, whatever the kernel itself counts in. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/PID/stat, counted from the one after the name, which may hold spaces. */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** Milliseconds; undefined where the system does not tell, and for a process that is gone. */
export function processorMs(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS]);
  return Number.isFinite(ticks) ? (ticks * 1000) / TICKS_PER_SECOND : undefined;
}
