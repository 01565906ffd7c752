/**
 * The watches of etcdctl and of the etcd3 package from npm against three members, while the leader is killed and comes
 * back: every key is created once, in order, and every watcher must tell just that. QUORATE_TARGET=etcd runs the same
 * against etcd.
 */
import { Etcd3, type Watcher } from 'etcd3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Cluster, until } from '../harness/cluster.js';
import { requirePeer, targetProgram } from '../harness/etcd.js';
import { EtcdctlProcess } from './etcdctl-process.js';

const keysBeforeDeath = 40;
const keysAfterDeath = 160;
const waitMs = 90_000;

const names = Array.from({ length: keysBeforeDeath + keysAfterDeath }, (_, n) => `w/${String(n).padStart(4, '0')}`);

/** One etcdctl, whose output is three lines for each put: PUT, the key, the value. */
class EtcdctlWatch {
  readonly #process: EtcdctlProcess;

  constructor(endpoints: readonly string[], args: readonly string[], input = '') {
    this.#process = EtcdctlProcess.start(endpoints, ['watch', ...args], input);
  }

  get keys(): readonly string[] {
    return this.#process.lines.filter((line) => line.startsWith('w/'));
  }
}

class NpmWatch {
  readonly keys: string[] = [];
  readonly #watcher: Watcher;

  private constructor(watcher: Watcher) {
    this.#watcher = watcher;
    watcher.on('put', ({ key }) => this.keys.push(key.toString()));
  }

  static async start(client: Etcd3): Promise<NpmWatch> {
    return new NpmWatch(await client.watch().prefix('w/').create());
  }

  end(): Promise<void> {
    return this.#watcher.cancel();
  }
}

describe.skipIf(!requirePeer('etcdctl', targetProgram))(`watches of etcd's clients: ${targetProgram}`, () => {
  it('miss nothing and tell nothing twice while the leader is killed', { timeout: 300_000 }, async () => {
    const cluster = await Cluster.start({ program: targetProgram });
    const endpoints = cluster.members.map(({ spec }) => spec.endpoint);
    const connect = (hosts: readonly string[]): Etcd3 =>
      new Etcd3({
        hosts: hosts.map((endpoint) => `http://${endpoint}`),
        defaultCallOptions: (call) => (call.isStream ? {} : { deadline: Date.now() + 10_000 }),
      });
    const clients = [connect(endpoints), connect(endpoints.toReversed()), connect(endpoints)] as const;
    const [writer] = clients;
    const etcdctls = endpoints.flatMap((_, first) => {
      const order = [...endpoints.slice(first), ...endpoints.slice(0, first)];
      return [new EtcdctlWatch(order, ['--prefix', 'w/', '--rev', '1'])];
    });
    etcdctls.push(new EtcdctlWatch(endpoints, ['-i'], 'watch --prefix w/ --rev 1\n'));
    let isGood = false;
    onTestFinished(async () => {
      for (const client of clients) client.close();
      if (!isGood) console.error(cluster.logTails());
      await cluster.end({ keep: !isGood });
    });
    const npm = [await NpmWatch.start(clients[1]), await NpmWatch.start(clients[2])];

    await createAll(writer, names.slice(0, keysBeforeDeath));
    const { leader } = await cluster.untilLeadership();
    leader.kill();
    await createAll(writer, names.slice(keysBeforeDeath, keysBeforeDeath + keysAfterDeath / 2));
    await leader.exited();
    await leader.start();
    await createAll(writer, names.slice(keysBeforeDeath + keysAfterDeath / 2));

    for (const watch of [...etcdctls, ...npm]) {
      const isComplete = (): true | undefined => (watch.keys.length >= names.length ? true : undefined);
      await until('a watch to tell all', waitMs, async () => isComplete()).catch(() => undefined);
      expect(watch.keys).toEqual(names);
    }
    isGood = true;
  });
});

/** A transaction that only creates may be repeated when its outcome is unknown. */
async function createAll(client: Etcd3, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const deadline = Date.now() + waitMs;
    for (;;) {
      try {
        await client.if(key, 'Create', '==', 0).then(client.put(key).value('v')).commit();
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
