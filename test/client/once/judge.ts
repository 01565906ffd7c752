/** Holds what clients were told of each write against the log of what really happened. Pure. */
import { accountPrefix, idIn, type LoggedPut, marks, type WriteCall } from './write-call.js';

export type ViolationKind =
  /** One write, two places in the log. */
  | 'twice'
  /** A success, or an outcome of `applied`, that is not in the log. */
  | 'lost'
  /** In the log though the outcome was `notApplied`. */
  | 'denied'
  /** The success names another revision or another key than the log. */
  | 'misplaced'
  /** The success tells of another value before it than the log. */
  | 'wrongPrev'
  /** A write of a client took effect before an earlier one of it. */
  | 'disordered'
  /** In the log, and nobody made it. */
  | 'foreign'
  /** The key's version is not the number of writes that were told or proven to have happened. */
  | 'miscounted'
  /** What all accounts hold together has changed. */
  | 'unbalanced'
  /** The log has a gap, or a version that does not follow. */
  | 'incomplete';

export interface Verdict {
  readonly violations: readonly { readonly kind: ViolationKind; readonly text: string }[];
  /** Calls by what they ended with; `proven`: unknown outcomes that the log shows to have happened. */
  readonly endings: Readonly<Record<'ok' | 'notApplied' | 'applied' | 'unknown' | 'proven', number>>;
  /** Transfers that moved something. */
  readonly moved: number;
}

export interface Evidence {
  readonly calls: readonly WriteCall[];
  /** All of it, from revision 2 on, in order. */
  readonly log: readonly LoggedPut[];
  readonly lastRevision: number;
  /** The versions of the keys in the end, as a member tells them. */
  readonly versions: ReadonlyMap<string, number>;
  /** What all accounts hold together. */
  readonly total: number;
}

export function judge(evidence: Evidence): Verdict {
  const judgement = new Judgement(evidence);
  return judgement.run();
}

class Judgement {
  readonly #evidence: Evidence;
  readonly #violations: { kind: ViolationKind; text: string }[] = [];
  readonly #endings = { ok: 0, notApplied: 0, applied: 0, unknown: 0, proven: 0 };
  /** By the id of their write. */
  readonly #places = new Map<string, LoggedPut[]>();
  /** What stood at the key before, by revision and key. */
  readonly #before = new Map<string, string | null>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  run(): Verdict {
    this.#readLog();
    for (const call of this.#evidence.calls) this.#judgeCall(call);
    this.#judgeOrder();
    this.#judgeVersions();
    const callIds = new Set(this.#evidence.calls.map(({ id }) => id));
    for (const [id, [place]] of this.#places) {
      if (!callIds.has(id)) this.#say('foreign', `${id} at ${place?.revision}`);
    }
    const moved = this.#evidence.log.filter(({ key }) => key.startsWith(marks.moved)).length;
    return { violations: this.#violations, endings: this.#endings, moved };
  }

  #say(kind: ViolationKind, text: string): void {
    this.#violations.push({ kind, text });
  }

  #readLog(): void {
    const { log, lastRevision, total } = this.#evidence;
    const values = new Map<string, string>();
    const versions = new Map<string, number>();
    let revision = 1;
    let sum = 0;
    let areAllThere = false;
    for (const [index, put] of log.entries()) {
      if (put.revision !== revision && put.revision !== revision + 1) {
        this.#say('incomplete', `revision ${put.revision} after ${revision}`);
      }
      revision = put.revision;
      const version = (versions.get(put.key) ?? 0) + 1;
      if (put.version !== version) this.#say('incomplete', `${put.key} at ${revision}: version ${put.version}`);
      versions.set(put.key, put.version);
      const before = values.get(put.key);
      this.#before.set(`${revision} ${put.key}`, before === undefined ? null : idIn(before));
      values.set(put.key, put.value);
      if (!put.key.startsWith(accountPrefix)) {
        this.#place(put);
        continue;
      }
      sum += Number(put.value) - Number(before ?? 0);
      // Accounts are opened one after the other, and only then do transfers begin.
      areAllThere ||= sum === total;
      const isLast = log[index + 1]?.revision !== revision || log[index + 1]?.key.startsWith(accountPrefix) !== true;
      if (areAllThere && isLast && sum !== total) this.#say('unbalanced', `${sum} at ${revision}`);
    }
    if (revision !== lastRevision) this.#say('incomplete', `it ends at ${revision}, not at ${lastRevision}`);
    if (!areAllThere) this.#say('unbalanced', `the accounts never held ${total}`);
  }

  #place(put: LoggedPut): void {
    const id = idIn(put.value);
    const places = this.#places.get(id);
    if (places === undefined) this.#places.set(id, [put]);
    else places.push(put);
  }

  #judgeCall({ id, keys, ending }: WriteCall): void {
    const places = this.#places.get(id) ?? [];
    const [place] = places;
    const code = 'code' in ending ? ending.code : '';
    this.#endings[ending.outcome] += 1;
    if (places.length > 1) this.#say('twice', `${id} at ${places.map(({ revision }) => revision).join(', ')}`);
    if (place !== undefined && !keys.includes(place.key)) this.#say('misplaced', `${id} at ${place.key}`);
    if (ending.outcome === 'unknown') {
      if (place !== undefined) this.#endings.proven += 1;
    } else if (ending.outcome === 'notApplied') {
      if (place !== undefined) this.#say('denied', `${id} (${code}) at ${place.revision}`);
    } else if (place === undefined) {
      this.#say('lost', `${id} (${ending.outcome} ${code})`);
    } else if (ending.outcome === 'ok') {
      if (!places.some(({ revision, key }) => revision === ending.revision && key === ending.key)) {
        this.#say('misplaced', `${id} was told ${ending.key} at ${ending.revision}`);
      }
      const before = this.#before.get(`${ending.revision} ${ending.key}`);
      if (ending.prev !== undefined && ending.prev !== before) {
        this.#say('wrongPrev', `${id} at ${ending.revision}: ${ending.prev}, not ${before}`);
      }
    }
  }

  /** Calls stand in the order in which they were made, client by client. */
  #judgeOrder(): void {
    const newest = new Map<number, number>();
    for (const { id, client } of this.#evidence.calls) {
      const revision = this.#places.get(id)?.[0]?.revision;
      if (revision === undefined) continue;
      const before = newest.get(client) ?? 0;
      if (revision < before) this.#say('disordered', `${id} at ${revision}, after one at ${before}`);
      newest.set(client, Math.max(before, revision));
    }
  }

  /** From what the clients were told, and the log only where they were told that nobody knows. */
  #judgeVersions(): void {
    const expected = new Map<string, number>();
    for (const { id, keys, ending } of this.#evidence.calls) {
      if (ending.outcome === 'notApplied') continue;
      const place = this.#places.get(id)?.[0];
      if (ending.outcome === 'unknown' && place === undefined) continue;
      const key = ending.outcome === 'ok' ? ending.key : (place?.key ?? keys[0] ?? '');
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
    for (const [key, version] of this.#evidence.versions) {
      if (key.startsWith(accountPrefix)) continue;
      const count = expected.get(key) ?? 0;
      expected.delete(key);
      if (version !== count) this.#say('miscounted', `${key} has version ${version}, ${count} writes happened`);
    }
    for (const [key, count] of expected) this.#say('miscounted', `${key} is not there, ${count} writes happened`);
  }
}
