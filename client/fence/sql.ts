/** A transaction that claims first and reads then: what it reads, no older holder can change any more. */
import { isQuorateError, QuorateError } from '../core/quorate-error.js';
import { assertClaim, type Claim, fencedOff } from './claim.js';
import { createMysqlFences, type MysqlConnection, type MysqlPool, MysqlTransaction } from './mysql.js';
import { createPgFences, type PgConnectionOf, type PgPool, PgTransaction } from './postgres.js';
import type { SqlTransaction } from './sql-transaction.js';

/** A pool of `pg`, or of `mysql2/promise`. */
export type SqlPool = PgPool | MysqlPool;

/** Creates the table of the marks, `fences (name, token)`, unless it is there. Safe to call by many at once. */
export function createFences(pool: SqlPool): Promise<void> {
  return 'getConnection' in pool ? createMysqlFences(pool) : createPgFences(pool);
}

/**
 * Runs `body` in a transaction that no holder of a newer token has come before, and in which none can come until it is
 * committed. Throws FENCED when one has: then nothing was written. GRANT_LOST: the grant was over before the COMMIT was
 * sent, nothing was written. ROLLED_BACK: the database refused to commit, nothing was written. OUTCOME_UNKNOWN: nobody
 * heard what became of the COMMIT. What `body` throws is thrown, and what the database says of the statements before the
 * COMMIT, after a rollback.
 *
 * `body` must do all of its reads and writes by `tx`, await them all, and neither commit nor roll back.
 */
export function fenced<Pool extends PgPool, Result>(
  pool: Pool,
  claim: Claim,
  body: (tx: PgConnectionOf<Pool>) => Promise<Result>,
): Promise<Result>;
export function fenced<Tx extends MysqlConnection, Result>(
  pool: { getConnection(): Promise<Tx> },
  claim: Claim,
  body: (tx: Tx) => Promise<Result>,
): Promise<Result>;
export async function fenced<Result>(
  pool: SqlPool,
  claim: Claim,
  body: (tx: never) => Promise<Result>,
): Promise<Result> {
  assertClaim(claim);
  claim.grant.assertHeld();
  // Each driver's overload has paired its connection with a body that takes it.
  if ('getConnection' in pool) {
    const connection = await pool.getConnection();
    return run(new MysqlTransaction(connection), claim, () => body(connection as never));
  }
  const connection = await pool.connect();
  return run(new PgTransaction(connection), claim, () => body(connection as never));
}

async function run<Result>(transaction: SqlTransaction, claim: Claim, body: () => Promise<Result>): Promise<Result> {
  let result: Result;
  try {
    // It may have waited long for the connection.
    claim.grant.assertHeld();
    await transaction.begin();
    if (!(await transaction.claim(claim.name, claim.grant.token))) throw fencedOff(claim);
    result = await body();
    await transaction.assertOpen();
    claim.grant.assertHeld();
  } catch (error) {
    await abandon(transaction);
    throw error;
  }
  await commit(transaction);
  return result;
}

/** Without a COMMIT nothing happens, whether the ROLLBACK arrives or the connection ends. */
async function abandon(transaction: SqlTransaction): Promise<void> {
  try {
    await transaction.rollback();
  } catch {
    return transaction.discard();
  }
  transaction.release();
}

async function commit(transaction: SqlTransaction): Promise<void> {
  try {
    await transaction.commit();
  } catch (error) {
    transaction.discard();
    if (isQuorateError(error)) throw error;
    if (provesRollback(error)) throw new QuorateError('ROLLED_BACK', { detail: messageOf(error), cause: error });
    throw new QuorateError('OUTCOME_UNKNOWN', {
      detail: `COMMIT: ${messageOf(error)}`,
      retryable: false,
      cause: error,
    });
  }
  transaction.release();
}

/** Whether the database itself said so: a constraint checked late, a conflict. Of 40003 it says that it does not know. */
function provesRollback(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  // `mysql2` has its own word for the error in `code`, and a driver that heard nothing has no SQLSTATE.
  const state = 'sqlState' in error ? error.sqlState : 'code' in error ? error.code : undefined;
  return typeof state === 'string' && /^(23|40)[0-9A-Z]{3}$/.test(state) && state !== '40003';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
