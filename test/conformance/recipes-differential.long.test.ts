/**
 * The lock and election services of Quorate and of a real etcd in step: the same calls in the same order, the same
 * answers, errors and keys. Where we differ on purpose stands in the last suite: who asks again for a place that its lease
 * has already writes the key anew, and who waits is told at once that its place is gone.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Cluster, until } from '../harness/cluster.js';
import { type Program, requirePeer } from '../harness/etcd.js';
import { type Proof, RecipeClient, type Waiting } from './recipe-client.js';

const quietMs = 300;
const timeoutMs = 80_000;

/** One of the two members, and what it has said so far. */
class Side extends RecipeClient {
  readonly said: string[] = [];

  constructor(
    readonly program: Program,
    endpoint: string,
  ) {
    super(endpoint);
  }

  async say(answer: string | Promise<string> | Waiting): Promise<string> {
    const words = typeof answer === 'string' || answer instanceof Promise ? await answer : await answer.told();
    this.said.push(words);
    return words;
  }

  /** Of a call that waits, once nothing more can come. */
  async stillWaits(waiting: Waiting): Promise<void> {
    await delay(quietMs);
    this.said.push(waiting.outcome ?? 'waits');
  }

  async showStore(): Promise<void> {
    this.said.push(...(await this.store()));
  }

  /** A call for a place that its lease has already: only ours writes the key anew, so etcd's is made to catch up. */
  async sayAgain(waiting: Waiting, key: string): Promise<void> {
    await this.sayWithoutRevision(waiting);
    if (this.program === 'etcd') await this.touch(key);
  }

  async sayWithoutRevision(waiting: Waiting): Promise<void> {
    this.said.push((await waiting.told()).replace(/ @\d+$/, ''));
  }
}

type Scene = (side: Side) => Promise<void>;

const locks: Readonly<Record<string, Scene>> = {
  'keys, and who is next': async (side) => {
    for (const id of [171n, 2n, 3n]) await side.say(side.grant(id));
    await side.say(side.lock('lk', 171n));
    const second = side.lock('lk', 2n);
    await side.until(2);
    const third = side.lock('lk', 3n);
    await side.until(3);
    await side.stillWaits(second);
    await side.showStore();
    await side.say(side.unlock('lk/ab'));
    await side.say(second);
    await side.stillWaits(third);
    await side.showStore();
    await side.say(side.revoke(2n));
    await side.say(third);
    await side.say(side.unlock('lk/3'));
    await side.say(side.unlock('lk/3'));
    await side.showStore();
  },
  'names and leases of every kind': async (side) => {
    for (const id of [-7n, 1n, -(2n ** 63n)]) await side.say(side.grant(id));
    for (const name of ['', 'a/b', '/', '\0', '\xff\xfe', 'x'.repeat(3_000)]) {
      await side.say(side.lock(name, -7n));
      await side.say(side.lock(`${name}+`, 1n));
    }
    await side.say(side.lock('min', -(2n ** 63n)));
    await side.showStore();
  },
  refusals: async (side) => {
    await side.say(side.lock('lk', 99n));
    await side.say(side.lock('lk', -1n));
    await side.say(side.unlock(''));
    await side.say(side.unlock('nobody'));
    await side.say(side.unlock('\0'));
    await side.say(side.grant(1n));
    await side.say(side.lock('x'.repeat(1_572_864), 1n));
    await side.showStore();
  },
  'whoever gives up gives the place back': async (side) => {
    for (const id of [1n, 2n, 3n, 4n]) await side.say(side.grant(id));
    await side.say(side.lock('lk', 1n));
    await side.say(side.lock('lk', 2n, 1_000));
    await side.until(1);
    const canceled = side.lock('lk', 3n);
    await side.until(2);
    const patient = side.lock('lk', 4n);
    await side.until(3);
    canceled.cancel();
    await side.say(canceled);
    await side.until(2);
    await side.showStore();
    await side.say(side.unlock('lk/1'));
    await side.say(patient);
  },
  'a lease of the server': async (side) => {
    await side.say(side.lock('lk', 0n));
    await side.showStore();
    const waiting = side.lock('lk', 0n);
    await side.until(2);
    waiting.cancel();
    await side.say(waiting);
    await side.until(1);
  },
  'a place that somebody else made': async (side) => {
    await side.say(side.grant(1n));
    await side.say(side.grant(2n));
    await side.say(side.put('lk/zzz', 'without a lease'));
    const waiting = side.lock('lk', 1n);
    await side.until(2);
    await side.stillWaits(waiting);
    await side.say(side.put('lk/zzz', 'changed'));
    await side.stillWaits(waiting);
    await side.say(side.remove('lk/zzz'));
    await side.say(waiting);
    await side.say(side.unlock('lk/1'));
    await side.say(side.put('lk/2', 'by hand'));
    await side.sayAgain(side.lock('lk', 2n), 'lk/2');
    await side.showStore();
  },
  'the same lease again': async (side) => {
    await side.say(side.grant(1n));
    await side.say(side.grant(2n));
    await side.say(side.lock('lk', 1n));
    await side.sayAgain(side.lock('lk', 1n), 'lk/1');
    await side.showStore();
    const first = side.lock('lk', 2n);
    await side.until(2);
    const again = side.lock('lk', 2n);
    await side.stillWaits(again);
    if (side.program === 'etcd') await side.touch('lk/2');
    await side.say(side.unlock('lk/1'));
    await side.say(first);
    await side.say(again);
  },
};

