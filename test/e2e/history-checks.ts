/**
 * Judges a history against the timelines of all members: nothing lost, nothing invented, nothing written twice, one
 * order that agrees with real time, the same on every member. Pure; every check has planted faults in its own test.
 */
import type { OperationRecord, WriteCall } from './history.js';
import type { Write } from './timeline.js';

export interface Evidence {
  readonly operations: readonly OperationRecord[];
  /** By the name of the member: every write up to `lastRevision`. */
  readonly timelines: Readonly<Record<string, readonly Write[]>>;
  /** Of an empty store: the first write makes the next one. */
  readonly firstRevision: number;
  readonly lastRevision: number;
}

/** One sentence for each violation; none when all is well. */
export function violationsOf(evidence: Evidence): readonly string[] {
  const [first] = Object.entries(evidence.timelines);
  if (first === undefined) throw new Error('nothing to check: no timeline');
  const store = new StoreHistory(first[1]);
  return [
    ...differences(evidence.timelines, first),
    ...gaps(store, evidence),
    ...evidence.operations.flatMap((operation) => misreported(operation, store)),
    ...phantoms(store, evidence.operations),
    ...brokenOrder(evidence.operations, store),
  ];
}

/** The timeline of one member, made searchable. */
class StoreHistory {
  readonly byRevision = new Map<number, Write[]>();
  readonly byValue = new Map<string, Write[]>();
  readonly #byKey = new Map<string, Write[]>();

  constructor(readonly writes: readonly Write[]) {
    for (const write of writes) {
      append(this.byRevision, write.revision, write);
      append(this.byValue, write.value, write);
      append(this.#byKey, write.key, write);
    }
  }

  /** The write of `key` that was visible at `revision`. */
  at(key: string, revision: number): Write | undefined {
    const writes = this.#byKey.get(key) ?? [];
    let low = 0;
    let high = writes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((writes[middle]?.revision ?? Infinity) <= revision) low = middle + 1;
      else high = middle;
    }
    return writes[low - 1];
  }
}

function append<Key>(map: Map<Key, Write[]>, key: Key, write: Write): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [write]);
  else list.push(write);
}

function differences(
  timelines: Evidence['timelines'],
  [firstName, first]: readonly [string, readonly Write[]],
): readonly string[] {
  return Object.entries(timelines).flatMap(([name, writes]) => {
    const length = Math.max(writes.length, first.length);
    for (let index = 0; index < length; index += 1) {
      const [ours, theirs] = [describe(first[index]), describe(writes[index])];
      if (ours !== theirs) return [`members differ: ${firstName} has ${ours}, ${name} has ${theirs}`];
    }
    return [];
  });
}

/** Every revision is made by one write, or by the two of a `cas`; and the versions of a key count its writes. */
function gaps(store: StoreHistory, { firstRevision, lastRevision }: Evidence): readonly string[] {
  const found: string[] = [];
  for (let revision = firstRevision + 1; revision <= lastRevision; revision += 1) {
    const writes = store.byRevision.get(revision) ?? [];
    const values = new Set(writes.map(({ value }) => value));
    if (values.size !== 1) found.push(`revision ${revision} was made by ${values.size} calls`);
    for (const write of writes) {
      const before = store.at(write.key, revision - 1)?.version ?? 0;
      if (write.version !== before + 1) found.push(`${describe(write)} follows version ${before}`);
    }
  }
  const beyond = store.writes.filter(({ revision }) => revision <= firstRevision || revision > lastRevision);
  return [...found, ...beyond.map((write) => `${describe(write)} is outside of all that was read`)];
}

