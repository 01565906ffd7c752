/** A SessionMember whose answers a test gives, one by one, and that remembers what it was asked. */
import { createDeferred, type Deferred } from '../../server/lib/deferred.js';
import { QuorateError } from '../../server/lib/quorate-error.js';
import type { Consistency } from '../../server/node/consistency.js';
import type { RangeAnswer, RequestOptions } from '../../server/node/member.js';
import type { Leadership, SessionMember, WriteAnswer, Writing } from '../../server/node/session-member.js';
import type { LeaseGrantCommand, RangeQuery } from '../../server/state/command.js';
import type { SessionInfo } from '../../server/state/result.js';
import { header } from './fake-member.js';

export const LEADERSHIP: Leadership = {
  leader: 2n,
  term: 5,
  members: [{ id: 2n, name: 'm2', peerUrls: [], clientUrls: ['http://two'] }],
};

interface AskedWrite extends Writing {
  readonly options: RequestOptions | undefined;
  readonly answer: Deferred<WriteAnswer>;
  isAbandoned: boolean;
}

interface AskedRead {
  readonly query: RangeQuery;
  readonly consistency: Consistency;
  readonly options: RequestOptions | undefined;
  readonly answer: Deferred<RangeAnswer>;
}

export class FakeSessions implements SessionMember {
  readonly clusterId = header.clusterId;
  readonly memberId = header.memberId;
  readonly window = { replies: 1024, bytes: 1_048_576 };
  leadership = LEADERSHIP;
  readonly registered: string[] = [];
  readonly writes: AskedWrite[] = [];
  readonly reads: AskedRead[] = [];
  onRegister: () => Promise<SessionInfo> = async () => sessionInfo(7);
  onFind: (id: number) => Promise<SessionInfo | undefined> = async (id) => sessionInfo(id);
  readonly listeners = new Set<(leadership: Leadership) => void>();

  register(clientName: string): Promise<SessionInfo> {
    this.registered.push(clientName);
    return this.onRegister();
  }

  find(id: number): Promise<SessionInfo | undefined> {
    return this.onFind(id);
  }

  write(writing: Writing, options?: RequestOptions) {
    const asked: AskedWrite = { ...writing, options, answer: createDeferred<WriteAnswer>(), isAbandoned: false };
    this.writes.push(asked);
    return {
      answer: asked.answer.promise,
      abandon: () => {
        asked.isAbandoned = true;
        asked.answer.reject(new QuorateError('CANCELED'));
      },
    };
  }

  grantCommand({ id, ttl }: { id: bigint; ttl: bigint }): LeaseGrantCommand {
    if (ttl > 100n) throw new QuorateError('LEASE_TTL_TOO_LARGE', `${ttl} s, at most 100`);
    return { kind: 'leaseGrant', id: id === 0n ? 77n : id, ttlMs: Number(ttl) * 1000 };
  }

  read(query: RangeQuery, consistency: Consistency, options?: RequestOptions): Promise<RangeAnswer> {
    const asked = { query, consistency, options, answer: createDeferred<RangeAnswer>() };
    this.reads.push(asked);
    return asked.answer.promise;
  }

  onLeadershipChange(listener: (leadership: Leadership) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Answers all writes that wait, as puts. */
  answerWrites(): void {
    for (const { answer } of this.writes) answer.resolve({ kind: 'put', answer: { header, prevKv: undefined } });
  }
}

export function sessionInfo(id: number, rest: Partial<SessionInfo> = {}): SessionInfo {
  return { id, clientName: '', ttlMs: 300_000, settled: 0, applied: 0, contactMs: 0, ...rest };
}
