/**
 * Faults to plant in a valid history of list transactions. Each picks a place where the fault can be told from the
 * history alone, and gives the history with it; nothing where there is no such place.
 */
import type { Random } from '../../server/lib/random.js';
import type { AppendOp, AppendRecord } from './append-op.js';

export type History = readonly AppendRecord[];

export interface Fault {
  readonly name: string;
  readonly plant: (history: History, random: Random) => History | undefined;
}

/** A read, where it stands. */
interface Reading {
  readonly record: AppendRecord;
  readonly op: Extract<AppendOp, { kind: 'read' }>;
}

interface Appending {
  readonly record: AppendRecord;
  readonly op: Extract<AppendOp, { kind: 'append' }>;
}

export const faults: readonly Fault[] = [
  {
    name: 'a read that is older than an append that had been answered',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), ({ record, op }) => {
        const old = appendsTo(history, op.key).find(
          ({ record: by, op: { element } }) =>
            by.outcome === 'ok' && by.endMs < record.startMs && op.list.includes(element),
        );
        return old && { record, op, list: op.list.slice(0, op.list.indexOf(old.op.element)) };
      });
      return choice && withList(history, choice, choice.list);
    },
  },
  {
    name: 'an append that is in no list although one was read after its answer',
    plant: (history, random) => {
      const choice = someOf(random, appendsOf(history), (append) => {
        const isRead = plainReads(history).some(
          ({ record, op }) => op.key === append.op.key && record.startMs > append.record.endMs,
        );
        return append.record.outcome === 'ok' && isRead ? append : undefined;
      });
      return choice && withoutElement(history, choice.op.element);
    },
  },
  {
    name: 'half of a transaction that is in no list although one was read after the other half was seen',
    plant: (history, random) => {
      const choice = someOf(random, appendsOf(history), (append) =>
        otherAppends(append)
          .filter(({ key }) => key !== append.op.key)
          .some(({ key, element }) =>
            plainReads(history).some(
              (sight) =>
                sight.op.key === key &&
                sight.op.list.includes(element) &&
                sight.record !== append.record &&
                plainReads(history).some(
                  ({ record, op }) => op.key === append.op.key && record.startMs > sight.record.endMs,
                ),
            ),
          )
          ? append
          : undefined,
      );
      return choice && withoutElement(history, choice.op.element);
    },
  },
  {
    name: 'a reader of half of a transaction',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), ({ record, op }) => {
        const element = op.list.find((candidate) =>
          appendsOf(history).some(
            (append) =>
              append.op.element === candidate &&
              otherAppends(append).some((other) =>
                record.ops.some(
                  (read) => read.kind === 'read' && read.key !== op.key && read.list.includes(other.element),
                ),
              ),
          ),
        );
        return element === undefined ? undefined : { record, op, list: op.list.slice(0, op.list.indexOf(element)) };
      });
      return choice && withList(history, choice, choice.list);
    },
  },
  {
    name: 'an element of a failed transaction',
    plant: (history, random) => {
      const choice = someOf(random, appendsOf(history), ({ record, op }) =>
        plainReads(history).some((read) => read.record !== record && read.op.list.includes(op.element))
          ? record
          : undefined,
      );
      return choice && history.map((record) => (record === choice ? { ...record, outcome: 'failed' } : record));
    },
  },
  {
    name: 'an element that nobody appended',
    plant: (history, random) => {
      const choice = pickFrom(random, plainReads(history));
      return choice && withList(history, choice, inserted(random, choice.op.list, 'nobody'));
    },
  },
  {
    name: 'an element of another key',
    plant: (history, random) => {
      const choice = pickFrom(random, plainReads(history));
      const other = choice && appendsOf(history).find(({ op }) => op.key !== choice.op.key);
      return choice && other && withList(history, choice, inserted(random, choice.op.list, other.op.element));
    },
  },
  {
    name: 'an element twice in a list',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), (read) => (read.op.list.length > 0 ? read : undefined));
      if (choice === undefined) return undefined;
      return withList(history, choice, inserted(random, choice.op.list, pickFrom(random, choice.op.list) ?? ''));
    },
  },
  {
    name: 'two elements the other way round than another reader has seen them',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), (read) =>
        read.op.list.length > 1 &&
        plainReads(history).some(
          ({ record, op }) => record !== read.record && op.key === read.op.key && op.list.length >= read.op.list.length,
        )
          ? read
          : undefined,
      );
      return (
        choice && withList(history, choice, choice.op.list.toSpliced(-2, 2, ...choice.op.list.slice(-2).toReversed()))
      );
    },
  },
  {
    name: 'a list as it was between two appends of one transaction',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), ({ record, op }) => {
        const later = appendsTo(history, op.key).find(
          (append) =>
            op.list.includes(append.op.element) &&
            otherAppends(append).some(
              ({ key, element }) => key === op.key && isAhead(op.list, element, append.op.element),
            ),
        );
        return later && { record, op, list: op.list.slice(0, op.list.indexOf(later.op.element)) };
      });
      return choice && withList(history, choice, choice.list);
    },
  },
  {
    name: 'an append of another between two of one transaction',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), ({ op: { key, list } }) => {
        const place = list.findIndex((element, at) => {
          const [before, after] = [list[at - 1], list[at + 1]];
          return (
            before !== undefined &&
            after !== undefined &&
            appenderOf(history, before) === appenderOf(history, element) &&
            appenderOf(history, after) !== appenderOf(history, element)
          );
        });
        const [element, after] = [list[place], list[place + 1]];
        return element === undefined || after === undefined ? undefined : { key, element, after };
      });
      return (
        choice &&
        withLists(history, choice.key, (list) => {
          const place = list.indexOf(choice.element);
          return list[place + 1] === choice.after ? list.toSpliced(place, 2, choice.after, choice.element) : list;
        })
      );
    },
  },
  {
    name: 'two transactions that append to one list as both have read it',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), ({ record, op }) => {
        const last = op.list.at(-1);
        const by = last === undefined ? undefined : appenderOf(history, last);
        const first = by?.ops.find(({ key }) => key === op.key);
        const isUpdate = record.ops.some((own) => own.kind === 'append' && own.key === op.key);
        if (by?.outcome !== 'ok' || first?.kind !== 'read' || !isUpdate) return undefined;
        return { record, op, list: first.list };
      });
      return choice && withList(history, choice, choice.list);
    },
  },
  {
    name: 'a transaction that does not see its own append',
    plant: (history, random) => {
      const choice = someOf(random, readsOf(history), ({ record, op }) => {
        const isOwn = record.ops.some((own) => own.kind === 'append' && own.element === op.list.at(-1));
        return record.outcome === 'ok' && isOwn ? { record, op } : undefined;
      });
      return choice && withList(history, choice, choice.op.list.slice(0, -1));
    },
  },
  {
    name: 'a transaction that sees its own append too early',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), ({ record, op }) => {
        const own = record.ops.find((later) => later.kind === 'append' && later.key === op.key);
        return own?.kind === 'append' ? { record, op, list: [...op.list, own.element] } : undefined;
      });
      return choice && withList(history, choice, choice.list);
    },
  },
  {
    name: 'a transaction that was seen before it began',
    plant: (history, random) => {
      const choice = someOf(random, plainReads(history), ({ record, op }) => {
        const last = op.list.at(-1);
        const by = last === undefined ? undefined : appenderOf(history, last);
        return by && { by, startMs: record.endMs + 1 };
      });
      return (
        choice &&
        history.map((record) => {
          if (record !== choice.by) return record;
          const { startMs } = choice;
          return { ...record, client: freshClient(history), startMs, endMs: startMs + 5 };
        })
      );
    },
  },
  {
    name: 'two transactions that miss each other',
    plant: (history) => {
      const client = freshClient(history);
      const common = { outcome: 'ok', startMs: 10, endMs: 20 } as const;
      return [
        ...history,
        { ...common, client, ops: [read('p', []), append('q', 'p1')] },
        { ...common, client: client + 1, ops: [read('q', []), append('p', 'q1')] },
      ];
    },
  },
  {
    name: 'three transactions that read from each other',
    plant: (history) => {
      const client = freshClient(history);
      const common = { outcome: 'ok', startMs: 10, endMs: 20 } as const;
      return [
        { ...common, client, ops: [append('p', 'p1'), read('q', ['q1'])] },
        ...history,
        { ...common, client: client + 1, ops: [append('q', 'q1'), read('s', ['s1'])] },
        { ...common, client: client + 2, ops: [append('s', 's1'), read('p', ['p1'])] },
      ];
    },
  },
  {
    name: 'two readers that see two appends in two orders',
    plant: (history) => {
      const client = freshClient(history);
      const common = { outcome: 'ok', startMs: 10, endMs: 20 } as const;
      return [
        { ...common, client, ops: [append('p', 'p1')] },
        { ...common, client: client + 1, outcome: 'unknown', ops: [append('q', 'q1')] },
        { ...common, client: client + 2, ops: [read('p', ['p1']), read('q', [])] },
        { ...common, client: client + 3, ops: [read('p', []), read('q', ['q1'])] },
        ...history,
      ];
    },
  },
];

