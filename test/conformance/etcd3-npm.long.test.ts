/**
 * The etcd3 package from npm against three members, as an application would use it: through all hosts at once, and
 * through each member alone. QUORATE_TARGET=etcd runs the same against etcd.
 */
import { Etcd3, EtcdLeaseInvalidError, type IOptions } from 'etcd3';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { requirePeer, startMembers, targetProgram, useMembers } from '../harness/etcd.js';

const timeoutMs = 60_000;
const parallelPuts = 100;
const parallelTransactions = 10;

function connect(endpoints: readonly string[], options: Partial<IOptions> = {}): Etcd3 {
  return new Etcd3({ hosts: endpoints.map((endpoint) => `http://${endpoint}`), ...options });
}

describe.skipIf(!requirePeer(targetProgram))(`etcd3 from npm: ${targetProgram}`, () => {
  const cluster = useMembers(targetProgram, 3);

  const hosts = [
    ['all members', 0],
    ['member 1', 1],
    ['member 2', 2],
    ['member 3', 3],
  ] as const;
  describe.each(hosts)('through %s', (_title, number) => {
    let client: Etcd3;
    beforeAll(() => {
      client = connect(number === 0 ? cluster().endpoints : cluster().endpoints.slice(number - 1, number));
    });
    afterEach(() => client.delete().all());
    afterAll(() => client.close());

    it('puts and gets strings, numbers, JSON and bytes', async () => {
      const bytes = Buffer.from([0, 0xff, 0x80, 0]);
      await client.put('string').value('\u20ac');
      await client.put('number').value(42);
      await client.put('json').value('{"a":1}');
      await client.put(bytes).value(bytes);
      expect(await client.get('string').string()).toBe('\u20ac');
      expect(await client.get('number').number()).toBe(42);
      expect(await client.get('json').json()).toEqual({ a: 1 });
      expect(await client.get(bytes).buffer()).toEqual(bytes);
      expect(await client.get('missing').string()).toBeNull();
    });

    it('says whether a key exists', async () => {
      await client.put('here').value('');
      expect(await client.get('here').exists()).toBe(true);
      expect(await client.get('gone').exists()).toBe(false);
    });

    it('touches a key and returns the previous value', async () => {
      await client.put('k').value('1');
      const previous = await client.put('k').value('2').getPrevious();
      expect(previous.value.toString()).toBe('1');
      await client.put('k').touch();
      const { kvs } = await client.get('k').exec();
      expect(kvs.map((kv) => [kv.value.toString(), kv.version])).toEqual([['2', '3']]);
    });

    it('reads ranges: prefix, all, interval, keys, count', async () => {
      await putAll(client, { 'p/1': 'a', 'p/2': 'b', 'p/3': 'c', q: 'd' });
      expect(await client.getAll().prefix('p/').strings()).toEqual({ 'p/1': 'a', 'p/2': 'b', 'p/3': 'c' });
      expect(await client.getAll().all().keys()).toEqual(['p/1', 'p/2', 'p/3', 'q']);
      expect(await client.getAll().inRange({ start: 'p/2', end: 'q' }).keys()).toEqual(['p/2', 'p/3']);
      expect(await client.getAll().prefix('p/').count()).toBe(3);
      expect(await client.getAll().prefix('nothing/').strings()).toEqual({});
    });

    it('sorts and limits', async () => {
      await putAll(client, { a: '3', b: '1', c: '2' });
      await client.put('a').value('3');
      expect(await client.getAll().all().sort('Key', 'Descend').keys()).toEqual(['c', 'b', 'a']);
      expect(await client.getAll().all().sort('Value', 'Ascend').keys()).toEqual(['b', 'c', 'a']);
      expect(await client.getAll().all().sort('Mod', 'Descend').limit(1).keys()).toEqual(['a']);
      expect(await client.getAll().all().sort('Create', 'Ascend').limit(2).keys()).toEqual(['a', 'b']);
      expect(await client.getAll().all().sort('Version', 'Descend').limit(1).keys()).toEqual(['a']);
      expect((await client.getAll().all().limit(2).exec()).more).toBe(true);
    });

    it('reads history and filters by revision', async () => {
      const first = await client.put('h').value('old');
      const second = await client.put('h').value('new');
      const created = await client.put('other').value('x');
      expect(await client.get('h').revision(first.header.revision).string()).toBe('old');
      expect(await client.get('h').serializable(true).revision(second.header.revision).string()).toBe('new');
      expect(await client.getAll().all().minCreateRevision(created.header.revision).keys()).toEqual(['other']);
      expect(await client.getAll().all().maxModRevision(second.header.revision).keys()).toEqual(['h']);
    });

    it('deletes a key, a prefix and a range', async () => {
      await putAll(client, { a: '1', 'p/1': '2', 'p/2': '3', x: '4', y: '5', z: '6' });
      expect((await client.delete().key('a')).deleted).toBe('1');
      expect((await client.delete().key('a')).deleted).toBe('0');
      expect((await client.delete().prefix('p/')).deleted).toBe('2');
      const previous = await client
        .delete()
        .range(client.range({ start: 'x', end: 'z' }))
        .getPrevious();
      expect(previous.map((kv) => [kv.key.toString(), kv.value.toString()])).toEqual([
        ['x', '4'],
        ['y', '5'],
      ]);
      expect(await client.getAll().all().keys()).toEqual(['z']);
    });

    it.each([
      ['Create', '==', '0', true],
      ['Create', '>', '0', false],
      ['Mod', '<', '1', true],
      ['Version', '!=', '0', false],
      ['Value', '==', '', false],
    ] as const)('if on a missing key: %s %s %s is %s', async (column, comparator, value, succeeded) => {
      const result = await client.if('new', column, comparator, value).then(client.put('new').value('made')).commit();
      expect(result.succeeded).toBe(succeeded);
      expect(await client.get('new').exists()).toBe(succeeded);
    });

    it('if, then, else: the branch that holds runs, in one revision', async () => {
      const { header } = await client.put('lock').value('mine');
      const transact = (value: string): Promise<{ succeeded: boolean }> =>
        client
          .if('lock', 'Value', '==', value)
          .and('lock', 'Mod', '==', header.revision)
          .and('lock', 'Version', '==', 1)
          .then(client.put('won').value(value), client.put('won2').value(value))
          .else(client.get('lock'), client.put('lost').value(value))
          .commit();
      expect(await transact('theirs')).toMatchObject({ succeeded: false });
      expect(await transact('mine')).toMatchObject({ succeeded: true });
      const { kvs } = await client.getAll().all().exec();
      expect(kvs.map((kv) => kv.key.toString())).toEqual(['lock', 'lost', 'won', 'won2']);
      expect(kvs[2]?.mod_revision).toBe(kvs[3]?.mod_revision);
    });

    it('keeps namespaces apart', async () => {
      const mine = client.namespace('mine/');
      await mine.put('k').value('1');
      await client.namespace('theirs/').put('k').value('2');
      expect(await mine.getAll().strings()).toEqual({ k: '1' });
      expect(await client.getAll().all().keys()).toEqual(['mine/k', 'theirs/k']);
      expect((await mine.delete().all()).deleted).toBe('1');
      expect(await client.getAll().all().keys()).toEqual(['theirs/k']);
    });

    it(`takes ${parallelPuts} parallel puts, each in its own revision`, { timeout: timeoutMs }, async () => {
      const keys = Array.from({ length: parallelPuts }, (_, n) => `many/${String(n).padStart(3, '0')}`);
      const answers = await Promise.all(keys.map((key) => client.put(key).value(key)));
      expect(new Set(answers.map((answer) => answer.header.revision)).size).toBe(parallelPuts);
      expect(await client.getAll().prefix('many/').strings()).toEqual(
        Object.fromEntries(keys.map((key) => [key, key])),
      );
    });

    it('loses no update of parallel transactions', { timeout: timeoutMs }, async () => {
      await client.put('counter').value(0);
      const increment = (): Promise<unknown> =>
        client.stm({ retries: 1000 }).transact(async (tx) => {
          const count = await tx.get('counter').number();
          await tx.put('counter').value((count ?? 0) + 1);
        });
      await Promise.all(Array.from({ length: parallelTransactions }, increment));
      expect(await client.get('counter').number()).toBe(parallelTransactions);
    });

    it('meets the errors it knows', async () => {
      await expect(client.put('k').value('v').lease(12_345)).rejects.toBeInstanceOf(EtcdLeaseInvalidError);
      await expect(client.put('').value('v')).rejects.toThrow('etcdserver: key is not provided');
      await expect(client.get('k').revision(2 ** 50)).rejects.toThrow('required revision is a future revision');
    });
  });
});

