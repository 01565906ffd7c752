/** PostgreSQL, by the driver `pg`: known by its shape alone, never imported. */
import { QuorateError } from '../core/quorate-error.js';
import type { SqlTransaction } from './sql-transaction.js';

/** A client of `pg`, checked out of its pool. */
export interface PgConnection {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[]; readonly command: string }>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
  release(destroy?: boolean): void;
}

/** `new Pool(...)` of `pg`. */
export interface PgPool {
  connect(): Promise<PgConnection>;
}

/** What a pool hands out. Of the two ways to call `connect` in `pg`, the compiler by itself looks at the last alone. */
export type PgConnectionOf<Pool extends PgPool> = Pool extends {
  connect: { (): Promise<infer Connection extends PgConnection>; (done: never): void };
}
  ? Connection
  : Awaited<ReturnType<Pool['connect']>>;

/** Two who create a table at once trip over each other, IF NOT EXISTS or not: so they take turns. */
const CREATE = `
  SELECT pg_advisory_xact_lock(hashtext('quorate fences'));
  CREATE TABLE IF NOT EXISTS fences (name text PRIMARY KEY, token bigint NOT NULL)`;

/** No row comes back when the mark is higher. A concurrent claim is waited for, and its mark is the one compared. */
const CLAIM = `
  INSERT INTO fences AS mark (name, token) VALUES ($1, $2)
  ON CONFLICT (name) DO UPDATE SET token = excluded.token WHERE mark.token <= excluded.token
  RETURNING token`;

export async function createPgFences(pool: PgPool): Promise<void> {
  const connection = await pool.connect();
  let isDone = false;
  try {
    await connection.query(CREATE);
    isDone = true;
  } finally {
    connection.release(!isDone);
  }
}

export class PgTransaction implements SqlTransaction {
  readonly #connection: PgConnection;
  #broken: Error | undefined;

  constructor(connection: PgConnection) {
    this.#connection = connection;
    // A connection that breaks while no statement runs tells only its listeners, and without any ends the process.
    connection.on('error', this.#onError);
  }

  readonly #onError = (error: Error): void => {
    this.#broken ??= error;
  };

  async begin(): Promise<void> {
    await this.#connection.query('BEGIN');
  }

  async claim(name: string, token: number): Promise<boolean> {
    const { rows } = await this.#connection.query(CLAIM, [name, token]);
    return rows.length > 0;
  }

  /** Without asking: DDL is part of a transaction here, and an error stays in it until its end. */
  async assertOpen(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
  }

  async commit(): Promise<void> {
    const { command } = await this.#connection.query('COMMIT');
    // What PostgreSQL answers, without an error, when a statement has failed and the caller has gone on.
    if (command === 'ROLLBACK') throw new QuorateError('ROLLED_BACK');
  }

  async rollback(): Promise<void> {
    await this.#connection.query('ROLLBACK');
  }

  release(): void {
    this.#connection.removeListener('error', this.#onError);
    this.#connection.release();
  }

  discard(): void {
    // The listener stays: the connection may break audibly while it is closed.
    this.#connection.release(true);
  }
}
