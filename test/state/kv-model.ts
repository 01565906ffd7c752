/**
 * What the key-value store is, told as simply as possible: the list of every write ever made, and linear scans. It
 * forgets nothing, has no index, and is far too slow to serve; it is the specification that the real one is held
 * against. Read it from the top: reads, requests, transactions, leases, compaction, and what stands in a malformed
 * request.
 */
import type {
  Command,
  Compare,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  TxnCommand,
  TxnOp,
} from '../../server/state/command.js';
import type { ErrorCode } from '../../server/lib/quorate-error.js';
import type { DeleteCause, KeyValue, LeaseInfo, RangeResult, Revision } from '../../server/state/result.js';

export interface ModelWrite {
  readonly key: string;
  readonly at: Revision;
  /** Undefined: the key was deleted. */
  readonly kv: KeyValue | undefined;
  readonly prevKv: KeyValue | undefined;
  /** Why it was deleted. */
  readonly cause: DeleteCause | undefined;
}

export type ModelAnswer =
  | { readonly ok: true; readonly revision: number; readonly result: ModelResult }
  | { readonly ok: false; readonly revision: number; readonly code: ErrorCode };

export type ModelResult =
  | { readonly kind: 'put'; readonly prevKv: KeyValue | undefined }
  | { readonly kind: 'deleteRange'; readonly deleted: number; readonly prevKvs: readonly KeyValue[] }
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly ModelOpResult[] }
  | { readonly kind: 'range'; readonly answer: RangeResult }
  | { readonly kind: 'compact' }
  | { readonly kind: 'leaseGrant'; readonly id: bigint; readonly ttlMs: number }
  | { readonly kind: 'leaseRevoke' }
  | { readonly kind: 'leaseExpire'; readonly expired: readonly bigint[] }
  | { readonly kind: 'leaseCheckpoint' };

/** `revision` is what the op's own header shows; a nested txn has none. */
export type ModelOpResult = ModelResult & { readonly revision?: number };

const END = Infinity;

export class KvModel {
  revision = 1;
  compacted = -1;
  writes: readonly ModelWrite[] = [];
  leases: readonly LeaseInfo[] = [];
  private cause: DeleteCause = 'delete';

  // ---- Reads. The state at a point of history is, for each key, its newest write at or before that point.

  get(key: string, at: Revision = { main: END, sub: END }): KeyValue | undefined {
    return this.writes.findLast((write) => write.key === key && isUpTo(write, at))?.kv;
  }

  keyValuesIn(range: { key: string; rangeEnd: string }, at?: Revision): KeyValue[] {
    const keys = new Set(this.writes.map((write) => write.key));
    const inRange = [...keys].filter((key) => isInRange(key, range)).sort();
    return inRange.map((key) => this.get(key, at)).filter((kv) => kv !== undefined);
  }

  range(query: RangeQuery): ModelAnswer {
    const code = checkRange(query) ?? this.checkRevision(query.revision);
    if (code !== undefined) return { ok: false, revision: this.revision, code };
    const at = { main: query.revision > 0 ? query.revision : END, sub: END };
    return { ok: true, revision: this.revision, result: { kind: 'range', answer: this.answer(query, at) } };
  }

  answer(query: RangeQuery, at: Revision): RangeResult {
    const all = this.keyValuesIn(query, at);
    if (query.countOnly) return { kvs: [], more: false, count: all.length };
    const limit = query.limit > 0 ? query.limit : END;
    const hasFilters = Boolean(
      query.minModRevision || query.maxModRevision || query.minCreateRevision || query.maxCreateRevision,
    );
    // Without a sort order the limit cuts in key order, and one key in reserve tells of more. It is sorted along.
    const selected = query.sortOrder === 'none' && !hasFilters ? all.slice(0, limit + 1) : all.filter(passes(query));
    const sorted = sort(selected, query);
    const kvs = sorted.slice(0, limit).map((kv) => (query.keysOnly ? { ...kv, value: '' } : kv));
    return { kvs, more: sorted.length > limit, count: all.length };
  }

  checkRevision(revision: number): ErrorCode | undefined {
    if (revision > this.revision) return 'FUTURE_REVISION';
    return revision > 0 && revision < this.compacted ? 'COMPACTED' : undefined;
  }

  // ---- Requests. One that writes takes the next revision; one that does not, or is refused, leaves all as it was.

