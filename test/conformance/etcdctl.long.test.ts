/**
 * Debian's etcdctl against three members: every command runs at once against Quorate and against a real etcd cluster
 * that has seen the very same commands, and must print the same and exit with the same code. At every endpoint.
 */
import { describe, expect, it } from 'vitest';
import { type Members, requirePeer, targetProgram, useMembers } from '../harness/etcd.js';
import { type CommandOutput, comparableOutput, etcdctl } from './etcdctl.js';
import { type Step, stepGroups } from './etcdctl-steps.js';

const memberNumbers = [1, 2, 3];
const timeoutMs = 120_000;

describe.skipIf(!requirePeer('etcd', 'etcdctl', targetProgram))(`etcdctl: ${targetProgram} against etcd`, () => {
  const reference = useMembers('etcd', 3);
  const subject = useMembers(targetProgram, 3);

  describe.each(memberNumbers)('at member %i', (number) => {
    const prefix = `/m${number}/`;

    it.each(stepGroups)('$title', { timeout: timeoutMs }, async ({ steps }) => {
      for (const step of steps(prefix, await currentRevision(reference(), number))) {
        const [expected, actual] = await Promise.all([
          runStep(reference(), number, step),
          runStep(subject(), number, step),
        ]);
        expect(expected.exitCode, `etcdctl ${step.args.join(' ')} at etcd: ${expected.stderr}`).toBe(step.exitCode);
        expect(actual, `etcdctl ${step.args.join(' ')} ${JSON.stringify(step.stdin ?? '')}`).toEqual(expected);
      }
    });

    it('endpoint health', async () => {
      await expectSame(number, ['endpoint', 'health']);
      await expectSame(number, ['endpoint', 'health', '--cluster'], true);
    });

    it.each(['simple', 'table', 'fields'])('member list -w %s', async (format) => {
      await expectSame(number, ['member', 'list', '-w', format], true);
    });

    it('member list -w json', async () => {
      const [expected, actual] = await Promise.all([memberList(reference(), number), memberList(subject(), number)]);
      expect(actual).toEqual(expected);
    });
  });

  async function expectSame(number: number, args: readonly string[], inIdOrder = false): Promise<void> {
    const step = { args, exitCode: 0 };
    const [expected, actual] = await Promise.all([
      runStep(reference(), number, step, inIdOrder),
      runStep(subject(), number, step, inIdOrder),
    ]);
    expect(expected.exitCode).toBe(0);
    expect(actual).toEqual(expected);
  }

  it("endpoint status: one leader, one cluster, etcd's revision", async () => {
    const expected = await statuses(reference());
    const actual = await statuses(subject());
    expect(actual.map((status) => status.Endpoint)).toEqual(subject().endpoints);
    expect(distinct(actual, (status) => status.Status.header.cluster_id)).toBe(1);
    expect(distinct(actual, (status) => status.Status.header.member_id)).toBe(3);
    expect(distinct(actual, (status) => status.Status.leader)).toBe(1);
    expect(actual.map((status) => status.Status.header.member_id)).toContain(actual[0]?.Status.leader);
    expect(actual.map((status) => status.Status.header.revision)).toEqual(
      expected.map((status) => status.Status.header.revision),
    );
    expect(actual.map(shapeOf)).toEqual(expected.map(shapeOf));
  });

  it.each(['simple', 'table', 'fields'])('endpoint status -w %s', async (format) => {
    const { exitCode, stdout, stderr } = await etcdctl(subject().endpoints, ['endpoint', 'status', '-w', format]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const endpoint of subject().endpoints) expect(stdout).toContain(endpoint);
  });

  it('endpoint hashkv: equal on all members, at now and at an old revision', async () => {
    for (const value of ['1', '2']) await expectSame(1, ['put', 'hashed', value]);
    const revision = await currentRevision(reference(), 1);
    for (const at of [0, revision, revision - 1]) {
      const args = ['endpoint', 'hashkv', '-w', 'json', '--rev', String(at)];
      const expected = await json<readonly HashKv[]>(reference(), args);
      const actual = await json<readonly HashKv[]>(subject(), args);
      expect(actual).toHaveLength(3);
      expect(distinct(actual, (hash) => hash.HashKV.hash)).toBe(1);
      expect(actual.map((hash) => hash.HashKV.compact_revision)).toEqual(
        expected.map((hash) => hash.HashKV.compact_revision),
      );
    }
  });

  // For calls that it dials by endpoint, etcdctl 3.4 sends the whole URL as :authority, which HTTP/2 does not allow and
  // Node's HTTP/2 refuses before any code of ours runs. Later releases of etcdctl send host and port. README says so.
  it.each(['status', 'hashkv'])('endpoint %s at endpoints that are URLs: refused by HTTP/2 itself', async (command) => {
    const urls = subject().endpoints.map((endpoint) => `http://${endpoint}`);
    const isQuorate = targetProgram === 'quorate';
    for (const args of [[command], [command, '--cluster']]) {
      const { exitCode, stdout, stderr } = await etcdctl(urls, ['endpoint', ...args]);
      expect(exitCode).toBe(isQuorate ? 1 : 0);
      if (isQuorate) expect(stderr).toContain('PROTOCOL_ERROR');
      else for (const url of urls) expect(stdout).toContain(url);
    }
  });

  it('endpoint hashkv refuses a revision that is compacted or not there yet', async () => {
    const revision = await currentRevision(reference(), 1);
    for (const at of [1, revision + 1]) {
      const step = { args: ['endpoint', 'hashkv', '--rev', String(at)], exitCode: 1 };
      const expected = await runStep(reference(), 1, step);
      expect(expected.exitCode).toBe(1);
      expect(await runStep(subject(), 1, step)).toEqual(expected);
    }
  });
});

