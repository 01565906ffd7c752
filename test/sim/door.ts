/**
 * A running member as clients reach it. A call and its answer take their time on the way; a paused process takes none,
 * and one that ended answers none: then the promise never settles. Every answer is checked as it leaves.
 */
import type { Random } from '../../server/lib/random.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import type { KvMember } from '../../server/node/kv-member.js';
import type {
  DeleteRangeAnswer,
  HashAnswer,
  Header,
  Member,
  MemberStatus,
  PutAnswer,
  RangeAnswer,
  RequestOptions,
  TxnAnswer,
} from '../../server/node/member.js';
import type {
  CompactCommand,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  TxnCommand,
} from '../../server/state/command.js';
import { isReadOnlyTxn, isSerializableTxn } from '../../server/state/read-only-txn.js';
import type { MemberInfo } from '../../server/state/result.js';
import { longTail } from './draws.js';
import type { MemberProcess } from './member-clock.js';
import type { AnswerChecks } from './step-checks-answers.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';

const CLIENT_LATENCY_MS = { from: 0.1, to: 2 } as const;

export interface DoorParts {
  readonly id: bigint;
  readonly kv: KvMember;
  readonly process: MemberProcess;
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly random: Random;
  readonly checks: AnswerChecks;
  /** A call or an answer is lost on the way. */
  isLost(): boolean;
  /** The process may die here. */
  answering(): void;
}

export interface Call<T> {
  readonly name: string;
  /** Whether it must see everything committed when it was made. */
  readonly isLinearizable: boolean;
  readonly make: (kv: KvMember, options: RequestOptions) => Promise<T>;
  /** Undefined: an answer that carries none. */
  readonly headerOf: (answer: T) => Header | undefined;
}

export class Door implements Member {
  readonly #parts: DoorParts;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  put(command: PutCommand, options?: RequestOptions): Promise<PutAnswer> {
    return this.#call(options, {
      name: 'put',
      isLinearizable: true,
      make: (kv, local) => kv.put(command, local),
      headerOf: ({ header }) => header,
    });
  }

  deleteRange(command: DeleteRangeCommand, options?: RequestOptions): Promise<DeleteRangeAnswer> {
    return this.#call(options, {
      name: 'deleteRange',
      isLinearizable: true,
      make: (kv, local) => kv.deleteRange(command, local),
      headerOf: ({ header }) => header,
    });
  }

  txn(command: TxnCommand, options?: RequestOptions): Promise<TxnAnswer> {
    return this.#call(options, {
      name: 'txn',
      isLinearizable: !isReadOnlyTxn(command) || !isSerializableTxn(command),
      make: (kv, local) => kv.txn(command, local),
      headerOf: ({ header }) => header,
    });
  }

  range(query: RangeQuery, options?: RequestOptions): Promise<RangeAnswer> {
    return this.#call(options, {
      name: 'range',
      isLinearizable: !query.serializable,
      make: (kv, local) => kv.range(query, local),
      headerOf: ({ header }) => header,
    });
  }

  compact(command: CompactCommand, physical: boolean, options?: RequestOptions): Promise<{ readonly header: Header }> {
    return this.#call(options, {
      name: 'compact',
      isLinearizable: true,
      make: (kv, local) => kv.compact(command, physical, local),
      headerOf: ({ header }) => header,
    });
  }

  members(linearizable: boolean, options?: RequestOptions): Promise<readonly (MemberInfo & { isLearner: boolean })[]> {
    return this.#call(options, {
      name: 'members',
      isLinearizable: linearizable,
      make: (kv, local) => kv.members(linearizable, local),
      headerOf: () => undefined,
    });
  }

  status(): Promise<MemberStatus> {
    return this.#call(undefined, {
      name: 'status',
      isLinearizable: false,
      make: (kv) => kv.status(),
      headerOf: ({ header }) => header,
    });
  }

  hashKv(revision: number, options?: RequestOptions): Promise<HashAnswer> {
    return this.#call(options, {
      name: 'hashKv',
      isLinearizable: false,
      make: (kv, local) => kv.hashKv(revision, local),
      headerOf: ({ header }) => header,
    });
  }

  hash(options?: RequestOptions): Promise<HashAnswer> {
    return this.hashKv(0, options);
  }

  get isLearner(): boolean {
    return this.#parts.kv.isLearner;
  }

  get isReady(): boolean {
    return this.#parts.kv.isReady;
  }

  onReadyChange(listener: (isReady: boolean) => void): void {
    this.#parts.kv.onReadyChange(listener);
  }

  /** The way of every call: also of those that another door of this member makes. */
  call<T>(options: RequestOptions | undefined, call: Call<T>): Promise<T> {
    return this.#call(options, call);
  }

  #call<T>(options: RequestOptions | undefined, call: Call<T>): Promise<T> {
    const { process, kv, checks } = this.#parts;
    const floor = call.isLinearizable ? checks.floor : undefined;
    return new Promise<T>((resolve, reject) => {
      this.#travel(() =>
        process.run(() => {
          call.make(kv, this.#local(options)).then(
            (answer) => this.#leave(call, answer, floor, () => resolve(answer)),
            (error: unknown) => this.#refuse(call.name, error, () => reject(asError(error))),
          );
        }),
      );
    });
  }

  #leave<T>(call: Call<T>, answer: T, floor: number | undefined, arrive: () => void): void {
    const { process, id, checks, trace } = this.#parts;
    this.#parts.answering();
    if (process.isEnded) return;
    const header = call.headerOf(answer);
    const revision = header?.revision ?? 0;
    trace.event(() => `m${id} answers ${call.name} at revision ${revision}`, Number(id), revision);
    if (header !== undefined) checks.answered(id, call.name, revision, floor);
    this.#travel(arrive);
  }

  #refuse(name: string, error: unknown, arrive: () => void): void {
    const { process, id, trace } = this.#parts;
    if (process.isEnded) return;
    const code = error instanceof QuorateError ? error.code : String(error);
    trace.event(() => `m${id} refuses ${name}: ${code}`, Number(id), code.length);
    this.#travel(arrive);
  }

  #travel(arrive: () => void): void {
    if (this.#parts.isLost()) return;
    this.#parts.time.after(longTail(this.#parts.random, CLIENT_LATENCY_MS.from, CLIENT_LATENCY_MS.to), arrive);
  }

  /** The caller's deadline is in true time, the member's in its own. An abort reaches a process that runs. */
  #local({ deadline, signal }: RequestOptions = {}): RequestOptions {
    const { process } = this.#parts;
    const local = new AbortController();
    if (signal?.aborted === true) local.abort();
    else signal?.addEventListener('abort', () => process.run(() => local.abort()), { once: true });
    return {
      ...(deadline === undefined ? {} : { deadline: process.localMs(deadline) }),
      ...(signal === undefined ? {} : { signal: local.signal }),
    };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
