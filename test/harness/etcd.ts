/**
 * Members of a cluster as real processes on loopback: Quorate's or, with the very same flags, real etcd's. Owns the
 * folders and logs of what it started and nothing else; what is sent to the members is the suites' business.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { freePort } from './ports.js';
import { type RunningProcess, startProcess } from './process.js';
import { RawClient } from './raw-client.js';

export type Program = 'etcd' | 'quorate';

/** What the conformance suites test. QUORATE_TARGET=etcd runs them against etcd itself: a control of the suites. */
export const targetProgram: Program = process.env['QUORATE_TARGET'] === 'etcd' ? 'etcd' : 'quorate';

const quorateMain = resolve(import.meta.dirname, '../../server/dist/main.js');
const servingTimeoutMs = 60_000;
const retryPauseMs = 20;
const startTimeoutMs = servingTimeoutMs + 30_000;

/** Range of the key "health": the smallest request that only a member with a leader answers. */
const healthRange = Buffer.from('\x0a\x06health', 'latin1');

/** What a suite needs besides Node: a peer project's program, or Quorate itself, built. */
export type Needed = Program | 'etcdctl';

/**
 * Whether everything named is there. Under QUORATE_CI=1 a missing one throws, so that no suite is skipped unseen;
 * elsewhere use it as `describe.skipIf(!requirePeer('etcd'))('the suite', ...)`.
 */
export function requirePeer(...names: readonly Needed[]): boolean {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length > 0 && process.env['QUORATE_CI'] === '1') {
    throw new Error(`missing in CI: ${missing.join(', ')} (Debian: etcd-server, etcd-client; Quorate: npm run build)`);
  }
  return missing.length === 0;
}

