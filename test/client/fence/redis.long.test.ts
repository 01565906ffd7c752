/** The fence of Redis, on Redis, by both drivers. QUORATE_FENCE_SEEDS=500 is the full size; CI runs 30. */
import { createClient } from '@redis/client';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Claim, fencedRedis, type RedisClient } from '../../../client/fence/index.js';
import { QuorateError } from '../../../client/index.js';
import { requireDatabase, useDatabase } from './databases.js';
import { losesNothing, type Register, unheld } from './two-holders.js';

let opened = 0;

async function openRegister(redis: RedisClient): Promise<Register & { readonly name: string }> {
  opened += 1;
  const name = `register-${opened}`;
  const claim = (token: number): Claim => ({ name, grant: unheld(token) });
  return {
    name,
    claimAndRead: async (token) => Number((await fencedRedis(redis, claim(token), [['GET', name]]))[0] ?? 0),
    readUnclaimed: async () => Number((await plainly(redis, ['GET', name])) ?? 0),
    write: async (token, value) => void (await fencedRedis(redis, claim(token), [['SET', name, String(value)]])),
  };
}

function plainly(redis: RedisClient, [command = '', ...args]: readonly string[]): Promise<unknown> {
  return 'call' in redis ? redis.call(command, ...args) : redis.sendCommand([command, ...args]);
}

describe.skipIf(!requireDatabase('redis'))('the fence of Redis', () => {
  const port = useDatabase('redis');

  describe.each(['ioredis', 'ioredis with a prefix', 'redis'])('by %s', (driver) => {
    let redis: RedisClient;
    let close: () => unknown;

    beforeAll(async () => {
      if (driver === 'redis') {
        const client = createClient({ socket: { host: '127.0.0.1', port: port() } });
        await client.connect();
        redis = client;
        close = () => client.close();
      } else {
        const keyPrefix = driver === 'ioredis' ? '' : 'app:';
        const client = new Redis({ host: '127.0.0.1', port: port(), keyPrefix, maxRetriesPerRequest: 0 });
        redis = client;
        close = () => client.quit();
      }
    });
    afterAll(() => close());

    losesNothing(() => openRegister(redis));

    it('accepts the token again and a higher one, refuses a lower one, and leaves no trace of it', async () => {
      const register = await openRegister(redis);
      await register.write(7, 1);
      await register.write(7, 2);
      await register.write(9, 3);
      const late = register.write(8, 100);
      await expect(late).rejects.toMatchObject({ code: 'FENCED', outcome: 'notApplied', retryable: false });
      expect(await register.readUnclaimed()).toBe(3);
    });

    it('compares the highest tokens there are', async () => {
      const register = await openRegister(redis);
      await register.write(Number.MAX_SAFE_INTEGER, 1);
      const late = register.write(Number.MAX_SAFE_INTEGER - 1, 2);
      await expect(late).rejects.toMatchObject({ code: 'FENCED' });
      await register.write(Number.MAX_SAFE_INTEGER, 3);
    });

    it('runs commands in their order, on their own keys, and returns what each replies', async () => {
      const { name } = await openRegister(redis);
      const commands = [
        ['HSET', `${name}-h`, 'a', '1', 'b', '2'],
        ['HGET', `${name}-h`, 'none'],
        ['INCR', name],
        ['RPUSH', `${name}-l`, 'x', 'y'],
        ['LRANGE', `${name}-l`, '0', '-1'],
      ] as const;
      const replies = await fencedRedis(redis, { name, grant: unheld(1) }, commands);
      expect(replies).toEqual([2, null, 1, 2, ['x', 'y']]);
      expect(await plainly(redis, ['GET', name])).toBe('1');
      expect(await plainly(redis, ['GET', `fence:${name}`])).toBe('1');
    });

    it('cannot say what has happened when a command fails', async () => {
      const { name } = await openRegister(redis);
      const failing = fencedRedis(redis, { name, grant: unheld(1) }, [
        ['SET', name, 'text'],
        ['INCR', name],
      ]);
      await expect(failing).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', outcome: 'unknown' });
      await expect(failing).rejects.toThrow('not an integer');
      expect(await plainly(redis, ['GET', name])).toBe('text');
    });

    it('sends nothing once the grant is lost', async () => {
      const register = await openRegister(redis);
      const grant = {
        token: 1,
        assertHeld: () => {
          throw new QuorateError('GRANT_LOST');
        },
      };
      const late = fencedRedis(redis, { name: register.name, grant }, [['SET', register.name, '5']]);
      await expect(late).rejects.toMatchObject({ code: 'GRANT_LOST', outcome: 'notApplied' });
      expect(await register.readUnclaimed()).toBe(0);
    });
  });
});