const proof = (key: string, rev: bigint, lease: bigint): Proof => ({ key, rev, lease });

const elections: Readonly<Record<string, Scene>> = {
  'campaign, proclaim, leader, resign': async (side) => {
    for (const id of [1n, 2n, 3n]) await side.say(side.grant(id));
    await side.say(side.leader('e'));
    await side.say(side.campaign('e', 1n, 'a'));
    await side.say(side.leader('e'));
    const second = side.campaign('e', 2n, 'b');
    await side.until(2);
    const third = side.campaign('e', 3n, '');
    await side.until(3);
    await side.stillWaits(second);
    await side.say(side.proclaim(proof('e/1', 2n, 1n), 'a2'));
    await side.say(side.leader('e'));
    await side.showStore();
    await side.say(side.resign(proof('e/1', 2n, 1n)));
    await side.say(second);
    await side.say(side.leader('e'));
    await side.stillWaits(third);
    await side.say(side.revoke(2n));
    await side.say(third);
    await side.say(side.leader('e'));
    await side.say(side.resign(proof('e/3', 4n, 3n)));
    await side.say(side.leader('e'));
    await side.showStore();
  },
  'a proof that does not hold': async (side) => {
    for (const id of [1n, 2n]) await side.say(side.grant(id));
    await side.say(side.proclaim(undefined, 'x'));
    await side.say(side.resign(undefined));
    await side.say(side.proclaim(proof('', 1n, 1n), 'x'));
    await side.say(side.resign(proof('', 1n, 1n)));
    await side.say(side.campaign('e', 99n, 'a'));
    await side.say(side.campaign('e', 1n, 'a'));
    for (const rev of [1n, 0n, -1n, 3n, 2n ** 63n - 1n]) {
      await side.say(side.proclaim(proof('e/1', rev, 1n), 'wrong'));
      await side.say(side.resign(proof('e/1', rev, 1n)));
    }
    await side.say(side.proclaim(proof('e/other', 2n, 1n), 'wrong'));
    await side.say(side.proclaim(proof('e/1', 2n, 99n), 'no such lease'));
    await side.say(side.proclaim(proof('e/1', 3n, 99n), 'nor such a revision'));
    await side.showStore();
    await side.say(side.proclaim(proof('e/1', 2n, 2n), 'by another lease'));
    await side.showStore();
    await side.say(side.proclaim(proof('e/new', 0n, 1n), 'out of nothing'));
    await side.showStore();
    await side.say(side.resign(proof('e/1', 2n, 99n)));
    await side.say(side.resign(proof('e/1', 2n, 1n)));
    await side.say(side.resign(proof('e/1', 2n, 1n)));
    await side.say(side.proclaim(proof('e/1', 2n, 1n), 'too late'));
    await side.showStore();
  },
  'a proof without a lease': async (side) => {
    await side.say(side.grant(1n));
    await side.say(side.campaign('e', 1n, 'a'));
    await side.say(side.proclaim(proof('e/1', 2n, 0n), 'b'));
    await side.showStore();
    await side.say(side.proclaim(proof('e/1', 9n, 0n), 'c'));
    await side.say(side.resign(proof('e/1', 2n, 0n)));
    await side.showStore();
  },
  'campaign again': async (side) => {
    await side.say(side.grant(1n));
    await side.say(side.campaign('e', 1n, 'a'));
    await side.sayAgain(side.campaign('e', 1n, 'a'), 'e/1');
    await side.showStore();
    // With another value both write; etcd answers the revision before.
    await side.sayWithoutRevision(side.campaign('e', 1n, 'b'));
    await side.showStore();
  },
  'a candidate of the server': async (side) => {
    await side.say(side.campaign('e', 0n, 'a'));
    await side.showStore();
    const waiting = side.campaign('e', 0n, 'b');
    await side.until(2);
    waiting.cancel();
    await side.say(waiting);
    await side.until(1);
  },
  'names of every kind, too much in them, and locks of the same name': async (side) => {
    for (const id of [1n, 2n]) await side.say(side.grant(id));
    for (const name of ['', '/', '\0\xff']) {
      await side.say(side.campaign(name, 1n, `\xff${name}`));
      await side.say(side.leader(name));
    }
    await side.say(side.campaign('large', 1n, 'x'.repeat(1_500_000)));
    await side.say(side.resign(proof('large/1', 5n, 1n)));
    await side.say(side.campaign('big', 1n, 'x'.repeat(1_572_864)));
    await side.say(side.proclaim(proof('big/1', 1n, 1n), 'x'.repeat(1_572_864)));
    await side.say(side.lock('both', 1n));
    await side.say(side.leader('both'));
    const waiting = side.campaign('both', 2n, 'b');
    await side.stillWaits(waiting);
    await side.say(side.unlock('both/1'));
    await side.say(waiting);
    await side.showStore();
  },
  'what observers are told': async (side) => {
    for (const id of [1n, 2n, 3n]) await side.say(side.grant(id));
    const early = side.observe('e');
    const nobody = side.observe('nobody');
    // Where somebody else leads, and below.
    await side.say(side.campaign('f', 3n, 'f'));
    await side.say(side.campaign('e', 1n, 'a'));
    const seen = async (count: number): Promise<void> => {
      await until('an observer', 20_000, async () => early.told.length >= count || undefined);
    };
    await seen(1);
    const second = side.campaign('e', 2n, 'b');
    await side.until(3);
    await side.say(side.put('e/2', 'nobody listens to who waits', 2n));
    const proofOfFirst = proof('e/1', 3n, 1n);
    for (const [place, value] of ['a2', 'a3', '', 'a4'].entries()) {
      await side.say(side.proclaim(proofOfFirst, value));
      await seen(2 + place);
    }
    const late = side.observe('e');
    await until('the late one', 20_000, async () => late.told.length > 0 || undefined);
    await side.say(side.resign(proofOfFirst));
    await side.say(second);
    await seen(6);
    await side.say(side.revoke(2n));
    await delay(quietMs);
    await side.say(side.campaign('e', 3n, 'c'));
    await seen(7);
    await until('the late one', 20_000, async () => late.told.length >= 3 || undefined);
    for (const observer of [early, late, nobody]) observer.cancel();
    await delay(quietMs);
    side.said.push(...early.told, ...late.told, ...nobody.told);
  },
};