describe.skipIf(!requirePeer(targetProgram))(`etcd3 from npm, a member dies: ${targetProgram}`, () => {
  it.each([1, 2, 3])(
    'member %i is killed: reads and writes go on at the others',
    { timeout: 180_000 },
    async (number) => {
      const cluster = await startMembers(targetProgram, 3);
      const client = connect(cluster.endpoints, { defaultCallOptions: () => ({ deadline: Date.now() + 10_000 }) });
      onTestFinished(async ({ task }) => {
        client.close();
        await cluster.stop({ keep: task.result?.state === 'fail' });
      });
      await putAll(client, { before: '1' });
      const victim = cluster.members[number - 1]?.process;
      victim?.signal('SIGKILL');
      expect(await victim?.exited).toEqual({ code: null, signal: 'SIGKILL' });
      for (let n = 0; n < 20; n += 1) await untilDone(() => client.put(`after/${n}`).value(n));
      expect(await untilDone(() => client.getAll().prefix('after/').count())).toBe(20);
      expect(await untilDone(() => client.get('before').string())).toBe('1');
    },
  );
});

async function putAll(client: Etcd3, values: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, value] of Object.entries(values)) await client.put(key).value(value);
}

/** An idempotent request, repeated while no leader stands or a host is found dead; the client itself gives up early. */
async function untilDone<T>(request: () => PromiseLike<T>): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