function read(key: string, list: readonly string[]): AppendOp {
  return { kind: 'read', key, list };
}

function append(key: string, element: string): AppendOp {
  return { kind: 'append', key, element };
}

function readsOf(history: History): readonly Reading[] {
  return history.flatMap((record) => record.ops.flatMap((op) => (op.kind === 'read' ? [{ record, op }] : [])));
}

/** Reads that were answered, with nothing in them that the record did before. */
function plainReads(history: History): readonly Reading[] {
  return readsOf(history).filter(
    ({ record, op }) => record.outcome === 'ok' && record.ops.find(({ key }) => key === op.key) === op,
  );
}

function appendsOf(history: History): readonly Appending[] {
  return history.flatMap((record) => record.ops.flatMap((op) => (op.kind === 'append' ? [{ record, op }] : [])));
}

function appendsTo(history: History, to: string): readonly Appending[] {
  return appendsOf(history).filter(({ op: { key } }) => key === to);
}

function otherAppends({ record, op }: Appending): readonly Appending['op'][] {
  return record.ops.filter((other) => other.kind === 'append').filter((other) => other !== op);
}

function appenderOf(history: History, element: string): AppendRecord | undefined {
  return appendsOf(history).find(({ op }) => op.element === element)?.record;
}

function isAhead(list: readonly string[], first: string, second: string): boolean {
  return list.includes(first) && list.indexOf(first) < list.indexOf(second);
}