/** Whether the answer to one call is true. */
function misreported(operation: OperationRecord, store: StoreHistory): readonly string[] {
  const { call, outcome } = operation;
  if (call.kind === 'get') return outcome.kind === 'read' && !isTrueRead(operation, store) ? [lie(operation)] : [];
  const writes = store.byValue.get(call.value) ?? [];
  switch (outcome.kind) {
    case 'acknowledged':
      return isTrueWrite(call, outcome.revision, writes, store) ? [] : [lie(operation, writes)];
    case 'refused':
      return writes.length === 0 && !wouldSucceed(call, outcome.revision, store) ? [] : [lie(operation, writes)];
    case 'failed':
      return writes.length === 0 ? [] : [lie(operation, writes)];
    case 'unknown':
      return isTrueWrite(call, writes[0]?.revision, writes, store) || writes.length === 0
        ? []
        : [lie(operation, writes)];
    case 'read':
      return [lie(operation, writes)];
  }
}

function isTrueRead({ call, outcome }: OperationRecord, store: StoreHistory): boolean {
  if (outcome.kind !== 'read') return false;
  const write = store.at(call.key, outcome.revision);
  return write?.value === outcome.found?.value && write?.revision === outcome.found?.modRevision;
}

/** Exactly the keys of the call were written, once, at `revision`, and its condition held. */
function isTrueWrite(
  call: WriteCall,
  revision: number | undefined,
  writes: readonly Write[],
  store: StoreHistory,
): boolean {
  if (revision === undefined || writes.some((write) => write.revision !== revision)) return false;
  const keys = call.kind === 'put' ? [call.key] : [call.key, call.logKey];
  const isWhole = writes.length === keys.length && keys.every((key) => writes.some((write) => write.key === key));
  return isWhole && (call.kind === 'put' || wouldSucceed(call, revision - 1, store));
}

function wouldSucceed(call: WriteCall, revision: number, store: StoreHistory): boolean {
  return call.kind === 'put' || (store.at(call.key, revision)?.revision ?? 0) === call.expected;
}

/** What is there and nobody wrote. */
function phantoms(store: StoreHistory, operations: readonly OperationRecord[]): readonly string[] {
  const written = new Set(operations.flatMap(({ call }) => (call.kind === 'get' ? [] : [call.value])));
  return store.writes.filter(({ value }) => !written.has(value)).map((write) => `${describe(write)}: nobody wrote it`);
}

/** A call that started after another one had ended comes later in the order: a write strictly, a read at least. */
function brokenOrder(operations: readonly OperationRecord[], store: StoreHistory): readonly string[] {
  const placed = operations.flatMap((operation) => {
    const revision = revisionOf(operation, store);
    return revision === undefined ? [] : [{ operation, revision }];
  });
  const byEnd = placed.filter(({ operation }) => isAnswered(operation));
  byEnd.sort((a, b) => a.operation.endMs - b.operation.endMs);
  placed.sort((a, b) => a.operation.startMs - b.operation.startMs);
  const found: string[] = [];
  let floor = 0;
  let ended = 0;
  for (const { operation, revision } of placed) {
    for (; (byEnd[ended]?.operation.endMs ?? Infinity) < operation.startMs; ended += 1) {
      floor = Math.max(floor, byEnd[ended]?.revision ?? 0);
    }
    const isLate = isWritten(operation) ? revision > floor : revision >= floor;
    if (!isLate) found.push(`${lie(operation)} at revision ${revision}, after ${floor} had been seen`);
  }
  return found;
}

function revisionOf({ call, outcome }: OperationRecord, store: StoreHistory): number | undefined {
  if ('revision' in outcome) return outcome.revision;
  return call.kind === 'get' ? undefined : store.byValue.get(call.value)?.[0]?.revision;
}

function isAnswered({ outcome }: OperationRecord): boolean {
  return 'revision' in outcome;
}

function isWritten({ call, outcome }: OperationRecord): boolean {
  return call.kind !== 'get' && outcome.kind !== 'refused';
}

function lie(operation: OperationRecord, writes: readonly Write[] = []): string {
  const stored = writes.length === 0 ? '' : `; stored: ${writes.map(describe).join(', ')}`;
  const { client, call, outcome } = operation;
  return `client ${client}: ${JSON.stringify(call)} -> ${JSON.stringify(outcome)}${stored}`;
}

function describe(write: Write | undefined): string {
  return write === undefined ? 'nothing' : `${write.key}=${write.value} (${write.revision}, version ${write.version})`;
}
