/** The programs of examples/, several of each at once against a member, as they stand there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connect } from '../../client/index.js';
import { until } from '../harness/cluster.js';
import { requirePeer, useMembers } from '../harness/etcd.js';

const root = resolve(import.meta.dirname, '../..');
const PATIENCE_MS = 30_000;
/** What the examples ask for. */
const TTL_MS = 3_000;
const TAKEOVER_MS = 1_500;

class Program {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;

  constructor(file: string, name: string, endpoint: string) {
    const args = ['--conditions=quorate-source', '--import', 'tsx', join(root, 'examples', file), name];
    this.child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, QUORATE_ENDPOINTS: endpoint } });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  get lines(): readonly string[] {
    return this.stdout.split('\n').filter((line) => line !== '');
  }

  async ended(): Promise<{ readonly code: number | null; readonly stderr: string }> {
    if (this.child.exitCode === null) await once(this.child, 'close');
    return { code: this.child.exitCode, stderr: this.stderr };
  }

  untilSaid(pattern: RegExp): Promise<RegExpExecArray> {
    return until(
      `${pattern} in ${this.stdout}${this.stderr}`,
      PATIENCE_MS,
      async () => pattern.exec(this.stdout) ?? undefined,
    );
  }
}

describe.runIf(requirePeer('quorate'))('the examples', { timeout: 4 * PATIENCE_MS }, () => {
  const cluster = useMembers('quorate', 1);
  let running: Program[] = [];

  const start = (file: string, names: readonly string[]): readonly Program[] => {
    const [endpoint = ''] = cluster().endpoints;
    running = names.map((name) => new Program(file, name, endpoint));
    return running;
  };

  afterEach(() => {
    for (const { child } of running) child.kill('SIGKILL');
  });

  it('of five instances one runs each migration, and all see it done', async () => {
    const programs = start('migration-lock.ts', ['a', 'b', 'c', 'd', 'e']);
    for (const program of programs) expect(await program.ended()).toEqual({ code: 0, stderr: '' });
    const lines = programs.flatMap((program) => program.lines);
    const ran = lines.filter((line) => line.includes('runs: ')).map((line) => line.slice(3));
    expect(ran).toHaveLength(3);
    expect(new Set(ran).size).toBe(3);
    expect(lines.filter((line) => line.endsWith('serves schema 3'))).toHaveLength(5);
  });

  it('of two workers one works, the other one when it has died, and nobody when both were told to end', async () => {
    const programs = start('singleton-worker.ts', ['a', 'b']);
    const said = programs.map((program) => program.untilSaid(/works, term (\d+)/));
    const [first] = await Promise.race(said.map(async (one, place) => [place, await one] as const));
    const [leader, other] = first === 0 ? programs : programs.toReversed();
    if (leader === undefined || other === undefined) throw new Error('two programs');
    expect(other.stdout).toBe('');
    leader.child.kill('SIGKILL');
    const killedMs = performance.now();
    await other.untilSaid(/works, term (\d+)/);
    expect(performance.now() - killedMs).toBeLessThan(TTL_MS + TAKEOVER_MS);
    other.child.kill('SIGTERM');
    expect(await other.ended()).toEqual({ code: 0, stderr: '' });
    expect(other.stdout).toContain('has ended');
    const client = await connect(cluster().endpoints[0] ?? '');
    const done = await client.kv.get('app/done');
    await client.close();
    // Each write added one: none was made beside another.
    expect(Number(done?.text())).toBe(done?.version);
    expect(done?.version).toBeGreaterThan(0);
  });

  it('everybody finds the leader where it proclaims to be, and the next one when it has died', async () => {
    const programs = start('leader-address.ts', ['a', 'b', 'c']);
    const seen = await Promise.all(programs.map((program) => program.untilSaid(/sees (\S+), term (\d+)/)));
    expect(new Set(seen.map(([, address]) => address)).size).toBe(1);
    const answer = await (await fetch(seen[0]?.[1] ?? '')).text();
    const [name = '', , , , term] = answer.trim().split(' ');
    expect(term).toBe(seen[0]?.[2]);
    const leader = programs['abc'.indexOf(name)];
    leader?.child.kill('SIGKILL');
    const others = programs.filter((program) => program !== leader);
    expect(others).toHaveLength(2);
    const next = await Promise.all(
      others.map((program) => program.untilSaid(new RegExp(`sees (\\S+), term (?!${term}\\b)\\d+`))),
    );
    expect(new Set(next.map(([, address]) => address)).size).toBe(1);
    expect(await (await fetch(next[0]?.[1] ?? '')).text()).toContain('answers in term');
  });
});
