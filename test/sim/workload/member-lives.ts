/**
 * What holds for the answers of one life of a member, whoever asks: they name the cluster and the member, and neither
 * its term nor its revision falls. An answer may have been made before another one that came sooner, so each is held
 * against what was known when its question was asked.
 */
import type { Header, Member } from '../../../server/node/member.js';
import type { Target } from '../workload-ports.js';

export interface Known {
  readonly raftTerm: number;
  readonly revision: number;
}

const NOTHING: Known = { raftTerm: 0, revision: 0 };

export class MemberLives {
  #clusterId: bigint | undefined;
  readonly #lives = new Map<Member, Known>();

  known(target: Target): Known {
    return this.#lives.get(target.kv) ?? NOTHING;
  }

  /** Says what is wrong with `header`, and remembers it. */
  check({ id, kv }: Target, before: Known, header: Header): readonly string[] {
    const { clusterId, memberId, revision, raftTerm } = header;
    this.#clusterId ??= clusterId;
    const complaints: string[] = [];
    if (clusterId !== this.#clusterId) complaints.push(`cluster ${clusterId} in the header, not ${this.#clusterId}`);
    if (memberId !== id) complaints.push(`member ${memberId} in the header`);
    if (!Number.isSafeInteger(revision) || revision < 1) complaints.push(`revision ${revision} in the header`);
    if (!Number.isSafeInteger(raftTerm) || raftTerm < 0) complaints.push(`term ${raftTerm} in the header`);
    if (raftTerm < before.raftTerm) complaints.push(`term ${raftTerm} after term ${before.raftTerm}`);
    if (revision < before.revision) complaints.push(`revision ${revision} after revision ${before.revision}`);
    const known = this.#lives.get(kv) ?? NOTHING;
    this.#lives.set(kv, {
      raftTerm: Math.max(raftTerm, known.raftTerm),
      revision: Math.max(revision, known.revision),
    });
    return complaints;
  }
}
