/** What a process that takes grants through the SDK may do in one turn. */
import type { Mutex } from '../../../client/grant/mutex.js';
import { between, chance, pick } from './draw.js';
import type { SdkGrantLane, Wanted } from './sdk-grant-lane.js';
import type { SdkGrantPlayName } from './sdk-grant-mix.js';

type SdkGrantPlay = (lane: SdkGrantLane) => Promise<unknown>;

const ALONE = { mode: 'exclusive', weight: 1, capacity: 0 } as const;
const TOGETHER = { mode: 'shared', weight: 1, capacity: 0 } as const;
const FORCE_MS = 3000;
/** Of what is known: the others are hardly held any more. */
const NEWEST = 4;

export const ELECTION = 'e';
const SHARED = 'w';
const PERMITS = 's';

/** As the SDK knows them. */
export function sdkLockNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, place) => `m${place}`);
}

const anyLock = ({ random, life }: SdkGrantLane): string => pick(random, sdkLockNames(life.parts.mix.locks));

const lock: SdkGrantPlay = (lane) => {
  const name = anyLock(lane);
  const mutex = lane.life.client.mutex(name);
  return lane.take({ what: 'locks', names: [`mutex/${name}`], room: ALONE, ask: (options) => mutex.acquire(options) });
};

const tryLock: SdkGrantPlay = (lane) => {
  const name = anyLock(lane);
  const mutex = lane.life.client.mutex(name);
  const ask: Wanted['ask'] = (options) => mutex.tryAcquire(options);
  return lane.take({ what: 'tries to lock', names: [`mutex/${name}`], room: ALONE, ask });
};

/** What it throws comes out again, unless something else has gone wrong. */
class WorkFailed extends Error {
  override readonly name = 'WorkFailed';
}

const run: SdkGrantPlay = async (lane) => {
  const { life, random, who } = lane;
  const { ports, tally, findings } = life.parts;
  const name = anyLock(lane);
  const mutex = life.client.mutex(name);
  const fails = chance(random, 20);
  let runs = 0;
  try {
    const result = await mutex.run(async (grant) => {
      runs += 1;
      const holding = life.hold(who, [`mutex/${name}`], grant, true);
      if (chance(random, 10)) await fromInside(lane, mutex);
      await lane.work(holding, grant);
      holding.isBusy = false;
      if (fails) throw new WorkFailed();
      return name;
    }, lane.options());
    if (fails || runs !== 1 || result !== name) {
      findings.add(
        'sdk-run',
        `${who}: resolved with ${result} after ${runs} runs, the body ${fails ? 'failed' : 'did not fail'}`,
      );
    }
    tally.add('sdk runs');
  } catch (error) {
    if (error instanceof WorkFailed) {
      if (!fails) findings.add('sdk-run', `${who}: failed, and the body did not`);
    } else {
      if (fails && runs > 0) findings.add('sdk-run', `${who}: the body's own error is hidden by ${String(error)}`);
      life.rejected(`${who} run`, error);
    }
  }
  ports.trace(`${who} has run under ${name}`);
};

/** It would wait for itself. */
async function fromInside({ life, who }: SdkGrantLane, mutex: Mutex): Promise<void> {
  try {
    await mutex.acquire();
    life.parts.findings.add('sdk-run', `${who}: the lock was granted again from inside its own run`);
  } catch (error) {
    life.rejected(`${who} acquire from inside`, error, 'GRANT_OWNED');
  }
}

const share: SdkGrantPlay = (lane) => {
  const rwLock = lane.life.client.rwLock(SHARED);
  const reads = chance(lane.random, 70);
  return lane.take({
    what: reads ? 'reads' : 'writes',
    names: [`rwLock/${SHARED}`],
    room: reads ? TOGETHER : ALONE,
    ask: (options) => (reads ? rwLock.read(options) : rwLock.write(options)),
  });
};

const permits: SdkGrantPlay = (lane) => {
  const { random, life } = lane;
  const { permits: capacity } = life.parts.mix;
  const semaphore = life.client.semaphore(PERMITS, { permits: capacity });
  const weight = between(random, 1, capacity);
  const waits = chance(random, 70);
  return lane.take({
    what: `${waits ? 'takes' : 'tries to take'} ${weight} of`,
    names: [`semaphore/${PERMITS}`],
    room: { mode: 'shared', weight, capacity },
    ask: (options) =>
      waits ? semaphore.acquire({ ...options, weight }) : semaphore.tryAcquire({ ...options, weight }),
  });
};

const several: SdkGrantPlay = (lane) => {
  const { random, life } = lane;
  const names = sdkLockNames(life.parts.mix.locks).filter((_, place) => place === 0 || chance(random, 60));
  const mutex = life.client.multiLock(names);
  const waits = chance(random, 70);
  return lane.take({
    what: `${waits ? 'locks' : 'tries to lock'} together`,
    names: names.map((name) => `mutex/${name}`),
    room: ALONE,
    ask: (options) => (waits ? mutex.acquire(options) : mutex.tryAcquire(options)),
  });
};

/** An operator takes something away, by whatever member. Nobody waits for the answer. */
const force: SdkGrantPlay = async ({ life, random }) => {
  const { ports, known } = life.parts;
  const targets = ports.targets();
  if (known.length === 0 || targets.length === 0) return;
  const { name, token } = pick(random, known.slice(-NEWEST));
  ports.trace(`an operator takes away token ${token} of ${name}`);
  const deadline = ports.clock.now() + FORCE_MS;
  pick(random, targets)
    .grants.force({ kind: 'grantForce', name, token }, { deadline })
    .catch(() => undefined);
};

export const sdkGrantPlays: Readonly<Record<SdkGrantPlayName, SdkGrantPlay>> = {
  lock,
  tryLock,
  run,
  share,
  permits,
  several,
  force,
};

/** All that there is, once each: so nothing of it is stuck. */
export function everything(lane: SdkGrantLane): readonly Wanted[] {
  const { client, parts } = lane.life;
  const { locks, permits: capacity } = parts.mix;
  const mutexes = sdkLockNames(locks).map((name) => client.mutex(name));
  const room = { mode: 'shared', weight: capacity, capacity } as const;
  return [
    ...mutexes.map((mutex, place): Wanted => {
      return { what: 'locks', names: [`mutex/m${place}`], room: ALONE, ask: (options) => mutex.acquire(options) };
    }),
    {
      what: 'writes',
      names: [`rwLock/${SHARED}`],
      room: ALONE,
      ask: (options) => client.rwLock(SHARED).write(options),
    },
    {
      what: 'takes all of',
      names: [`semaphore/${PERMITS}`],
      room,
      ask: (options) => client.semaphore(PERMITS, { permits: capacity }).acquire({ ...options, weight: capacity }),
    },
  ];
}
