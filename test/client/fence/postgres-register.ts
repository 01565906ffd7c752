/** A number in a row of PostgreSQL, guarded by a mark of its own. */
import type { Pool, PoolClient } from 'pg';
import { type Claim, fenced } from '../../../client/fence/index.js';
import { type TransactionalRegister, unheld } from './two-holders.js';

let opened = 0;

export async function createRegisters(pool: Pool): Promise<void> {
  await pool.query('CREATE TABLE IF NOT EXISTS registers (name text PRIMARY KEY, value int NOT NULL)');
}

export async function openRegister(pool: Pool): Promise<TransactionalRegister & { readonly name: string }> {
  opened += 1;
  const name = `register-${opened}`;
  await pool.query('INSERT INTO registers VALUES ($1, 0)', [name]);
  const claim = (token: number): Claim => ({ name, grant: unheld(token) });
  const read = async (on: Pool | PoolClient): Promise<number> =>
    (await on.query<{ value: number }>('SELECT value FROM registers WHERE name = $1', [name])).rows[0]?.value ?? NaN;
  const write = async (tx: PoolClient, value: number): Promise<void> => {
    await tx.query('UPDATE registers SET value = $2 WHERE name = $1', [name, value]);
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
