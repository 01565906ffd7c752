/**
 * Leases as etcd answers them. First one script of calls, to etcd and to the subject at every member, whose answers must
 * be equal but for ids that a member chose and for seconds that pass. Then Debian's etcdctl in the same way. Last the
 * subject alone: its leader is killed while etcdctl keeps a lease alive.
 */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from '@quorate/proto/etcd/lease.js';
import { StatusRequest, StatusResponse } from '@quorate/proto/etcd/maintenance.js';
import { describe, expect, it } from 'vitest';
import { type Members, requirePeer, targetProgram, useMembers } from '../harness/etcd.js';
import { RawClient } from '../harness/raw-client.js';
import { type CommandOutput, comparableOutput, etcdctl } from './etcdctl.js';

const memberNumbers = [1, 2, 3];
const timeoutMs = 120_000;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Of one answer what two clusters must agree in. */
type Comparable = object | string;

interface LeaseCalls {
  grant(ID: bigint, TTL: bigint): Promise<Comparable>;
  revoke(ID: bigint): Promise<Comparable>;
  timeToLive(ID: bigint, keys?: boolean): Promise<Comparable>;
  list(): Promise<Comparable>;
  close(): void;
}

function leaseCalls(endpoint: string): LeaseCalls {
  const client = new RawClient(endpoint);
  const call = async <T extends { readonly header?: { readonly revision: bigint } | undefined }>(
    method: string,
    request: Uint8Array,
    decode: (bytes: Buffer) => T,
  ): Promise<T | string> => {
    const answer = await client.call(`/etcdserverpb.Lease/${method}`, request);
    return answer.ok ? decode(answer.bytes) : `code ${answer.code}: ${answer.text}`;
  };
  const shown = <T extends { readonly header?: { readonly revision: bigint } | undefined }>(
    answer: T | string,
    body: (message: T) => object,
  ): Comparable => (typeof answer === 'string' ? answer : { ...body(answer), revision: answer.header?.revision });
  return {
    grant: async (ID, TTL) => {
      const request = LeaseGrantRequest.encode({ ID, TTL }).finish();
      const answer = await call('LeaseGrant', request, (bytes) => LeaseGrantResponse.decode(bytes));
      return shown(answer, (message) => ({
        ...message,
        ID: ID === 0n ? message.ID > 0n : message.ID,
        header: 'a header',
      }));
    },
    revoke: async (ID) => {
      const request = LeaseRevokeRequest.encode({ ID }).finish();
      const answer = await call('LeaseRevoke', request, (bytes) => LeaseRevokeResponse.decode(bytes));
      return shown(answer, () => ({}));
    },
    timeToLive: async (ID, keys = true) => {
      const request = LeaseTimeToLiveRequest.encode({ ID, keys }).finish();
      const answer = await call('LeaseTimeToLive', request, (bytes) => LeaseTimeToLiveResponse.decode(bytes));
      return shown(answer, (message) => ({
        ...message,
        header: 'a header',
        // A second or two may pass, more here than there.
        TTL: message.TTL > 10n ? message.grantedTTL - message.TTL < 10n : message.TTL,
        keys: message.keys.map((key) => key.toString('latin1')).toSorted(),
      }));
    },
    list: async () => {
      const request = LeaseLeasesRequest.encode({}).finish();
      const answer = await call('LeaseLeases', request, (bytes) => LeaseLeasesResponse.decode(bytes));
      // Of those that this suite has named: what a member chose is its own.
      return shown(answer, ({ leases }) => ({
        leases: leases
          .map(({ ID }) => ID)
          .filter(isNamed)
          .toSorted(inOrder),
      }));
    },
    close: () => client.close(),
  };
}

function isNamed(id: bigint): boolean {
  return (id < 10_000n && id > -10_000n) || id === INT64_MAX || id === INT64_MIN;
}

function inOrder(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}

type Call = readonly [name: string, make: (calls: LeaseCalls) => Promise<Comparable>];

const grant = (ID: bigint, TTL: bigint): Call => [`grant ${ID} for ${TTL}`, (calls) => calls.grant(ID, TTL)];
const revoke = (ID: bigint): Call => [`revoke ${ID}`, (calls) => calls.revoke(ID)];
const left = (ID: bigint, keys?: boolean): Call => [`time to live of ${ID}`, (calls) => calls.timeToLive(ID, keys)];
const list: Call = ['list', (calls) => calls.list()];