  apply(command: Command, entryTerm: number): ModelAnswer {
    const before = { revision: this.revision, compacted: this.compacted, writes: this.writes };
    try {
      this.cause = command.kind === 'txn' ? 'txn' : 'delete';
      const result = this.execute(command, entryTerm);
      this.nextRevision();
      return { ok: true, revision: this.revision, result };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      Object.assign(this, before);
      return { ok: false, revision: this.revision, code: error.code };
    }
  }

  /** What was written since the last revision is the next one. */
  private nextRevision(): void {
    if (this.writes.some((write) => write.at.main > this.revision)) this.revision += 1;
  }

  private execute(command: Command, entryTerm: number): ModelResult {
    switch (command.kind) {
      case 'put':
        refuseIf(checkPut(command));
        if (command.lease !== 0n && !this.has(command.lease)) throw new Refused('LEASE_NOT_FOUND');
        return this.put(command);
      case 'deleteRange':
        refuseIf(checkDeleteRange(command));
        return this.deleteRange(command);
      case 'txn':
        refuseIf(checkTxn(command, 128, 16));
        return this.txn(command);
      case 'compact':
        return this.compact(command.revision);
      case 'leaseGrant':
        return this.grant(command.id, command.ttlMs);
      case 'leaseRevoke':
        return this.revoke(command.id);
      case 'leaseExpire':
        return this.expire(command.term === entryTerm ? command.leases.map(({ id }) => id) : []);
      case 'leaseCheckpoint':
        return this.checkpoint(command.term === entryTerm ? command.leases : []);
      default:
        throw new Refused('UNKNOWN_COMMAND');
    }
  }

  private put(put: PutCommand): ModelResult {
    const prevKv = this.get(put.key);
    if ((put.ignoreValue || put.ignoreLease) && prevKv === undefined) throw new Refused('KEY_NOT_FOUND');
    if (put.lease !== 0n && !this.has(put.lease)) throw new Refused('LEASE_NOT_FOUND');
    const kv = {
      key: put.key,
      value: put.ignoreValue ? (prevKv?.value ?? '') : put.value,
      createRevision: prevKv?.createRevision ?? this.revision + 1,
      modRevision: this.revision + 1,
      version: (prevKv?.version ?? 0) + 1,
      lease: put.ignoreLease ? (prevKv?.lease ?? 0n) : put.lease,
    };
    this.write(put.key, kv, prevKv);
    return { kind: 'put', prevKv: put.prevKv ? prevKv : undefined };
  }

  private deleteRange(command: DeleteRangeCommand): ModelResult {
    const deleted = this.keyValuesIn(command);
    for (const prevKv of deleted) this.write(prevKv.key, undefined, prevKv);
    return { kind: 'deleteRange', deleted: deleted.length, prevKvs: command.prevKv ? deleted : [] };
  }

  private write(key: string, kv: KeyValue | undefined, prevKv: KeyValue | undefined): void {
    const main = this.revision + 1;
    const sub = this.writes.filter((write) => write.at.main === main).length;
    const cause = kv === undefined ? this.cause : undefined;
    this.writes = [...this.writes, { key, at: { main, sub }, kv, prevKv, cause }];
  }

  // ---- Transactions. Every compare looks at the state before; the ops then see each other's writes.

  private txn(txn: TxnCommand): ModelResult {
    const taken = this.decide(txn);
    const result = this.run(taken);
    // A put's refusal comes before any range's.
    for (const range of rangesOf(taken)) refuseIf(this.checkRevisionInTxn(range.revision));
    return result;
  }

  private decide(txn: TxnCommand): Taken {
    const succeeded = txn.compares.every((compare) => this.holds(compare));
    const ops = (succeeded ? txn.success : txn.failure).map((op) => (op.kind === 'txn' ? this.decide(op) : op));
    return { kind: 'taken', succeeded, ops };
  }

  private holds(compare: Compare): boolean {
    const found = this.keyValuesIn(compare);
    if (found.length === 0) {
      const missing = { key: '', value: '', createRevision: 0, modRevision: 0, version: 0, lease: 0n };
      return compare.target !== 'value' && isTrue(compare, missing);
    }
    return found.every((kv) => isTrue(compare, kv));
  }

  private run(taken: Taken): ModelResult {
    const results = taken.ops.map((op): ModelOpResult => {
      if (op.kind === 'taken') return this.run(op);
      const result = this.runOp(op);
      const hasWritten = this.writes.some((write) => write.at.main > this.revision);
      return { ...result, revision: hasWritten ? this.revision + 1 : this.revision };
    });
    return { kind: 'txn', succeeded: taken.succeeded, results };
  }