function freshClient(history: History): number {
  return history.reduce((most, { client }) => Math.max(most, client), 0) + 1;
}

function inserted(random: Random, list: readonly string[], element: string): readonly string[] {
  return list.toSpliced(random.below(list.length + 1), 0, element);
}

function withList(history: History, { record: at, op: of }: Reading, list: readonly string[]): History {
  return history.map((record) =>
    record === at ? { ...record, ops: record.ops.map((op) => (op === of ? { ...of, list } : op)) } : record,
  );
}

function withLists(history: History, of: string, changed: (list: readonly string[]) => readonly string[]): History {
  return history.map((record) => ({
    ...record,
    ops: record.ops.map((op) => (op.kind === 'read' && op.key === of ? { ...op, list: changed(op.list) } : op)),
  }));
}

function withoutElement(history: History, gone: string): History {
  return history.map((record) => ({
    ...record,
    ops: record.ops.map((op) =>
      op.kind === 'read' ? { ...op, list: op.list.filter((element) => element !== gone) } : op,
    ),
  }));
}

function pickFrom<T>(random: Random, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}

/** What `choose` makes of some item, of those that it makes anything of. */
function someOf<T, U>(random: Random, items: readonly T[], choose: (item: T) => U | undefined): U | undefined {
  const from = random.below(Math.max(1, items.length));
  for (const item of [...items.slice(from), ...items.slice(0, from)]) {
    const chosen = choose(item);
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}