/** What is left behind is revoked at the end: `base` makes the ids of one member's turn its own. */
const script = (base: bigint): readonly Call[] => [
  grant(base + 1n, 1000n),
  grant(base + 1n, 1000n),
  grant(base + 2n, 9_000_000_000n),
  grant(base + 3n, 9_000_000_001n),
  grant(base + 3n, INT64_MAX),
  grant(-base, 500n),
  left(base + 1n),
  left(base + 1n, false),
  left(base + 2n, false),
  left(-base),
  left(base + 9n),
  left(0n),
  left(INT64_MIN),
  list,
  revoke(base + 9n),
  revoke(0n),
  revoke(base + 1n),
  revoke(base + 1n),
  left(base + 1n),
  grant(base + 1n, 700n),
  left(base + 1n),
  revoke(base + 1n),
  revoke(base + 2n),
  revoke(-base),
  list,
  grant(base + 4n, 0n),
  grant(base + 5n, -7n),
  grant(base + 6n, 1n),
  grant(base + 7n, INT64_MIN),
  revoke(base + 4n),
  revoke(base + 5n),
  revoke(base + 6n),
  revoke(base + 7n),
  grant(INT64_MAX, 100n),
  grant(INT64_MIN, 100n),
  left(INT64_MIN),
  revoke(INT64_MIN),
  revoke(INT64_MAX),
  list,
];

describe.skipIf(!requirePeer('etcd', 'etcdctl', targetProgram))(`leases: ${targetProgram} against etcd`, () => {
  const reference = useMembers('etcd', 3);
  const subject = useMembers(targetProgram, 3);

  it.each(memberNumbers)('a script of calls at member %i', { timeout: timeoutMs }, async (number) => {
    const [expected, actual] = [reference(), subject()].map((cluster) =>
      leaseCalls(cluster.endpoints[number - 1] ?? ''),
    );
    if (expected === undefined || actual === undefined) throw new Error('two members are needed');
    for (const [name, make] of script(BigInt(number) * 1000n)) {
      const [theirs, ours] = await Promise.all([make(expected), make(actual)]);
      expect(ours, name).toEqual(theirs);
    }
    expect(await actual.grant(0n, 60n)).toEqual(await expected.grant(0n, 60n));
    expected.close();
    actual.close();
  });

  it.each(memberNumbers)('a stream of renewals at member %i', { timeout: timeoutMs }, async (number) => {
    const [expected, actual] = await Promise.all(
      [reference(), subject()].map(async (cluster) => {
        const calls = leaseCalls(cluster.endpoints[number - 1] ?? '');
        const base = BigInt(number) * 1_000_000n;
        for (const id of [base, -base]) await calls.grant(id, 300n);
        const told = await renewalsOf(cluster.endpoints[number - 1] ?? '', base);
        for (const id of [base, -base]) await calls.revoke(id);
        calls.close();
        return told;
      }),
    );
    expect(expected).toHaveLength(10);
    expect(actual).toEqual(expected);
  });

  it.each(memberNumbers)('etcdctl at member %i', { timeout: timeoutMs }, async (number) => {
    const run = async (cluster: Members, args: readonly string[]): Promise<CommandOutput> => {
      const endpoint = cluster.endpoints[number - 1] ?? '';
      const output = comparableOutput(await etcdctl([endpoint], args), cluster);
      return { ...output, stdout: output.stdout.replaceAll(/remaining\((\d)\d\ds\)/g, 'remaining($1..s)') };
    };
    const both = async (...args: readonly string[]): Promise<CommandOutput> => {
      const [expected, actual] = await Promise.all([run(reference(), args), run(subject(), args)]);
      expect(actual, `etcdctl ${args.join(' ')}`).toEqual(expected);
      return actual;
    };
    const key = (name: string): string => `/leases/${number}/${name}`;
    expect((await both('lease', 'grant', '999')).stdout).toContain('granted with TTL(999s)');
    const ids = await Promise.all([reference(), subject()].map((cluster) => grantedBy(cluster, number)));
    const withId = async (...args: readonly string[]): Promise<CommandOutput> => {
      const [expected, actual] = await Promise.all(
        [reference(), subject()].map((cluster, place) => {
          return run(
            cluster,
            args.map((arg) => arg.replace('ID', ids[place] ?? '')),
          );
        }),
      );
      const masked = (output: CommandOutput | undefined, id = ''): CommandOutput | undefined =>
        output && {
          ...output,
          stdout: output.stdout.replaceAll(id, '<id>'),
          stderr: output.stderr.replaceAll(id, '<id>'),
        };
      expect(masked(actual, ids[1]), `etcdctl ${args.join(' ')}`).toEqual(masked(expected, ids[0]));
      if (actual === undefined) throw new Error('no output');
      return actual;
    };
    await withId('put', key('b'), '1', '--lease=ID');
    await withId('put', key('a'), '2', '--lease=ID');
    await withId('put', key('c'), '3');
    await withId('put', key('b'), '4', '--ignore-lease');
    expect((await withId('lease', 'timetolive', 'ID')).stdout).toContain('remaining(9..s)');
    await withId('lease', 'keep-alive', '--once', 'ID');
    await withId('get', '/leases/', '--prefix');
    expect((await withId('lease', 'revoke', 'ID')).stdout).toContain('revoked');
    await withId('get', '/leases/', '--prefix');
    await withId('lease', 'timetolive', 'ID');
    await withId('lease', 'revoke', 'ID');
    await withId('lease', 'keep-alive', '--once', 'ID');
    await withId('put', key('d'), '5', '--lease=ID');
    await both('lease', 'grant', '9000000001');
    await both('lease', 'timetolive', '1234abcd', '--keys');
  });

  it('the keys of a lease, by etcdctl', { timeout: timeoutMs }, async () => {
    const id = await grantedBy(subject(), 1);
    for (const name of ['x', 'y']) await etcdctl(subject().endpoints, ['put', name, '', `--lease=${id}`]);
    const { stdout } = await etcdctl(subject().endpoints, ['lease', 'timetolive', id, '--keys']);
    expect(stdout).toMatch(/attached keys\(\[x y\]\)|attached keys\(\[y x\]\)/);
    expect((await etcdctl(subject().endpoints, ['lease', 'list'])).stdout).toContain(id);
    await etcdctl(subject().endpoints, ['lease', 'revoke', id]);
    expect((await etcdctl(subject().endpoints, ['get', 'x'])).stdout).toBe('');
  });

  it('a kept lease outlives the leader, one that nobody keeps ends in time', { timeout: timeoutMs }, async () => {
    const { endpoints } = subject();
    const [kept, left] = [await grantedBy(subject(), 1, 3), await grantedBy(subject(), 2, 3)];
    const keeper = spawn('etcdctl', ['--endpoints', endpoints.join(','), 'lease', 'keep-alive', kept], {
      env: { PATH: process.env['PATH'], ETCDCTL_API: '3' },
    });
    let said = '';
    keeper.stdout.on('data', (data: Buffer) => {
      said += data.toString();
    });
    try {
      for (const [key, id] of [
        ['kept', kept],
        ['left', left],
      ] as const) {
        expect((await etcdctl(endpoints, ['put', key, 'v', `--lease=${id}`])).exitCode).toBe(0);
      }
      await expect.poll(() => said, { timeout: 10_000 }).toContain('keepalived with TTL(3)');
      await subject().restart(await leaderOf(subject()));
      const end = performance.now() + 10_000;
      while (performance.now() < end) {
        expect((await etcdctl(endpoints, ['get', 'kept', '--print-value-only'])).stdout).toBe('v\n');
        await delay(300);
      }
      expect((await etcdctl(endpoints, ['get', 'left'])).stdout).toBe('');
    } finally {
      keeper.kill('SIGKILL');
    }
    expect(said).not.toContain('expired');
    const from = performance.now();
    const value = async (): Promise<string> => (await etcdctl(endpoints, ['get', 'kept'])).stdout;
    await expect.poll(value, { timeout: 10_000, interval: 100 }).toBe('');
    console.info(`gone ${((performance.now() - from) / 1000).toFixed(1)} s after its keeper was killed`);
  });
});