async function run(program: Program, scene: Scene): Promise<readonly string[]> {
  const cluster = await Cluster.start({ program, size: 1 });
  const side = new Side(program, cluster.members[0]?.spec.endpoint ?? '');
  try {
    await scene(side);
    return side.said;
  } finally {
    side.close();
    await cluster.end();
  }
}

describe.skipIf(!requirePeer('etcd', 'quorate'))('Quorate and etcd in step', () => {
  it.each([
    ...Object.entries(locks).map(([name, scene]) => [`locks: ${name}`, scene] as const),
    ...Object.entries(elections).map(([name, scene]) => [`elections: ${name}`, scene] as const),
  ])('%s', { timeout: timeoutMs }, async (_, scene) => {
    const [expected, actual] = await Promise.all([run('etcd', scene), run('quorate', scene)]);
    console.log(expected.map((line) => line.slice(0, 200)).join('\n'));
    expect(actual).toEqual(expected);
  });
});

/** What etcd does here is shown too: the day it does as we do, this is no difference any more. */
const differences: Readonly<
  Record<string, readonly [scene: Scene, etcd: readonly string[], quorate: readonly string[]]>
> = {
  'a waiter whose lease ends': [
    async (side) => {
      for (const id of [1n, 2n]) await side.grant(id);
      await side.lock('lk', 1n).told();
      const waiting = side.lock('lk', 2n);
      await side.until(2);
      await side.revoke(2n);
      await side.stillWaits(waiting);
      await side.unlock('lk/1');
      await side.say(waiting);
      await side.showStore();
    },
    // It holds a lock with a key that is not there.
    ['waits', 'locked lk/2 @5'],
    ['code 2: mutex: session is expired', 'code 2: mutex: session is expired'],
  ],
  'a candidate whose place is deleted': [
    async (side) => {
      for (const id of [1n, 2n]) await side.grant(id);
      await side.campaign('e', 1n, 'a').told();
      const waiting = side.campaign('e', 2n, 'b');
      await side.until(2);
      await side.remove('e/2');
      await side.stillWaits(waiting);
      await side.revoke(1n);
      await side.say(waiting);
      await side.showStore();
    },
    ['waits', 'elected e e/2 rev 3 lease 2 @3'],
    ['code 2: mutex: session is expired', 'code 2: mutex: session is expired'],
  ],
  'a place that is asked for again': [
    async (side) => {
      await side.grant(1n);
      await side.say(side.lock('lk', 1n));
      await side.say(side.lock('lk', 1n));
      await side.showStore();
    },
    ['locked lk/1 @2', 'locked lk/1 @2', 'lk/1= created 2 mod 2 version 1 lease 1'],
    ['locked lk/1 @2', 'locked lk/1 @3', 'lk/1= created 2 mod 3 version 2 lease 1'],
  ],
};

describe.skipIf(!requirePeer('etcd', 'quorate'))('Quorate and etcd differ on purpose', () => {
  it.each(Object.entries(differences))('%s', { timeout: timeoutMs }, async (_, [scene, etcd, quorate]) => {
    const [expected, actual] = await Promise.all([run('etcd', scene), run('quorate', scene)]);
    expect(expected).toEqual(etcd);
    expect(actual).toEqual(quorate);
  });
});