  private runOp(op: Exclude<TxnOp, TxnCommand>): ModelResult {
    if (op.kind === 'fence') throw new Error('the model knows no fences');
    if (op.kind === 'put') return this.put(op);
    if (op.kind === 'deleteRange') return this.deleteRange(op);
    return { kind: 'range', answer: this.answer(op, { main: op.revision > 0 ? op.revision : END, sub: END }) };
  }

  /** A negative revision is only another word for the current one as long as it is not below the compacted one. */
  private checkRevisionInTxn(revision: number): ErrorCode | undefined {
    if (revision < 0 && revision < this.compacted) return 'COMPACTED';
    return this.checkRevision(revision);
  }

  // ---- Leases. One that ends takes its keys along, in one revision and in order.

  has(id: bigint): boolean {
    return this.leases.some((lease) => lease.id === id);
  }

  keysOf(id: bigint): string[] {
    return this.keyValuesIn({ key: '\0', rangeEnd: '\0' })
      .filter((kv) => kv.lease === id)
      .map(({ key }) => key);
  }

  private grant(id: bigint, ttlMs: number): ModelResult {
    if (this.has(id)) throw new Refused('LEASE_EXISTS');
    this.leases = [...this.leases, { id, ttlMs, remainingMs: 0, grantedIndex: 0 }];
    return { kind: 'leaseGrant', id, ttlMs };
  }

  private revoke(id: bigint): ModelResult {
    if (!this.has(id)) throw new Refused('LEASE_NOT_FOUND');
    this.end(id, 'leaseRevoked');
    return { kind: 'leaseRevoke' };
  }

  private expire(ids: readonly bigint[]): ModelResult {
    const expired: bigint[] = [];
    for (const id of ids) {
      if (!this.has(id)) continue;
      this.end(id, 'leaseExpired');
      expired.push(id);
    }
    return { kind: 'leaseExpire', expired };
  }

  private end(id: bigint, cause: DeleteCause): void {
    this.cause = cause;
    for (const key of this.keysOf(id)) this.write(key, undefined, this.get(key));
    this.nextRevision();
    this.leases = this.leases.filter((lease) => lease.id !== id);
  }

  private checkpoint(noted: readonly { readonly id: bigint; readonly remainingMs: number }[]): ModelResult {
    for (const { id, remainingMs } of noted) {
      this.leases = this.leases.map((lease) =>
        lease.id === id ? { ...lease, remainingMs: remainingMs < lease.ttlMs ? remainingMs : 0 } : lease,
      );
    }
    return { kind: 'leaseCheckpoint' };
  }

  // ---- Compaction. What lies before it can no longer be asked for.

  private compact(revision: number): ModelResult {
    if (revision <= this.compacted) throw new Refused('COMPACTED');
    if (revision > this.revision) throw new Refused('FUTURE_REVISION');
    this.compacted = revision;
    return { kind: 'compact' };
  }

  /**
   * The writes that must outlive compaction: all from the compacted revision on, and for each key what reads at that
   * revision see.
   */
  kept(): readonly ModelWrite[] {
    const at = { main: this.compacted, sub: END };
    return this.writes.filter(
      (write) =>
        write.at.main >= this.compacted ||
        (write.kv !== undefined &&
          write === this.writes.findLast((other) => other.key === write.key && isUpTo(other, at))),
    );
  }
}

// ---- What can be wrong with a request by itself.

export function checkPut(put: PutCommand): ErrorCode | undefined {
  if (put.key === '') return 'EMPTY_KEY';
  if (put.ignoreValue && put.value !== '') return 'VALUE_PROVIDED';
  return put.ignoreLease && put.lease !== 0n ? 'LEASE_PROVIDED' : undefined;
}

export function checkRange(query: RangeQuery): ErrorCode | undefined {
  return query.key === '' ? 'EMPTY_KEY' : undefined;
}

export function checkDeleteRange(command: DeleteRangeCommand): ErrorCode | undefined {
  return command.key === '' ? 'EMPTY_KEY' : undefined;
}

export function checkTxn(txn: TxnCommand, opsMax: number, depthMax: number): ErrorCode | undefined {
  const clash = (ops: readonly TxnOp[]) => (keysWritten(ops) === 'clash' ? 'DUPLICATE_KEY' : undefined);
  return checkOps(txn, opsMax, depthMax) ?? clash(txn.success) ?? clash(txn.failure);
}

