/**
 * npm run bench -- unary [--seconds 5] [--rounds 3] [--only quorate|etcd] [--profile FOLDER]
 *
 * Prints figures and leaves with 0; leaves with 1 when a figure would not be valid. With --profile every Quorate
 * process leaves a .cpuprofile in FOLDER (its name holds the process id; the leader's is printed) for Chrome's DevTools.
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Program, requirePeer } from '../harness/etcd.js';
import { tableOf } from './report.js';
import { runUnary } from './unary.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});

if (positionals.join() !== 'unary') throw new Error('say what to measure: npm run bench -- unary');
const programs = chosenPrograms(values.only);
for (const program of programs) {
  if (!requirePeer(program)) throw new Error(`${program} is not there (Debian: etcd-server; Quorate: npm run build)`);
}
const profileFolder = values.profile === undefined ? undefined : resolve(values.profile);
if (profileFolder !== undefined) await mkdir(profileFolder, { recursive: true });

console.log(
  '3 members each, on loopback and one disk; 256-byte values; all calls to the leader; medians of all rounds',
);
const figures = await runUnary({
  programs,
  seconds: positive('seconds', values.seconds),
  rounds: positive('rounds', values.rounds),
  ...(profileFolder === undefined ? {} : { profileFolder }),
});
console.log(tableOf(figures));

function chosenPrograms(only: string | undefined): readonly Program[] {
  if (only === undefined) return ['etcd', 'quorate'];
  if (only === 'etcd' || only === 'quorate') return [only];
  throw new Error(`--only: ${only} is neither etcd nor quorate`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name}: ${text} is not a positive number`);
  return value;
}
