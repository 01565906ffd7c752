/** Leases whose renewals come from a thread, in processes whose main loop is blocked. Runs what was built. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { requirePeer, useMembers } from '../harness/etcd.js';

const run = promisify(execFile);
const client = resolve(import.meta.dirname, '../../client/dist/index.js');

/** Grants a lease of 6 s, blocks the loop for so long after the first renewal, and says what it thinks of it then. */
const program = `
  const [, endpoint, renewer, blockMs] = process.argv;
  const { channel } = await import('node:diagnostics_channel');
  const { connect } = await import(${JSON.stringify(client)});
  const client = await connect(endpoint, { leaseRenewer: renewer });
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const lease = await client.lease.grant({ ttl: 6_000 });
  await client.kv.put('held', 'v', { lease });
  await new Promise((done) => channel('quorate:lease').subscribe(({ kind }) => kind === 'leaseRenewed' && done()));
  const end = performance.now() + Number(blockMs);
  while (performance.now() < end);
  const rightAfter = lease.state;
  await pause(300);
  const later = lease.state;
  await pause(2_000);
  const exists = (await client.kv.get('held')) !== null;
  console.log(JSON.stringify({ rightAfter, later, isAborted: lease.signal.aborted, exists }));
  await client.close();
`;

describe.skipIf(!requirePeer('etcd', 'quorate'))('a blocked main loop', () => {
  const cluster = useMembers('etcd', 1);

  const afterBlock = async (renewer: 'loop' | 'worker', blockMs: number): Promise<unknown> => {
    const args = ['--input-type=module', '-e', program, cluster().endpoints[0] ?? '', renewer, String(blockMs)];
    const { stdout } = await run(process.execPath, args, { timeout: 60_000 });
    return JSON.parse(stdout);
  };

  it('loses a lease that it has to renew itself, and knows at once', async () => {
    expect(await afterBlock('loop', 6_600)).toEqual({
      rightAfter: 'lost',
      later: 'lost',
      isAborted: true,
      exists: false,
    });
  });

  it('keeps a lease that a thread renews', async () => {
    expect(await afterBlock('worker', 5_400)).toEqual({
      rightAfter: 'held',
      later: 'held',
      isAborted: false,
      exists: true,
    });
  });

  it('loses also that when it is blocked for too long, and knows at once', async () => {
    expect(await afterBlock('worker', 14_000)).toEqual({
      rightAfter: 'lost',
      later: 'lost',
      isAborted: true,
      exists: false,
    });
  });
});