function checkOps(txn: TxnCommand, opsMax: number, depthMax: number): ErrorCode | undefined {
  if (depthMax === 0) return 'TXN_TOO_DEEP';
  const longest = Math.max(txn.compares.length, txn.success.length, txn.failure.length);
  if (longest > opsMax) return 'TOO_MANY_OPS';
  if (txn.compares.some((compare) => compare.key === '')) return 'EMPTY_KEY';
  for (const op of [...txn.success, ...txn.failure]) {
    const code =
      op.kind === 'txn'
        ? checkOps(op, opsMax - longest, depthMax - 1)
        : op.kind === 'put'
          ? checkPut(op)
          : op.kind === 'range'
            ? checkRange(op)
            : op.kind === 'deleteRange'
              ? checkDeleteRange(op)
              : undefined;
    if (code !== undefined) return code;
  }
  return undefined;
}

/** Within one branch no key is put twice and none is put that is deleted; deleting from a key on does not count. */
function keysWritten(ops: readonly TxnOp[]): { puts: string[]; deletes: DeleteRangeCommand[] } | 'clash' {
  const puts: string[] = [];
  const deletes = ops.filter((op) => op.kind === 'deleteRange').filter((op) => op.rangeEnd !== '\0');
  const clashes = (key: string) => puts.includes(key) || deletes.some((range) => isInRange(key, range));
  for (const op of ops) {
    if (op.kind !== 'txn') continue;
    const success = keysWritten(op.success);
    const failure = keysWritten(op.failure);
    if (success === 'clash' || failure === 'clash') return 'clash';
    if ([...success.puts, ...failure.puts].some(clashes)) return 'clash';
    puts.push(...success.puts, ...failure.puts);
    deletes.push(...success.deletes, ...failure.deletes);
  }
  for (const op of ops) {
    if (op.kind !== 'put') continue;
    if (clashes(op.key)) return 'clash';
    puts.push(op.key);
  }
  return { puts, deletes };
}

// ---- Small words used above.

class Refused extends Error {
  constructor(readonly code: ErrorCode) {
    super(code);
  }
}

function refuseIf(code: ErrorCode | undefined): void {
  if (code !== undefined) throw new Refused(code);
}

interface Taken {
  readonly kind: 'taken';
  readonly succeeded: boolean;
  readonly ops: readonly (Exclude<TxnOp, TxnCommand> | Taken)[];
}

function rangesOf(taken: Taken): RangeQuery[] {
  return taken.ops.flatMap((op) => (op.kind === 'taken' ? rangesOf(op) : op.kind === 'range' ? [op] : []));
}

function isUpTo(write: ModelWrite, at: Revision): boolean {
  return write.at.main < at.main || (write.at.main === at.main && write.at.sub <= at.sub);
}

function isInRange(key: string, range: { key: string; rangeEnd: string }): boolean {
  if (range.rangeEnd === '') return key === range.key;
  return key >= range.key && (range.rangeEnd === '\0' || key < range.rangeEnd);
}

function passes(query: RangeQuery): (kv: KeyValue) => boolean {
  return (kv) =>
    !(query.minModRevision !== 0 && kv.modRevision < query.minModRevision) &&
    !(query.maxModRevision !== 0 && kv.modRevision > query.maxModRevision) &&
    !(query.minCreateRevision !== 0 && kv.createRevision < query.minCreateRevision) &&
    !(query.maxCreateRevision !== 0 && kv.createRevision > query.maxCreateRevision);
}

/** The keys come in ascending order, and a stable sort leaves equal ones so. */
function sort(kvs: readonly KeyValue[], query: RangeQuery): KeyValue[] {
  const descends = query.sortOrder === 'descend';
  return kvs.toSorted((a, b) => {
    const [x, y] = [sortedBy(a, query), sortedBy(b, query)];
    const order = x < y ? -1 : x > y ? 1 : 0;
    return descends ? -order : order;
  });
}

function sortedBy(kv: KeyValue, { sortTarget }: RangeQuery): string | number {
  if (sortTarget === 'key') return kv.key;
  if (sortTarget === 'value') return kv.value;
  return { version: kv.version, create: kv.createRevision, mod: kv.modRevision }[sortTarget];
}

function isTrue(compare: Compare, kv: KeyValue): boolean {
  if (compare.target === 'grant') throw new Error('the model knows no grants');
  const actual = {
    version: kv.version,
    create: kv.createRevision,
    mod: kv.modRevision,
    value: kv.value,
    lease: kv.lease,
  }[compare.target];
  const { equal, greater, less } = {
    equal: actual === compare.operand,
    greater: actual > compare.operand,
    less: actual < compare.operand,
  };
  return { equal, greater, less, notEqual: !equal }[compare.result];
}