/** One answer after the other, and how the stream ends once the client has said all. */
function renewalsOf(endpoint: string, base: bigint): Promise<readonly string[]> {
  const client = new Client(endpoint, credentials.createInsecure());
  const pass = (bytes: Buffer): Buffer => bytes;
  const call = client.makeBidiStreamRequest('/etcdserverpb.Lease/LeaseKeepAlive', pass, pass);
  const told: string[] = [];
  call.on('data', (bytes: Buffer) => {
    const { ID, TTL, header } = LeaseKeepAliveResponse.decode(bytes);
    told.push(`${ID} for ${TTL}, at ${typeof header?.revision}`);
  });
  for (const ID of [base, -base, base, 0n, base + 1n, -1n, INT64_MIN, INT64_MAX, -base]) {
    call.write(Buffer.from(LeaseKeepAliveRequest.encode({ ID }).finish()));
  }
  call.end();
  return new Promise((resolve, reject) => {
    call.on('error', reject);
    call.on('status', ({ code }: { code: number }) => {
      client.close();
      resolve([...told, `ended with ${code}`]);
    });
  });
}

async function grantedBy(cluster: Members, number: number, ttl = 999): Promise<string> {
  const { stdout } = await etcdctl([cluster.endpoints[number - 1] ?? ''], ['lease', 'grant', String(ttl)]);
  const id = /^lease ([0-9a-f]+) granted/.exec(stdout)?.[1];
  if (id === undefined) throw new Error(`no lease: ${stdout}`);
  return id;
}

/** Counted from 0. */
async function leaderOf(cluster: Members): Promise<number> {
  for (const [place, endpoint] of cluster.endpoints.entries()) {
    const client = new RawClient(endpoint);
    const answer = await client.call('/etcdserverpb.Maintenance/Status', StatusRequest.encode({}).finish());
    client.close();
    if (!answer.ok) continue;
    const { leader, header } = StatusResponse.decode(answer.bytes);
    if (leader === header?.memberId) return place;
  }
  throw new Error('no leader');
}
