/** The fence of PostgreSQL, on PostgreSQL. QUORATE_FENCE_SEEDS=500 is the full size; CI runs 30. */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFences, fenced } from '../../../client/fence/index.js';
import { createDeferred } from '../../../client/lib/deferred.js';
import { QuorateError } from '../../../client/index.js';
import { requireDatabase, useDatabase } from './databases.js';
import { createRegisters, openRegister } from './postgres-register.js';
import { losesNothing, losesNothingAtOnce, unheld } from './two-holders.js';

describe.skipIf(!requireDatabase('postgres'))('the fence of PostgreSQL', () => {
  const port = useDatabase('postgres');
  const pools: Pool[] = [];
  const open = (config: PoolConfig = {}): Pool => {
    const pool = new Pool({ host: '127.0.0.1', port: port(), user: 'postgres', database: 'postgres', ...config });
    // An idle connection that was ended from outside.
    pool.on('error', () => undefined);
    pools.push(pool);
    return pool;
  };
  let pool: Pool;

  beforeAll(async () => {
    pool = open();
    await createRegisters(pool);
    await createFences(pool);
    await pool.query('CREATE TABLE twins (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)');
  });
  afterAll(() => Promise.all(pools.map((one) => one.end())));

  losesNothing(() => openRegister(pool));
  losesNothingAtOnce(() => openRegister(pool));

  describe('when transactions are serializable', () => {
    let serializable: Pool;
    beforeAll(() => {
      serializable = open({ options: '-c default_transaction_isolation=serializable' });
    });
    losesNothingAtOnce(() => openRegister(serializable));
  });

  it('accepts the token again and a higher one, refuses a lower one, and leaves no trace of it', async () => {
    const register = await openRegister(pool);
    await register.write(7, 1);
    await register.write(7, 2);
    await register.write(9, 3);
    const late = register.write(8, 100);
    await expect(late).rejects.toMatchObject({ code: 'FENCED', outcome: 'notApplied', retryable: false });
    expect(await register.readUnclaimed()).toBe(3);
  });

  it('keeps a newer holder waiting until an older one has committed, and shows it what was written', async () => {
    const register = await openRegister(pool);
    const claimed = createDeferred<void>();
    const older = register.increment(1, async () => {
      claimed.resolve();
      await delay(300);
    });
    await claimed.promise;
    const seen = await register.claimAndRead(2);
    expect(seen).toBe(1);
    await older;
  });

  it('rolls back what the body did, and the mark with it, when the body fails', async () => {
    const register = await openRegister(pool);
    const failing = fenced(pool, { name: register.name, grant: unheld(50) }, async (tx) => {
      await tx.query('UPDATE registers SET value = 50 WHERE name = $1', [register.name]);
      throw new Error('of the body');
    });
    await expect(failing).rejects.toThrow('of the body');
    await register.write(1, 1);
    expect(await register.readUnclaimed()).toBe(1);
  });

  it('sends no COMMIT once the grant is lost', async () => {
    const register = await openRegister(pool);
    let isHeld = true;
    const grant = {
      token: 5,
      assertHeld: () => {
        if (!isHeld) throw new QuorateError('GRANT_LOST');
      },
    };
    const late = fenced(pool, { name: register.name, grant }, async (tx) => {
      await tx.query('UPDATE registers SET value = 5 WHERE name = $1', [register.name]);
      isHeld = false;
    });
    await expect(late).rejects.toMatchObject({ code: 'GRANT_LOST', outcome: 'notApplied' });
    expect(await register.readUnclaimed()).toBe(0);
  });

  it('says so when a body has gone on after a statement that failed', async () => {
    const register = await openRegister(pool);
    const { name } = register;
    const careless = fenced(pool, { name, grant: unheld(1) }, async (tx) => {
      await tx.query('UPDATE registers SET value = 1 WHERE name = $1', [name]);
      await tx.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(careless).rejects.toMatchObject({ code: 'ROLLED_BACK', outcome: 'notApplied' });
    expect(await register.readUnclaimed()).toBe(0);
  });

  it('says so when a constraint refuses the COMMIT', async () => {
    const late = fenced(pool, { name: 'twins', grant: unheld(1) }, (tx) =>
      tx.query('INSERT INTO twins VALUES (1), (1)'),
    );
    await expect(late).rejects.toMatchObject({ code: 'ROLLED_BACK', cause: { code: '23505' } });
  });

  it('survives the end of its connection while the body thinks', async () => {
    const register = await openRegister(pool);
    const broken = fenced(pool, { name: register.name, grant: unheld(1) }, async (tx) => {
      await tx.query('UPDATE registers SET value = 1 WHERE name = $1', [register.name]);
      const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await delay(100);
    });
    // No COMMIT was sent, so this is no matter of an unknown outcome.
    await expect(broken).rejects.toMatchObject({ code: '57P01' });
    expect(await register.readUnclaimed()).toBe(0);
    await register.write(2, 2);
  });

  it('creates the table once, however many ask at once', async () => {
    await pool.query('CREATE SCHEMA aside');
    const many = open({ max: 8, options: '-c search_path=aside' });
    const together = (work: () => Promise<unknown>): Promise<unknown> => Promise.all(Array.from({ length: 8 }, work));
    await together(() => many.query('SELECT pg_sleep(0.1)'));
    for (let round = 0; round < 10; round += 1) {
      await together(() => createFences(many));
      await many.query('DROP TABLE fences');
    }
  });

  it('gives every connection back', async () => {
    const small = open({ max: 1 });
    const register = await openRegister(small);
    for (let token = 1; token <= 5; token += 1) {
      await register.write(token, token);
      const failing = fenced(small, { name: register.name, grant: unheld(token) }, () =>
        Promise.reject(new Error('x')),
      );
      await expect(failing).rejects.toThrow('x');
    }
    expect(await register.readUnclaimed()).toBe(5);
    expect(small.idleCount).toBe(1);
  });
});
