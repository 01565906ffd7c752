/** Runs etcdctl against one cluster, and puts its output into the form in which two clusters must agree. */
import { execFile } from 'node:child_process';
import type { Members } from '../harness/etcd.js';

const timeoutMs = 30_000;

export interface CommandOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `stdin` is given as text; the command always sees its end. */
export function etcdctl(endpoints: readonly string[], args: readonly string[], stdin = ''): Promise<CommandOutput> {
  return new Promise((resolve, reject) => {
    const options = { env: { PATH: process.env['PATH'], ETCDCTL_API: '3' }, timeout: timeoutMs };
    const child = execFile(
      'etcdctl',
      ['--endpoints', endpoints.join(','), ...args],
      options,
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : error.code;
        if (typeof exitCode === 'number') resolve({ exitCode, stdout, stderr });
        else reject(new Error(`etcdctl ${args.join(' ')} did not end by itself: ${stderr}`, { cause: error }));
      },
    );
    // A command that reads nothing may end before its input does.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
  });
}

/**
 * What differs between two clusters by nature is replaced: addresses by member names, ids by `<id>`, the log's time
 * stamps by `<time>`, the raft term in JSON and field output by 0; padding is squeezed, and lines that stand in the
 * order of random ids are sorted.
 */
export function comparableOutput(output: CommandOutput, cluster: Members, inIdOrder = false): CommandOutput {
  const comparable = (text: string): string => {
    const lines = withNames(text, cluster)
      .replaceAll(/"(cluster_id|member_id|raft_term)":\d+/g, '"$1":0')
      .replaceAll(/"(ClusterID|MemberID|RaftTerm|ID)" : \d+/g, '"$1" : 0')
      .replaceAll(/\b[0-9a-f]{13,16}\b/g, '<id>')
      .replaceAll(/"ts":"[^"]*"/g, '"ts":"<time>"')
      .replaceAll(/client-[0-9a-f-]{36}/g, 'client-<id>')
      .replaceAll(/"took":"[^"]*"/g, '"took":"<time>"')
      .replaceAll(/ took = \S+/g, ' took = <time>')
      .replaceAll(/([ -])\1+/g, '$1')
      .split('\n');
    return (inIdOrder ? lines.toSorted() : lines).join('\n');
  };
  return { ...output, stdout: comparable(output.stdout), stderr: comparable(output.stderr) };
}

function withNames(text: string, cluster: Members): string {
  return cluster.members.reduce(
    (named, { spec }) =>
      named
        .replaceAll(spec.endpoint, `<client of ${spec.name}>`)
        .replaceAll(spec.peerUrl.replace('http://', ''), `<peer of ${spec.name}>`),
    text,
  );
}
