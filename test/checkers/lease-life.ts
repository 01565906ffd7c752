/** One lease from its grant to its end, as the log tells it. Ids are decimal numbers. */

/** A place in the log, and the true time at which anybody first knew that it is committed: nobody acts on it before. */
export interface LogMoment {
  readonly index: number;
  readonly term: number;
  readonly atMs: number;
}

/** What a leader has noted as left of a lease; 0: the whole time again. */
export interface LeaseNote extends LogMoment {
  readonly remainingMs: number;
}

export interface LeaseEnding extends LogMoment {
  readonly cause: 'expired' | 'revoked';
  /** The store revision of the deletion; of the moment, when there was nothing to delete. */
  readonly revision: number;
  /** In byte order. */
  readonly keys: readonly string[];
}

/** What hung on it from some place in the log on. */
export interface LeaseKeys extends LogMoment {
  /** In byte order. */
  readonly keys: readonly string[];
}

export interface LeaseLife {
  readonly id: string;
  readonly ttlMs: number;
  readonly granted: LogMoment;
  readonly notes: readonly LeaseNote[];
  readonly keys: readonly LeaseKeys[];
  readonly ended: LeaseEnding | undefined;
}
