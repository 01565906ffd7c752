/**
 * Why the process ended. The numbers are a promise to service managers and scripts: they never change their meaning.
 * Whatever the composition root cannot survive reaches main.ts as a FatalError that names its reason.
 */
export const exitCodes = {
  /** Asked to stop, and stopped. */
  stopped: 0,
  /** An error that nobody foresaw. */
  unexpected: 1,
  /** A flag, an environment variable or the config file is wrong; nothing was started. */
  badConfig: 2,
  /** Another process holds the data directory. */
  dataDirLocked: 3,
  /** The data directory is damaged, or belongs to another member, cluster or storage engine. */
  badDataDir: 4,
  /** A write or a sync failed: what memory says may not be on disk. */
  storageWriteFailed: 5,
  /** A listen URL could not be bound. */
  cannotListen: 6,
  /** An invariant of ours is broken. A bug: please report it with the log. */
  invariantBroken: 7,
  /** The storage engine cannot run on this Node version or platform. */
  storageUnavailable: 8,
  /** Stopping took too long, or a second signal asked to leave at once. */
  stopForced: 9,
} as const satisfies Readonly<Record<string, number>>;

export type ExitReason = keyof typeof exitCodes;

/** Ends the process with `reason`. Thrown by whatever starts or runs a part that the member cannot do without. */
export class FatalError extends Error {
  override readonly name = 'FatalError';

  constructor(
    readonly reason: ExitReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
