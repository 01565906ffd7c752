/**
 * npm run bench -- unary [--seconds 5] [--rounds 3] [--only quorate|etcd] [--operation put|get]
 *                        [--in-flight 1|64|1024] [--profile FOLDER]
 * npm run bench -- watch [--rounds 3] [--only quorate|etcd] [--profile FOLDER]
 * npm run bench -- lease [--seconds 5] [--rounds 3] [--only quorate|etcd] [--profile FOLDER]
 * npm run bench -- sdk [--seconds 0.7] [--rounds 11] [--only quorate|etcd] [--operation put|get]
 *                      [--in-flight 1|64|512] [--profile FOLDER]
 * npm run bench -- lock [--seconds 1] [--rounds 7] [--only quorate|etcd]
 *
 * Prints figures and leaves with 0; leaves with 1 when a figure would not be valid. With --profile every Quorate
 * process leaves a .cpuprofile for DevTools in FOLDER; its name holds the process id, and that of the leader is printed.
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Program, requirePeer } from '../harness/etcd.js';
import type { Operation } from './contender.js';
import { runLeases } from './lease.js';
import { runLocks } from './lock.js';
import { lockReportOf } from './lock-report.js';
import { leaseTableOf, tableOf, watchTablesOf } from './report.js';
import { runSdk, type SdkFigure } from './sdk.js';
import { sdkReportOf } from './sdk-report.js';
import { runUnary } from './unary.js';
import { measureAudience, runWatch } from './watch.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    operation: { type: 'string' },
    'in-flight': { type: 'string' },
    profile: { type: 'string' },
  },
});

const [what] = chosen('what', positionals.join(), ['unary', 'watch', 'lease', 'sdk', 'lock']);
const programs: readonly Program[] = chosen('only', values.only, ['etcd', 'quorate']);
const operations: readonly Operation[] = chosen('operation', values.operation, ['put', 'get']);
const inFlights = chosen('in-flight', values['in-flight'], ['1', '64', what === 'sdk' ? '512' : '1024']).map(Number);
for (const program of programs) {
  if (!requirePeer(program)) throw new Error(`${program} is not there (Debian: etcd-server; Quorate: npm run build)`);
}
const profileFolder = values.profile === undefined ? undefined : resolve(values.profile);
if (profileFolder !== undefined) await mkdir(profileFolder, { recursive: true });
const nodeArgs = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
const rounds = positive('rounds', values.rounds ?? (what === 'sdk' ? '11' : what === 'lock' ? '7' : '3'));
const seconds = positive('seconds', values.seconds ?? (what === 'sdk' ? '0.7' : what === 'lock' ? '1' : '5'));
if (what === 'watch') await watch();
else if (what === 'lease') await lease();
else if (what === 'sdk') await sdk();
else if (what === 'lock') await lock();
else await unary();

async function watch(): Promise<void> {
  console.log(
    '3 members each; one writer, 1,000 watchers of its key over 50 streams, all at the leader; 256-byte values; medians',
  );
  console.log(`the reader alone takes ${(await measureAudience()).toFixed(0)} events/s, each in a message of its own`);
  console.log(watchTablesOf(await runWatch({ programs, rounds, nodeArgs })));
}

async function lease(): Promise<void> {
  console.log(
    '3 members each; 100,000 leases, renewed on one stream at the leader; then twice 4,000 that nobody renews; medians',
  );
  console.log(leaseTableOf(await runLeases({ programs, seconds, rounds, nodeArgs })));
}

async function unary(): Promise<void> {
  console.log(
    '3 members each, on loopback and one disk; 256-byte values; all calls to the leader; medians of all rounds',
  );
  console.log(tableOf(await runUnary({ programs, operations, inFlights, seconds, rounds, nodeArgs })));
}

async function sdk(): Promise<void> {
  console.log(
    '3 members each; @quorate/client and the etcd3 package from npm, one process, at the leader; 256-byte values; medians',
  );
  const onMeasured = (figures: readonly SdkFigure[]): void => console.error(sdkReportOf(figures));
  console.log(sdkReportOf(await runSdk({ programs, operations, inFlights, seconds, rounds, nodeArgs, onMeasured })));
}

async function lock(): Promise<void> {
  console.log('3 members each; @quorate/client and the etcd3 package from npm, one process, at the leader; medians');
  console.log(lockReportOf(await runLocks({ programs, seconds, rounds, nodeArgs })));
}

/** All of `known`, or the one that was named. */
function chosen<T extends string>(flag: string, named: string | undefined, known: readonly T[]): readonly T[] {
  const found = named === undefined ? known : known.filter((each) => each === named);
  if (found.length === 0) throw new Error(`--${flag}: ${named} is none of ${known.join(', ')}`);
  return found;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name}: ${text} is not a positive number`);
  return value;
}