function isInstalled(name: Needed): boolean {
  if (name === 'quorate') return existsSync(quorateMain);
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => isExecutable(join(folder, name)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface MemberSpec {
  readonly name: string;
  readonly dataDir: string;
  readonly logFile: string;
  /** host:port, as clients write it. */
  readonly endpoint: string;
  /** Where clients are told to find it: the same, unless something stands in between. */
  readonly advertised: string;
  readonly peerListenUrl: string;
  /** Where the other members are told to find it: the same, unless something stands in between. */
  readonly peerUrl: string;
  /** name=peerUrl,... of the founding members. */
  readonly initialCluster: string;
}

/** Puts something before each member: given where that listens, as host:port, says where others are told to find it. */
export interface Detours {
  readonly forClients?: (endpoint: string) => Promise<string>;
  readonly forPeers?: (endpoint: string) => Promise<string>;
}

const straight = async (endpoint: string): Promise<string> => endpoint;

/** Names, ports and folders for `count` founding members under `root`; starts nothing but the detours. */
export async function planMembers(
  count: number,
  root: string,
  { forClients = straight, forPeers = straight }: Detours = {},
): Promise<readonly MemberSpec[]> {
  const named = [];
  for (let number = 1; number <= count; number += 1) {
    const peerEndpoint = `127.0.0.1:${await freePort()}`;
    const endpoint = `127.0.0.1:${await freePort()}`;
    named.push({
      name: `m${number}`,
      peerListenUrl: `http://${peerEndpoint}`,
      peerUrl: `http://${await forPeers(peerEndpoint)}`,
      endpoint,
      advertised: await forClients(endpoint),
    });
  }
  const initialCluster = named.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  return named.map((member) => ({
    ...member,
    initialCluster,
    dataDir: join(root, member.name),
    logFile: join(root, `${member.name}.log`),
  }));
}

/** The flags that etcd and Quorate share. */
export function memberArguments(spec: MemberSpec): readonly string[] {
  return Object.entries({
    name: spec.name,
    'data-dir': spec.dataDir,
    'listen-client-urls': `http://${spec.endpoint}`,
    'advertise-client-urls': `http://${spec.advertised}`,
    'listen-peer-urls': spec.peerListenUrl,
    'initial-advertise-peer-urls': spec.peerUrl,
    'initial-cluster': spec.initialCluster,
    'initial-cluster-state': 'new',
    'heartbeat-interval': '100',
    'election-timeout': '1000',
  }).flatMap(([flag, value]) => [`--${flag}`, value]);
}

/** Starts the process; it may not serve yet. Also restarts a member on its data. */
export function startMember(
  program: Program,
  spec: MemberSpec,
  extraArgs: readonly string[] = [],
): Promise<RunningProcess> {
  const flags = [...memberArguments(spec), ...extraArgs];
  const { logFile } = spec;
  if (program === 'etcd') return startProcess({ command: 'etcd', args: flags, logFile });
  return startProcess({ command: process.execPath, args: [quorateMain, ...flags], logFile });
}

/** Resolves when the member answers a linearizable read; rejects with the end of its log when it does not. */
export async function untilServing(member: RunningProcess, endpoint: string): Promise<void> {
  const client = new RawClient(endpoint);
  const deadline = Date.now() + servingTimeoutMs;
  try {
    while (member.exit() === undefined && Date.now() < deadline) {
      const attempt = client.connect(new Date(deadline)).then(
        () => client.call('/etcdserverpb.KV/Range', healthRange, deadline - Date.now()),
        () => undefined,
      );
      const answer = await Promise.race([attempt, member.exited.then(() => undefined)]);
      if (answer?.ok === true) return;
      await delay(retryPauseMs);
    }
  } finally {
    client.close();
  }
  const exit = member.exit();
  const state = exit === undefined ? 'does not serve' : `exited with ${exit.code ?? exit.signal}`;
  throw new Error(`the member at ${endpoint} ${state}; the end of its log:\n${member.logTail()}`);
}

export interface Member {
  readonly spec: MemberSpec;
  readonly process: RunningProcess;
}

export interface Members {
  readonly program: Program;
  /** In the order of their names. A restarted member is another object with the same spec. */
  readonly members: readonly Member[];
  /** host:port of every member. */
  readonly endpoints: readonly string[];
  /** Kills the member with SIGKILL, starts it on its data and resolves when it serves again. `index` counts from 0. */
  restart(index: number): Promise<void>;
  /** Ends the processes and removes logs and data; with `keep` they stay and stderr says where. */
  stop(options?: { readonly keep: boolean }): Promise<void>;
}

/** Founds a cluster of `count` members and waits until every one of them serves. */
export async function startMembers(
  program: Program,
  count: number,
  extraArgs: readonly string[] = [],
): Promise<Members> {
  const root = await mkdtemp(join(tmpdir(), `quorate-test-${program}-`));
  const specs = await planMembers(count, root);
  const start = async (spec: MemberSpec): Promise<Member> => {
    return { spec, process: await startMember(program, spec, extraArgs) };
  };
  const members = await Promise.all(specs.map(start));
  const stop = async (options?: { readonly keep: boolean }): Promise<void> => {
    await Promise.all(members.map((member) => member.process.stop()));
    if (options?.keep === true) console.error(`logs and data kept: ${root}`);
    else await rm(root, { recursive: true, force: true });
  };
  try {
    await Promise.all(members.map((member) => untilServing(member.process, member.spec.endpoint)));
  } catch (error) {
    await stop({ keep: true });
    throw error;
  }
  return {
    program,
    members,
    endpoints: specs.map((spec) => spec.endpoint),
    async restart(index) {
      const member = members[index];
      if (member === undefined) throw new Error(`there is no member ${index}`);
      member.process.signal('SIGKILL');
      await member.process.exited;
      const again = await start(member.spec);
      members[index] = again;
      await untilServing(again.process, member.spec.endpoint);
    },
    stop,
  };
}

/** One cluster for all tests of the calling suite: started before them, stopped after them, logs and data kept on a failure. */
export function useMembers(program: Program, count: number, extraArgs: readonly string[] = []): () => Members {
  let cluster: Members | undefined;
  let hasFailure = false;
  beforeAll(async () => {
    cluster = await startMembers(program, count, extraArgs);
  }, startTimeoutMs);
  afterEach(({ task }) => {
    hasFailure ||= task.result?.state === 'fail';
  });
  afterAll(async () => {
    await cluster?.stop({ keep: hasFailure });
  }, startTimeoutMs);
  return () => {
    if (cluster === undefined) throw new Error('the members start in beforeAll: ask for them inside a test');
    return cluster;
  };
}
