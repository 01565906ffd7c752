/**
 * The house rules, tried out: each test plants one violation in a scratch copy of the layout and expects the tool that
 * keeps the rule to name it, so that no rule can fall silent unseen. The rules themselves stand in the tools' configs.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const tool = (name: string): string => join(root, 'node_modules/.bin', name);

interface Plant {
  /** Where the violation stands. Every plant has a file of its own. */
  readonly file: string;
  readonly text: string;
  readonly rule: string;
}

/** Well-behaved files that the plants import. None of them may be reported. */
const innocents: Readonly<Record<string, string>> = {
  'package.json': '{ "name": "scratch", "type": "module", "devDependencies": { "vitest": "*" } }',
  'tsconfig.json': '{ "extends": "./tsconfig.base.json", "compilerOptions": { "types": [], "noEmit": true } }',
  'server/package.json': '{ "type": "module", "dependencies": { "rocksdb": "*", "zod": "*" } }',
  'client/package.json': '{ "type": "module", "dependencies": { "@grpc/grpc-js": "*" } }',
  'modules.d.ts': ['node:fs', 'node:http2', 'rocksdb', 'zod', '@grpc/grpc-js']
    .map((name) => `declare module '${name}';`)
    .join('\n'),
  'node_modules/rocksdb/package.json': '{ "main": "index.js" }',
  'node_modules/rocksdb/index.js': 'module.exports = {};',
  'node_modules/zod/package.json': '{ "main": "index.js" }',
  'node_modules/zod/index.js': 'module.exports = {};',
  'node_modules/@grpc/grpc-js/package.json': '{ "main": "index.js" }',
  'node_modules/@grpc/grpc-js/index.js': 'module.exports = {};',
  'node_modules/vitest/package.json': '{ "main": "index.js" }',
  'node_modules/vitest/index.js': 'module.exports = {};',
  'proto/gen/x.ts': 'export const x = 1;',
  'server/lib/x.ts': 'export const x = 1;',
  'server/raft/x.ts': "import { x } from '../lib/x.js';\nexport const raft = x;\nexport type Raft = number;",
  'server/state/x.ts': "import { x } from '../lib/x.js';\nexport const state = x;\nexport type State = number;",
  'server/watch/x.ts': "import type { State } from '../state/x.js';\nexport const watch = (): State => 1;",
  'server/storage/x.ts':
    "import 'node:fs';\nimport 'rocksdb';\nimport type { Raft } from '../raft/x.js';\nexport type S = Raft;",
  'server/node/x.ts':
    "import { raft } from '../raft/x.js';\nimport '../watch/x.js';\nimport '../storage/x.js';\nexport const node = raft;",
  'server/rpc/x.ts':
    "import 'node:http2';\nimport 'zod';\nimport { node } from '../node/x.js';\nexport const rpc = node;",
  'server/server.ts': "import './rpc/x.js';\nimport './storage/x.js';\nexport const server = 1;",
  'server/main.ts': "import './server.js';",
  'client/lib/x.ts': 'export const x = 1;',
  'client/core/x.ts': "import { x } from '../lib/x.js';\nexport const core = x;",
  'client/wire/x.ts':
    "import { core } from '../core/x.js';\nimport { x } from '../../proto/gen/x.js';\nexport const w = [x, core];",
  'client/transport/transport.ts': "import { x } from '../lib/x.js';\nexport const port = x;",
  'client/transport/x.ts':
    "import 'node:fs';\nimport '@grpc/grpc-js';\nimport { x } from '../lib/x.js';\nexport const t = x;",
  'client/calls/x.ts':
    "import '../wire/x.js';\nimport { port } from '../transport/transport.js';\nexport const calls = port;",
  'client/fence/x.ts': "import { core } from '../core/x.js';\nexport const fence = core;",
  'client/api/x.ts': "import { calls } from '../calls/x.js';\nexport const api = calls;",
  'test/x.ts': 'export const x = 1;',
};

const imports = (file: string, target: string, rule: string): Plant => ({
  file,
  text: `import '${target}';\nexport const own = 1;`,
  rule,
});

