/** A Member that answers from what a test puts in, and remembers what it was asked. */
import { QuorateError } from '../../server/lib/quorate-error.js';
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
import type { MemberInfo } from '../../server/state/result.js';

export interface Asked {
  readonly method: string;
  readonly request: unknown;
  readonly options: RequestOptions | undefined;
}

/** Ids and numbers that do not survive a detour through doubles or 32 bits. */
export const header: Header = {
  clusterId: 0xfedc_ba98_7654_3211n,
  memberId: 0x8000_0000_0000_0001n,
  revision: Number.MAX_SAFE_INTEGER,
  raftTerm: 5_000_000_000,
};

export class FakeMember implements Member {
  readonly asked: Asked[] = [];
  isReady = true;
  isLearner = false;
  /** Awaited before every answer. */
  hold: Promise<void> = Promise.resolve();
  failure: Error | undefined;
  onRange: RangeAnswer = { header, kvs: [], more: false, count: 0 };
  onPut: PutAnswer = { header, prevKv: undefined };
  onDeleteRange: DeleteRangeAnswer = { header, deleted: 0, prevKvs: [] };
  onTxn: TxnAnswer = { header, succeeded: true, results: [] };
  onHash: HashAnswer = { header, hash: 0xffff_ffff, compactRevision: -1, hashRevision: 7 };
  onMembers: readonly (MemberInfo & { isLearner: boolean })[] = [];
  onStatus: MemberStatus = {
    header,
    leader: 0xffff_ffff_ffff_ffffn,
    commitIndex: 12,
    appliedIndex: 11,
    isLearner: false,
    allocatedBytes: 4096,
    liveBytes: 1024,
  };
  #listeners: ((isReady: boolean) => void)[] = [];

  readonly range = this.#answering('range', () => this.onRange);
  readonly put = this.#answering('put', () => this.onPut);
  readonly deleteRange = this.#answering('deleteRange', () => this.onDeleteRange);
  readonly txn = this.#answering('txn', () => this.onTxn);
  readonly members = this.#answering('members', () => this.onMembers);
  readonly hashKv = this.#answering('hashKv', () => this.onHash);
  readonly hash = (options?: RequestOptions) => this.#answer('hash', undefined, options, () => this.onHash);
  readonly status = () => this.#answer('status', undefined, undefined, () => this.onStatus);
  readonly compact = (command: unknown, physical: boolean, options?: RequestOptions) =>
    this.#answer('compact', { command, physical }, options, () => ({ header }));

  setReady(isReady: boolean): void {
    this.isReady = isReady;
    for (const listener of this.#listeners) listener(isReady);
  }

  onReadyChange(listener: (isReady: boolean) => void): void {
    this.#listeners.push(listener);
  }

  #answering<Answer>(method: string, answer: () => Answer) {
    return (request: unknown, options?: RequestOptions) => this.#answer(method, request, options, answer);
  }

  async #answer<Answer>(method: string, request: unknown, options: RequestOptions | undefined, answer: () => Answer) {
    this.asked.push({ method, request, options });
    await Promise.race([this.hold, aborted(options?.signal)]);
    if (this.failure !== undefined) throw this.failure;
    return answer();
  }
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new QuorateError('CANCELED')));
  });
}
