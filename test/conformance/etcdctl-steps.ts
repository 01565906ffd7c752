/**
 * What etcdctl is made to do with keys: commands in the words of its manual, good and bad, in an order in which each
 * finds what the ones before left.
 */
export interface Step {
  readonly args: readonly string[];
  readonly stdin?: string;
  /** What etcdctl must exit with, on etcd too. */
  readonly exitCode: number;
}

export interface StepGroup {
  readonly title: string;
  /** `prefix` begins every key; `revision` is the store's before the first step. */
  readonly steps: (prefix: string, revision: number) => readonly Step[];
}

const works = (...args: readonly string[]): Step => ({ args, exitCode: 0 });
const refused = (...args: readonly string[]): Step => ({ args, exitCode: 1 });
const worksWith = (stdin: string, ...args: readonly string[]): Step => ({ args, stdin, exitCode: 0 });
const refusedWith = (stdin: string, ...args: readonly string[]): Step => ({ args, stdin, exitCode: 1 });

const put: StepGroup = {
  title: 'put',
  steps: (prefix) => [
    works('put', `${prefix}a`, '1'),
    works('put', `${prefix}b`, 'two words'),
    worksWith('from stdin\nin two lines\n', 'put', `${prefix}c`),
    works('put', `${prefix}a`, '2', '--prev-kv'),
    works('put', `${prefix}new`, '1', '--prev-kv'),
    works('put', `${prefix}b`, 'json', '--prev-kv', '-w', 'json'),
    works('put', `${prefix}b`, 'fields', '-w', 'fields'),
    worksWith('', 'put', `${prefix}empty`, ''),
    works('put', `${prefix}d`, '\u20ac\u{1f512}'),
    works('put', `${prefix}a`, '--ignore-value'),
    works('put', `${prefix}a`, '3', '--ignore-lease'),
    refused('put', `${prefix}missing`, '--ignore-value'),
    refused('put', `${prefix}missing`, '1', '--ignore-lease'),
    refused('put', `${prefix}a`, '1', '--lease', '1234'),
    refused('put', '', 'empty key'),
  ],
};

const get: StepGroup = {
  title: 'get',
  steps: (prefix, revision) => [
    works('get', `${prefix}a`),
    works('get', `${prefix}a`, '-w', 'json'),
    works('get', `${prefix}a`, '-w', 'fields'),
    works('get', `${prefix}missing`, '-w', 'json'),
    works('get', `${prefix}a`, '--print-value-only'),
    works('get', prefix, '--prefix'),
    works('get', prefix, '--prefix', '--keys-only'),
    works('get', prefix, '--prefix', '--keys-only', '-w', 'json'),
    works('get', prefix, '--prefix', '--print-value-only'),
    works('get', prefix, '--prefix', '--limit', '2', '-w', 'json'),
    works('get', prefix, '--prefix', '--consistency', 's'),
    works('get', `${prefix}a`, `${prefix}c`),
    works('get', `${prefix}c`, `${prefix}a`, '-w', 'json'),
    works('get', `${prefix}c`, '--from-key'),
    works('get', '', '--prefix', '--keys-only'),
    works('get', '', '--from-key', '-w', 'json'),
    works('get', prefix, '--prefix', '--rev', String(revision)),
    works('get', prefix, '--prefix', '--rev', String(revision - 5), '-w', 'json'),
    refused('get', prefix, '--prefix', '--rev', String(revision + 1)),
  ],
};

const sortTargets = ['CREATE', 'KEY', 'MODIFY', 'VALUE', 'VERSION'];
const sortOrders = ['ASCEND', 'DESCEND'];