const importPlants: readonly Plant[] = [
  imports('server/lib/to-raft.ts', '../raft/x.js', 'lib-imports-nothing'),
  imports('server/lib/to-builtin.ts', 'node:fs', 'lib-imports-nothing'),
  imports('server/raft/to-state.ts', '../state/x.js', 'raft-and-state-are-pure'),
  imports('server/raft/to-builtin.ts', 'node:crypto', 'raft-and-state-are-pure'),
  imports('server/state/to-package.ts', 'zod', 'raft-and-state-are-pure'),
  imports('server/state/mvcc/to-watch.ts', '../../watch/x.js', 'raft-and-state-are-pure'),
  {
    file: 'server/raft/type-of-storage.ts',
    text: "import type { S } from '../storage/x.js';\nexport type T = S;",
    rule: 'raft-and-state-are-pure',
  },
  {
    file: 'server/raft/dynamic.ts',
    text: "export const late = (): unknown => import('node:fs');",
    rule: 'raft-and-state-are-pure',
  },
  imports('server/watch/to-raft.ts', '../raft/x.js', 'watch-is-pure'),
  imports('server/watch/to-builtin.ts', 'node:events', 'watch-is-pure'),
  imports('server/storage/to-node.ts', '../node/x.js', 'storage-imports'),
  imports('server/storage/to-rpc.ts', '../rpc/x.js', 'storage-imports'),
  imports('server/storage/to-package.ts', 'zod', 'storage-imports'),
  imports('server/storage/to-socket.ts', 'node:net', 'storage-has-no-sockets'),
  imports('server/node/to-rpc.ts', '../rpc/x.js', 'node-imports'),
  imports('server/node/to-builtin.ts', 'node:fs/promises', 'node-imports'),
  imports('server/node/to-package.ts', 'zod', 'node-imports'),
  imports('server/rpc/to-storage.ts', '../storage/x.js', 'doors-import-no-internals'),
  imports('server/rpc/to-raft.ts', '../raft/x.js', 'doors-import-no-internals'),
  imports('server/http/to-watch.ts', '../watch/x.js', 'doors-import-no-internals'),
  imports('server/rpc/to-engine.ts', 'rocksdb', 'engines-behind-storage'),
  imports('server/lib/up.ts', '../server.js', 'arrows-point-inward'),
  imports('server/config.ts', './server.js', 'nobody-imports-the-root'),
  imports('server/tool.ts', './main.js', 'nobody-imports-the-root'),
  imports('server/dev-package.ts', 'vitest', 'declared-packages'),
  imports('client/undeclared.ts', 'zod', 'declared-packages'),
  imports('server/lost.ts', './nowhere.js', 'resolvable'),
  imports('client/to-server.ts', '../server/lib/x.js', 'client-stands-alone'),
  imports('client/lib/to-builtin.ts', 'node:fs', 'client-lib-imports-nothing'),
  imports('client/core/to-wire.ts', '../wire/x.js', 'client-core-is-pure'),
  imports('client/core/to-proto.ts', '../../proto/gen/x.js', 'client-core-is-pure'),
  imports('client/wire/to-builtin.ts', 'node:fs', 'client-wire-imports'),
  imports('client/wire/to-calls.ts', '../calls/x.js', 'client-wire-imports'),
  imports('client/calls/to-grpc-transport.ts', '../transport/x.js', 'client-calls-know-ports-only'),
  imports('client/calls/to-builtin.ts', 'node:net', 'client-calls-know-ports-only'),
  imports('client/transport/to-core.ts', '../core/x.js', 'client-transport-imports'),
  imports('client/api/to-grpc.ts', '@grpc/grpc-js', 'grpc-behind-client-transport'),
  imports('client/fence/to-driver.ts', 'zod', 'client-fence-imports'),
  imports('client/fence/to-grants.ts', '../api/x.js', 'client-fence-imports'),
  imports('client/transport/to-root.ts', '../connect.js', 'client-arrows-point-inward'),
  imports('client/connect.ts', '../server/server.js', 'nobody-imports-the-root'),
  imports('proto/gen/to-server.ts', '../../server/lib/x.js', 'proto-has-no-logic'),
  imports('server/to-test.ts', '../test/x.js', 'product-without-tests'),
  {
    file: 'server/lib/cycle-a.ts',
    text: "import type { B } from './cycle-b.js';\nexport type A = B | 1;",
    rule: 'no-cycle',
  },
  {
    // The other half: a cycle is reported once, so this file has a fault of its own.
    file: 'server/lib/cycle-b.ts',
    text: "import 'node:os';\nimport type { A } from './cycle-a.js';\nexport type B = A | 2;",
    rule: 'lib-imports-nothing',
  },
];

const lines = (count: number, line: string): string => `${line}\n`.repeat(count);

