/** One transaction as `fenced` drives it, whatever the database and its driver. */

/** In this order: `begin`, `claim`, what the caller does, `assertOpen`, `commit`; `rollback` instead at any time. */
export interface SqlTransaction {
  begin(): Promise<void>;
  /**
   * Raises the mark to the token unless it is higher: then false. True: the row of the mark is locked until the end of the
   * transaction, and what is read from now on is at least as new as all that was committed under the mark before.
   */
  claim(name: string, token: number): Promise<boolean>;
  /** Throws when the transaction of the claim is over already, and its lock with it. */
  assertOpen(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** The connection may serve others. */
  release(): void;
  /** The connection is closed: nobody knows what is going on in it. */
  discard(): void;
}