const sorting: StepGroup = {
  title: 'get --sort-by --order --limit',
  steps: (prefix) => [
    ...sortTargets.map((target) => works('get', prefix, '--prefix', '--sort-by', target)),
    ...sortTargets.flatMap((target) =>
      sortOrders.flatMap((order) => [
        works('get', prefix, '--prefix', '--sort-by', target, '--order', order, '-w', 'json'),
        works('get', prefix, '--prefix', '--sort-by', target, '--order', order, '--limit', '3', '-w', 'json'),
      ]),
    ),
    works('get', prefix, '--prefix', '--order', 'DESCEND', '--keys-only'),
    { ...works('get', prefix, '--prefix', '--sort-by', 'SIZE'), exitCode: 4 },
  ],
};

const txn: StepGroup = {
  title: 'txn',
  steps: (prefix) => [
    worksWith(`value("${prefix}a") = "3"\n\nput ${prefix}t 1\nget ${prefix}t\n\nput ${prefix}t 2\n\n`, 'txn'),
    worksWith(`value("${prefix}a") = "other"\n\nput ${prefix}t 1\n\nput ${prefix}t 2\nget ${prefix}t\n\n`, 'txn'),
    worksWith(`version("${prefix}t") > "1"\n\ndel ${prefix}t --prev-kv\n\nget ${prefix}t\n\n`, 'txn', '-i'),
    worksWith(`create("${prefix}t") = "0"\n\nput ${prefix}t again\n\n\n`, 'txn', '-w', 'json'),
    worksWith(`mod("${prefix}t") < "1"\n\n\nget ${prefix} --prefix\n\n`, 'txn', '-w', 'json'),
    worksWith(`version("${prefix}t") = "1"\n\nput ${prefix}t more --prev-kv\n\n\n`, 'txn', '-w', 'json'),
    worksWith(`value("${prefix}missing") != "x"\n\nget ${prefix}a\n\nget ${prefix}b\n\n`, 'txn'),
    worksWith(`\nput ${prefix}x 1\nput ${prefix}y 2\ndel ${prefix}new\n\n\n`, 'txn'),
    worksWith('\n\n\n', 'txn', '-w', 'json'),
    refusedWith(`\nput ${prefix}x 1\nput ${prefix}x 2\n\n\n`, 'txn'),
    refusedWith(`\nput ${prefix}x 1\ndel ${prefix} --prefix\n\n\n`, 'txn'),
    refusedWith(`\nput ${prefix}x 1 --lease 99\n\n\n`, 'txn'),
    works('get', prefix, '--prefix', '-w', 'json'),
  ],
};

const del: StepGroup = {
  title: 'del',
  steps: (prefix) => [
    works('del', `${prefix}missing`),
    works('del', `${prefix}x`),
    works('del', `${prefix}y`, '--prev-kv'),
    works('del', `${prefix}a`, `${prefix}b`, '--prev-kv', '-w', 'json'),
    works('del', `${prefix}c`, `${prefix}a`),
    works('get', prefix, '--prefix', '-w', 'json'),
    works('put', `${prefix}a`, 'born again'),
    works('get', `${prefix}a`, '-w', 'json'),
    works('del', `${prefix}t`, '--from-key', '--prev-kv'),
    works('del', prefix, '--prefix', '--prev-kv'),
    works('del', prefix, '--prefix'),
    works('get', prefix, '--prefix', '-w', 'json'),
  ],
};

const compaction: StepGroup = {
  title: 'compaction',
  steps: (prefix, revision) => [
    works('put', `${prefix}k`, '1'),
    works('put', `${prefix}k`, '2'),
    works('put', `${prefix}k`, '3'),
    works('compaction', String(revision + 1)),
    works('get', `${prefix}k`, '--rev', String(revision + 1)),
    refused('get', `${prefix}k`, '--rev', String(revision)),
    refused('compaction', String(revision + 1)),
    refused('compaction', String(revision + 4)),
    works('compaction', '--physical', String(revision + 2)),
    refused('get', `${prefix}k`, '--rev', String(revision + 1)),
    works('get', `${prefix}k`, '--rev', String(revision + 2), '-w', 'json'),
    works('get', `${prefix}k`),
    refused('compaction', '-5'),
  ],
};

export const stepGroups: readonly StepGroup[] = [put, get, sorting, txn, del, compaction];