const lintPlants: readonly Plant[] = [
  { file: 'client/core/clock.ts', text: 'export const now = (): number => Date.now();', rule: 'no-restricted-globals' },
  { file: 'server/raft/clock.ts', text: 'export const now = (): number => Date.now();', rule: 'no-restricted-globals' },
  { file: 'server/state/timer.ts', text: 'setTimeout(() => undefined, 1);', rule: 'no-restricted-globals' },
  { file: 'server/state/log.ts', text: "console.info('x');", rule: 'no-restricted-globals' },
  { file: 'server/watch/process.ts', text: 'export const env: unknown = process.env;', rule: 'no-restricted-globals' },
  { file: 'server/raft/bytes.ts', text: 'export const b: unknown = Buffer.alloc(1);', rule: 'no-restricted-globals' },
  { file: 'server/raft/around.ts', text: 'export const g: unknown = globalThis;', rule: 'no-restricted-globals' },
  {
    file: 'server/raft/promise.ts',
    text: 'export const p: unknown = Promise.resolve();',
    rule: 'no-restricted-globals',
  },
  { file: 'server/raft/dice.ts', text: 'export const d = Math.random();', rule: 'no-restricted-properties' },
  {
    file: 'server/state/dice.ts',
    text: 'const { random } = Math;\nexport { random };',
    rule: 'no-restricted-properties',
  },
  { file: 'server/raft/async.ts', text: 'export const a = async (): Promise<number> => 1;', rule: 'no-async-await' },
  { file: 'server/watch/method.ts', text: 'export class A {\n  async b() {}\n}', rule: 'no-async-await' },
  {
    file: 'server/state/then.ts',
    text: 'export const t = (p: Promise<number>): unknown => p.then(String);',
    rule: 'no-restricted-types',
  },
  { file: 'server/state/top.ts', text: 'export const x = await import("./x.js");', rule: 'no-top-level-await' },
  {
    file: 'server/storage/value-of-raft.ts',
    text: "import { raft } from '../raft/x.js';\nexport const r = raft;",
    rule: 'no-restricted-imports',
  },
  {
    file: 'server/storage/deep/value-of-state.ts',
    text: "import { state } from '../../state/x.js';\nexport const s = state;",
    rule: 'no-restricted-imports',
  },
  {
    file: 'server/watch/value-of-state.ts',
    text: "import { state } from '../state/x.js';\nexport const s = state;",
    rule: 'no-restricted-imports',
  },
  {
    file: 'server/rpc/value-of-state.ts',
    text: "import { state } from '../state/x.js';\nexport const s = state;",
    rule: 'no-restricted-imports',
  },
  { file: 'server/node/floating.ts', text: 'const f = async () => 1;\nf();', rule: 'no-floating-promises' },
  {
    file: 'server/node/misused.ts',
    text: 'const f = async () => true;\nexport const g = (): number => (f() ? 1 : 2);',
    rule: 'no-misused-promises',
  },
  {
    file: 'server/node/switch.ts',
    text: "export function f(x: 'a' | 'b'): void {\n  switch (x) {\n    case 'a':\n  }\n}",
    rule: 'switch-exhaustiveness-check',
  },
  {
    file: 'server/node/type-import.ts',
    text: "import { State } from '../state/x.js';\nexport const s: State = 1;",
    rule: 'consistent-type-imports',
  },
  { file: 'server/node/any.ts', text: 'export const a: any = 1;', rule: 'no-explicit-any' },
  {
    file: 'server/node/non-null.ts',
    text: 'export const f = (x: string | undefined): string => x!;',
    rule: 'no-non-null-assertion',
  },
  { file: 'server/node/equal.ts', text: 'export const e = (x: unknown): boolean => x == 1;', rule: 'eqeqeq' },
  { file: 'server/node/default.ts', text: 'export default 1;', rule: 'no-default-export' },
  { file: 'server/node/throw.ts', text: "export const t = (): never => {\n  throw 'x';\n};", rule: 'only-throw-error' },
  { file: 'server/node/long-file.ts', text: lines(501, 'export {};'), rule: 'max-lines' },
  {
    file: 'server/node/long-function.ts',
    text: `export function f(): void {\n${lines(70, '  f();')}}`,
    rule: 'max-lines-per-function',
  },
  {
    file: 'test/focused.test.ts',
    text: "import { it } from 'vitest';\nit.only('x', () => {});",
    rule: 'no-focused-tests',
  },
  {
    file: 'test/disabled.test.ts',
    text: "import { it } from 'vitest';\nit.skip('x', () => {});",
    rule: 'no-disabled-tests',
  },
];

const typePlants: readonly Plant[] = [
  { file: 'server/node/unchecked-index.ts', text: 'export const f = (x: string[]): string => x[0];', rule: 'TS2322' },
  {
    file: 'server/node/exact-optional.ts',
    text: 'export const x: { a?: number } = { a: undefined };',
    rule: 'TS2375',
  },
  {
    file: 'server/node/override.ts',
    text: 'class A {\n  a(): void {}\n}\nexport class B extends A {\n  a(): void {}\n}',
    rule: 'TS4114',
  },
  { file: 'server/node/implicit-any.ts', text: 'export const f = (x) => x;', rule: 'TS7006' },
  { file: 'server/node/unused.ts', text: 'const x = 1;\nexport {};', rule: 'TS6133' },
];

