/** The promise to users: everything exported here, and nothing else of this package. */
export { Client, type ClientStats } from './api/client.js';
export type {
  Codec,
  Entry,
  EntryBatch,
  EntryEvent,
  EntryExpected,
  EntryList,
  EntrySwapResult,
  KeyCodec,
  Keyspace,
  KeyspaceOptions,
} from './api/keyspace.js';
export type {
  Expected,
  Kv,
  ListOptions,
  ReadOptions,
  ScanOptions,
  SwapResult,
  UpdateResult,
} from './api/kv.js';
export type { GrantOptions, Lease, LeaseInfo, Leases } from './api/lease.js';
export type { LeaseLike } from './api/lease-like.js';
export type { SchemaIssue, SchemaResult, StandardSchema } from './api/standard-schema.js';
export type { Status } from './api/status.js';
export {
  cmp,
  type Comparison,
  type Condition,
  del,
  fence,
  get,
  type GetOptions,
  type Op,
  type Property,
  put,
  type PutOptions,
  type Required,
  type Results,
  type Txn,
  type TxnResult,
} from './api/txn.js';
export type { Watch, WatchBatch, WatchOptions } from './api/watch.js';
export type { Credentials } from './calls/authenticator.js';
export type { CallOptions } from './calls/caller.js';
export { connect, type ConnectOptions, type InProcessServer } from './connect.js';
export type { ErrorCode } from './core/error-code.js';
export type { AcquireOptions } from './grant/acquire.js';
export type { Barrier, EnterOptions, Presence } from './grant/barrier.js';
export type { Election, Leader, LeadOptions, Observation, Term } from './grant/election.js';
export type { Grant, GrantState } from './grant/grant.js';
export type { Latch } from './grant/latch.js';
export type { Mutex } from './grant/mutex.js';
export type { RwLock } from './grant/rw-lock.js';
export type { PermitOptions, Semaphore } from './grant/semaphore.js';
export { leaseId, type LeaseId, revision, type Revision } from './core/ids.js';
export type { LeaseState } from './core/lease-deadline.js';
export type { Outcome } from './core/outcome.js';
export { type ErrorFacts, isQuorateError, QuorateError } from './core/quorate-error.js';
export type { Clock, Timer } from './lib/clock.js';
export type { Logger } from './lib/logger.js';
export type { Random } from './lib/random.js';
export type { TlsOptions } from './transport/grpc-transport.js';
export type { MemberDoor } from './transport/memory-transport.js';
export type {
  CallStatus,
  Connection,
  Metadata,
  StatusName,
  Stream,
  StreamHandler,
  Transport,
  UnaryDone,
  UnaryOptions,
} from './transport/transport.js';
export type { Bytes } from './wire/bytes.js';
export type { KeyRange } from './wire/key-range.js';
export type { KeyValue } from './wire/key-value.js';
export type { CompactResult, DeleteResult, PutResult, RangeResult } from './wire/kv-answers.js';
export type { Sort, SortTarget } from './wire/kv-requests.js';
export type { Consistency } from './wire/request.js';
export type { DeleteCause, WatchEvent } from './wire/watch-wire.js';
