/** MySQL and MariaDB, by the driver `mysql2/promise`: known by its shape alone, never imported. */
import { QuorateError } from '../core/quorate-error.js';
import type { SqlTransaction } from './sql-transaction.js';

/** A connection of `mysql2/promise`, checked out of its pool. */
export interface MysqlConnection {
  query(options: MysqlStatement): Promise<readonly [unknown, unknown]>;
  release(): void;
  destroy(): void;
}

export interface MysqlStatement {
  readonly sql: string;
  readonly values?: unknown[];
  readonly rowsAsArray?: boolean;
}

/** `createPool(...)` of `mysql2/promise`. */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection>;
}

/** Names are bytes: text would be compared without regard to case. Locks of rows need InnoDB. */
const CREATE =
  'CREATE TABLE IF NOT EXISTS fences (name VARBINARY(255) PRIMARY KEY, token BIGINT NOT NULL) ENGINE = InnoDB';

/**
 * Waits for the lock of the row and keeps it. It must come before every plain SELECT: the first of those decides which
 * state all of them see. The affected rows do not tell whether it was raised; the row, which is ours now, does.
 */
const RAISE = 'INSERT INTO fences (name, token) VALUES (?, ?) ON DUPLICATE KEY UPDATE token = GREATEST(token, ?)';
const LOOK = 'SELECT token FROM fences WHERE name = ? FOR UPDATE';

/** ER_SP_DOES_NOT_EXIST. */
const SAVEPOINT_NOT_FOUND = 1305;

export async function createMysqlFences(pool: MysqlPool): Promise<void> {
  const connection = await pool.getConnection();
  try {
    await connection.query({ sql: CREATE });
  } finally {
    connection.release();
  }
}

export class MysqlTransaction implements SqlTransaction {
  readonly #connection: MysqlConnection;

  constructor(connection: MysqlConnection) {
    this.#connection = connection;
  }

  async begin(): Promise<void> {
    await this.#connection.query({ sql: 'START TRANSACTION' });
  }

  async claim(name: string, token: number): Promise<boolean> {
    const bytes = Buffer.from(name);
    await this.#connection.query({ sql: RAISE, values: [bytes, token, token] });
    const [rows] = await this.#connection.query({ sql: LOOK, values: [bytes], rowsAsArray: false });
    const [row] = rows as readonly { readonly token: unknown }[];
    if (Number(row?.token) !== token) return false;
    await this.#connection.query({ sql: 'SAVEPOINT quorate_fence' });
    return true;
  }

  /** DDL commits and a deadlock rolls back, the savepoint goes with either, and what comes after commits by itself. */
  async assertOpen(): Promise<void> {
    try {
      await this.#connection.query({ sql: 'RELEASE SAVEPOINT quorate_fence' });
    } catch (error) {
      // Of anything else, a broken connection above all, the driver has said what there is to say.
      if (!isNoSavepoint(error)) throw error;
      const detail = 'the transaction of the claim was over before its end: DDL, a deadlock, or a COMMIT in its body';
      throw new QuorateError('OUTCOME_UNKNOWN', { detail, retryable: false, cause: error });
    }
  }

  async commit(): Promise<void> {
    await this.#connection.query({ sql: 'COMMIT' });
  }

  async rollback(): Promise<void> {
    await this.#connection.query({ sql: 'ROLLBACK' });
  }

  release(): void {
    this.#connection.release();
  }

  discard(): void {
    this.#connection.destroy();
  }
}

function isNoSavepoint(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'errno' in error && error.errno === SAVEPOINT_NOT_FOUND;
}