interface Report {
  readonly file: string;
  readonly rule: string;
}

/** A folder with the project's tool settings, the innocent files and the plants. */
async function layOut(plants: readonly Plant[]): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'quorate-house-'));
  for (const config of ['.oxlintrc.json', '.dependency-cruiser.json', 'biome.json', 'tsconfig.base.json']) {
    await cp(join(root, config), join(scratch, config));
  }
  const files = [...Object.entries(innocents), ...plants.map(({ file, text }) => [file, text] as const)];
  for (const [file, text] of files) {
    await mkdir(dirname(join(scratch, file)), { recursive: true });
    await writeFile(join(scratch, file), `${text}\n`);
  }
  return scratch;
}

/** What a tool prints; most exit with an error once they have found something. */
function outputOf(name: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, OXLINT_TSGOLINT_PATH: tool('tsgolint') };
  return new Promise((done) => {
    execFile(tool(name), args, { cwd, env, maxBuffer: 16 * 1024 * 1024 }, (_error, stdout) => done(stdout));
  });
}

/** Every line that `pattern` matches, as a report; its groups are `file` and `rule`. */
function reportsIn(output: string, pattern: RegExp): readonly Report[] {
  return [...output.matchAll(pattern)].map(({ groups }) => ({ file: groups?.file ?? '', rule: groups?.rule ?? '' }));
}

const cruise = async (cwd: string): Promise<readonly Report[]> =>
  reportsIn(
    await outputOf('depcruise', ['-c', '.dependency-cruiser.json', '.'], cwd),
    /error (?<rule>[\w-]+): (?<file>\S+)/g,
  );

const lint = async (cwd: string): Promise<readonly Report[]> =>
  reportsIn(
    await outputOf('oxlint', ['--type-aware', '--format=unix'], cwd),
    /^(?<file>[^:\n]+):.*\[Error\/\w+\((?<rule>[\w-]+)\)\]$/gm,
  );

const compile = async (cwd: string): Promise<readonly Report[]> =>
  reportsIn(
    await outputOf('tsc', ['-p', '.', '--pretty', 'false'], cwd),
    /^(?<file>[^(\n]+)\(.*error (?<rule>TS\d+):/gm,
  );

describe.each([
  { name: 'layers', plants: importPlants, run: cruise },
  { name: 'lint', plants: lintPlants, run: lint },
  { name: 'types', plants: typePlants, run: compile },
])('$name', ({ plants, run }) => {
  let scratch = '';
  let reports: readonly Report[] = [];

  beforeAll(async () => {
    scratch = await layOut(plants);
    reports = await run(scratch);
  });
  afterAll(() => rm(scratch, { recursive: true }));

  it.each(plants)('$rule names $file', ({ file, rule }) => {
    expect(reports).toContainEqual({ file, rule });
  });

  it('reports nothing innocent', () => {
    expect(reports.filter(({ file }) => file in innocents)).toEqual([]);
  });
});

describe('settings', () => {
  it('hold one rule of imports for each planted one', async () => {
    const { forbidden }: { forbidden: readonly { name: string }[] } = JSON.parse(
      await readFile(join(root, '.dependency-cruiser.json'), 'utf8'),
    );
    expect(forbidden.map(({ name }) => name).toSorted()).toEqual(
      [...new Set(importPlants.map(({ rule }) => rule))].toSorted(),
    );
  });

  it('keep the lock file free of addresses, and whole, or npm ci refuses it', async () => {
    interface Locked {
      readonly resolved?: string;
      readonly optionalDependencies?: Readonly<Record<string, string>>;
    }
    const { packages }: { packages: Readonly<Record<string, Locked>> } = JSON.parse(
      await readFile(join(root, 'package-lock.json'), 'utf8'),
    );
    const entries = Object.values(packages);
    expect(entries.flatMap(({ resolved = '' }) => (resolved.includes('://') ? [resolved] : []))).toEqual([]);
    // npm leaves out the binaries of other platforms when the registry at hand does not serve them.
    const wanted = entries.flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
    expect(wanted.filter((name) => !(`node_modules/${name}` in packages))).toEqual([]);
  });

  it('make the formatter refuse another style', async () => {
    const scratch = await layOut([]);
    await writeFile(join(scratch, 'style.ts'), 'export const a = "double"\n');
    expect(await outputOf('biome', ['format', 'style.ts', '--reporter=summary'], scratch)).toContain('style.ts');
    await rm(scratch, { recursive: true });
  });
});
