/** The members as the replicated state knows them: who they are and where their clients reach them. */
import { assert } from '../lib/assert.js';
import { compareBigints } from '../lib/bytes.js';
import type { PublishMemberCommand } from './command.js';
import type { MemberInfo } from './result.js';

export class MemberTable {
  #sorted: readonly MemberInfo[];

  constructor(members: readonly MemberInfo[]) {
    this.#sorted = [...members].sort((a, b) => compareBigints(a.id, b.id));
    assert(new Set(members.map((member) => member.id)).size === members.length, 'two members share an id');
  }

  /** Sorted by id. The list never changes; a change makes a new one. */
  all(): readonly MemberInfo[] {
    return this.#sorted;
  }

  /** Undefined when there is no member of that id: it may have been removed while its command was on its way. */
  publish({ id, name, clientUrls }: PublishMemberCommand): MemberInfo | undefined {
    const known = this.#sorted.find((member) => member.id === id);
    if (known === undefined) return undefined;
    const published = { ...known, name, clientUrls: [...clientUrls] };
    this.#sorted = this.#sorted.map((member) => (member.id === id ? published : member));
    return published;
  }
}
