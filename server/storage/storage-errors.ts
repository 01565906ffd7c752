/** Why a data directory, a record or a snapshot was refused. The texts are for the person who has to act on them. */

/** A record that was written does not read back: the member must not serve from it. Never repaired by cutting. */
export class StorageCorruptionError extends Error {
  override readonly name = 'StorageCorruptionError';

  constructor(
    message: string,
    /** The log index at fault; undefined when the damage is elsewhere. */
    readonly index?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export type DataDirectoryErrorCode =
  | 'WRONG_ENGINE'
  | 'WRONG_CLUSTER'
  | 'WRONG_MEMBER'
  | 'ENGINE_EMPTIED'
  | 'IDENTITY_MISSING'
  | 'IDENTITY_UNREADABLE'
  | 'FORMAT_UNKNOWN'
  | 'PERMISSIONS';

/** The data directory is not what this start expects. Nothing in it was changed. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';

  constructor(
    readonly code: DataDirectoryErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export type SnapshotErrorCode =
  | 'BAD_CHECKSUM'
  | 'OUT_OF_ORDER'
  | 'UNKNOWN_FORMAT'
  | 'WRONG_CLUSTER'
  | 'MALFORMED'
  | 'TOO_LARGE'
  | 'SIZE_MISMATCH'
  | 'INCOMPLETE'
  | 'ABORTED';

/** The received snapshot is not whole or not ours. The live state is untouched; ask for another one. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';

  constructor(
    readonly code: SnapshotErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
