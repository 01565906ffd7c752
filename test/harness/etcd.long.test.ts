import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { requirePeer, startMembers, useMembers } from './etcd.js';
import { RawClient } from './raw-client.js';

describe.skipIf(!requirePeer('etcd'))('harness: three real members', () => {
  const cluster = useMembers('etcd', 3);

  it('serves at every endpoint', async () => {
    for (const endpoint of cluster().endpoints) {
      const client = new RawClient(endpoint);
      expect(await client.call('/etcdserverpb.KV/Range', Buffer.from('\x0a\x01a', 'latin1'))).toMatchObject({
        ok: true,
      });
      client.close();
    }
  });

  it('gives a refusal as an answer', async () => {
    const client = new RawClient(cluster().endpoints[0] ?? '');
    expect(await client.call('/etcdserverpb.KV/Range', Buffer.alloc(0))).toEqual({
      ok: false,
      code: 3,
      text: 'etcdserver: key is not provided',
    });
    client.close();
  });

  it('restarts a member on its data', async () => {
    const before = cluster().members[1];
    await cluster().restart(1);
    expect(before?.process.exit()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(cluster().members[1]?.spec).toEqual(before?.spec);
    expect(cluster().members[1]?.process.exit()).toBeUndefined();
  });

  it('leaves nothing behind', async () => {
    const single = await startMembers('etcd', 1);
    await single.stop();
    expect(single.members.map((member) => member.process.exit())).toEqual([{ code: null, signal: 'SIGTERM' }]);
    expect(single.members.map((member) => existsSync(member.spec.dataDir))).toEqual([false]);
  });
});
