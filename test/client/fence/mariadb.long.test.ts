/** The fence of MySQL, on MariaDB. QUORATE_FENCE_SEEDS=500 is the full size; CI runs 30. */
import { setTimeout as delay } from 'node:timers/promises';
import { createPool, type Pool, type PoolConnection, type PoolOptions, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Claim, createFences, fenced } from '../../../client/fence/index.js';
import { createDeferred } from '../../../client/lib/deferred.js';
import { requireDatabase, useDatabase } from './databases.js';
import { losesNothing, losesNothingAtOnce, type TransactionalRegister, unheld } from './two-holders.js';

let opened = 0;

async function openRegister(pool: Pool): Promise<TransactionalRegister & { readonly name: string }> {
  opened += 1;
  const name = `register-${opened}`;
  await pool.query('INSERT INTO registers VALUES (?, 0)', [name]);
  const claim = (token: number): Claim => ({ name, grant: unheld(token) });
  const read = async (on: Pool | PoolConnection): Promise<number> => {
    const sql = 'SELECT value FROM registers WHERE name = ?';
    const [rows] = await on.query<RowDataPacket[]>({ sql, values: [name], rowsAsArray: false });
    return Number(rows[0]?.['value']);
  };
  const write = async (tx: PoolConnection, value: number): Promise<void> => {
    await tx.query('UPDATE registers SET value = ? WHERE name = ?', [value, name]);
  };
  return {
    name,
    claimAndRead: (token) => fenced(pool, claim(token), (tx) => read(tx)),
    readUnclaimed: () => read(pool),
    write: (token, value) => fenced(pool, claim(token), (tx) => write(tx, value)),
    increment: (token, think) =>
      fenced(pool, claim(token), async (tx) => {
        const value = await read(tx);
        await think();
        await write(tx, value + 1);
      }),
  };
}