interface Header {
  readonly cluster_id: number;
  readonly member_id: number;
  readonly revision: number;
}

interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: { readonly header: Header; readonly leader: number; readonly version: string };
}

interface HashKv {
  readonly HashKV: { readonly hash: number; readonly compact_revision: number };
}

interface MemberList {
  readonly members: readonly { readonly ID: number; readonly name: string }[];
}

async function runStep(cluster: Members, number: number, step: Step, inIdOrder = false): Promise<CommandOutput> {
  const endpoint = cluster.endpoints[number - 1] ?? '';
  return comparableOutput(await etcdctl([endpoint], step.args, step.stdin), cluster, inIdOrder);
}

/** What etcdctl prints as JSON, at all endpoints. Ids lose their last digits in a number; they stay distinct. */
async function json<T>(cluster: Members, args: readonly string[]): Promise<T> {
  const { exitCode, stdout, stderr } = await etcdctl(cluster.endpoints, args);
  if (exitCode !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`);
  const answer: T = JSON.parse(stdout);
  return answer;
}

async function currentRevision(cluster: Members, number: number): Promise<number> {
  const endpoint = cluster.endpoints[number - 1] ?? '';
  const { stdout } = await etcdctl([endpoint], ['get', 'any', '-w', 'json']);
  const answer: { readonly header: Header } = JSON.parse(stdout);
  return answer.header.revision;
}

function statuses(cluster: Members): Promise<readonly EndpointStatus[]> {
  return json<readonly EndpointStatus[]>(cluster, ['endpoint', 'status', '-w', 'json']);
}

/** The member list by name, without the ids: those must be distinct numbers in rising order. */
async function memberList(cluster: Members, number: number): Promise<unknown> {
  const { stdout } = await runStep(cluster, number, { args: ['member', 'list', '-w', 'json'], exitCode: 0 });
  const { members }: MemberList = JSON.parse(stdout);
  expect(distinct(members, (member) => member.ID)).toBe(members.length);
  expect(members.map((member) => member.ID)).toEqual(members.map((member) => member.ID).toSorted((a, b) => a - b));
  return members.map((member) => ({ ...member, ID: 'an id' })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function distinct<T>(list: readonly T[], by: (item: T) => unknown): number {
  return new Set(list.map(by)).size;
}

/** Which fields are filled, and that the version is three numbers: clients compare it. */
function shapeOf({ Status }: EndpointStatus): unknown {
  return { fields: Object.keys(Status).toSorted(), isPlainVersion: /^\d+\.\d+\.\d+$/.test(Status.version) };
}