describe.skipIf(!requireDatabase('mariadb'))('the fence of MySQL', () => {
  const port = useDatabase('mariadb');
  const pools: Pool[] = [];
  const open = (options: PoolOptions = {}): Pool => {
    const pool = createPool({ host: '127.0.0.1', port: port(), user: 'root', database: 'app', ...options });
    pools.push(pool);
    return pool;
  };
  let pool: Pool;

  beforeAll(async () => {
    const bare = createPool({ host: '127.0.0.1', port: port(), user: 'root' });
    await bare.query('CREATE DATABASE app CHARACTER SET utf8mb4');
    await bare.end();
    pool = open();
    await pool.query('CREATE TABLE registers (name VARCHAR(64) PRIMARY KEY, value INT NOT NULL)');
    await Promise.all(Array.from({ length: 8 }, () => createFences(pool)));
  });
  afterAll(() => Promise.all(pools.map((one) => one.end())));

  losesNothing(() => openRegister(pool));
  losesNothingAtOnce(() => openRegister(pool));

  it('accepts the token again and a higher one, refuses a lower one, and leaves no trace of it', async () => {
    const register = await openRegister(pool);
    await register.write(7, 1);
    await register.write(7, 2);
    await register.write(9, 3);
    const late = register.write(8, 100);
    await expect(late).rejects.toMatchObject({ code: 'FENCED', outcome: 'notApplied', retryable: false });
    expect(await register.readUnclaimed()).toBe(3);
    await register.write(9, 4);
  });

  it('keeps a newer holder waiting until an older one has committed, and shows it what was written', async () => {
    const register = await openRegister(pool);
    await register.write(1, 5);
    const claimed = createDeferred<void>();
    const older = register.increment(1, async () => {
      claimed.resolve();
      await delay(300);
    });
    await claimed.promise;
    expect(await register.claimAndRead(2)).toBe(6);
    await older;
  });

  it('does not take names for one that differ in case or in spaces at the end', async () => {
    const claim = (name: string, token: number): Claim => ({ name, grant: unheld(token) });
    await fenced(pool, claim('Name', 9), async () => undefined);
    await fenced(pool, claim('name', 1), async () => undefined);
    await fenced(pool, claim('Name ', 1), async () => undefined);
    await expect(fenced(pool, claim('Name', 8), async () => undefined)).rejects.toMatchObject({ code: 'FENCED' });
  });

  it.each([
    { name: 'rows as arrays', options: { rowsAsArray: true } },
    { name: 'numbers as text', options: { supportBigNumbers: true, bigNumberStrings: true } },
    { name: 'affected rows only', options: { flags: ['-FOUND_ROWS'] } },
  ])('reads the mark with $name', async ({ options }) => {
    const register = await openRegister(open(options));
    const highest = Number.MAX_SAFE_INTEGER;
    await register.write(highest - 1, 1);
    await register.write(highest, 2);
    await register.write(highest, 3);
    await expect(register.write(highest - 1, 4)).rejects.toMatchObject({ code: 'FENCED' });
    expect(await register.readUnclaimed()).toBe(3);
  });

  it('rolls back what the body did, and the mark with it, when the body fails', async () => {
    const register = await openRegister(pool);
    const failing = fenced(pool, { name: register.name, grant: unheld(50) }, async (tx) => {
      await tx.query('UPDATE registers SET value = 50 WHERE name = ?', [register.name]);
      throw new Error('of the body');
    });
    await expect(failing).rejects.toThrow('of the body');
    await register.write(1, 1);
    expect(await register.readUnclaimed()).toBe(1);
  });

  it('says so when DDL in the body has committed behind its back', async () => {
    const { name } = await openRegister(pool);
    const ended = fenced(pool, { name, grant: unheld(1) }, (tx) => tx.query('CREATE TABLE aside (id INT)'));
    await expect(ended).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', outcome: 'unknown' });
  });

  it('says so when a body has gone on after a deadlock, outside of any transaction', async () => {
    const [a, b] = [await openRegister(pool), await openRegister(pool)];
    const touch = 'UPDATE registers SET value = value + 1 WHERE name = ?';
    const other = await pool.getConnection();
    const careless = fenced(pool, { name: a.name, grant: unheld(1) }, async (tx) => {
      await tx.query(touch, [a.name]);
      // The other one weighs more: this one is chosen to be rolled back.
      await other.query('START TRANSACTION');
      for (let write = 0; write < 20; write += 1) await other.query('INSERT INTO registers VALUES (UUID(), 0)');
      await other.query(touch, [b.name]);
      const waiting = other.query(touch, [a.name]);
      await delay(100);
      const failure = await tx.query(touch, [b.name]).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'ER_LOCK_DEADLOCK' });
      await waiting;
      await other.query('ROLLBACK');
      await tx.query(touch, [a.name]);
    });
    await expect(careless).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    other.release();
    // It has happened indeed, guarded by nothing.
    expect(await a.readUnclaimed()).toBe(1);
  });

  it('survives the end of its connection while the body thinks', async () => {
    const register = await openRegister(pool);
    const broken = fenced(pool, { name: register.name, grant: unheld(1) }, async (tx) => {
      await tx.query('UPDATE registers SET value = 1 WHERE name = ?', [register.name]);
      await pool.query(`KILL ${tx.threadId}`);
      await delay(100);
    });
    await expect(broken).rejects.toThrow(/closed|lost/i);
    expect(await register.readUnclaimed()).toBe(0);
    await register.write(2, 2);
  });

  it('gives every connection back', async () => {
    const small = open({ connectionLimit: 1 });
    const register = await openRegister(small);
    for (let token = 1; token <= 5; token += 1) {
      await register.write(token, token);
      const failing = fenced(small, { name: register.name, grant: unheld(token) }, () =>
        Promise.reject(new Error('x')),
      );
      await expect(failing).rejects.toThrow('x');
    }
    expect(await register.readUnclaimed()).toBe(5);
  });
});
