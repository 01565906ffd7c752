/**
 * Real databases as processes on loopback, on a free port, with their data in a folder of their own that goes with them.
 * Owns how each is found, started and stopped; never touches one that the machine runs as a service.
 */
import { execFile } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { freePort } from '../../harness/ports.js';
import { type RunningProcess, startProcess } from '../../harness/process.js';

const run = promisify(execFile);
const readyTimeoutMs = 60_000;
const postgresFolder = '/usr/lib/postgresql';

export type Database = 'mariadb' | 'postgres' | 'redis';

interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

interface Recipe {
  /** Of Debian. */
  readonly package: string;
  readonly program: string;
  /** What a database needs to be told of before it may ask for a folder. */
  prepare?(folder: string): Promise<void>;
  start(folder: string, port: number): Command;
  /** Clients may still be connected. */
  readonly stopSignal: NodeJS.Signals;
  /** What it says when it takes commands: a port alone may be open too early. */
  isReady(port: number, log: string): Promise<boolean>;
}

const recipes: Readonly<Record<Database, Recipe>> = {
  postgres: {
    package: 'postgresql',
    program: 'postgres',
    async prepare(folder) {
      if (isRoot) chownSync(folder, ...(await idsOf('postgres')));
      const args = [
        '-D',
        join(folder, 'data'),
        '-U',
        'postgres',
        '-A',
        'trust',
        '-E',
        'UTF8',
        '--locale=C',
        '--no-sync',
      ];
      const { command, args: all } = asPostgres(join(programFolder('postgres'), 'initdb'), args);
      await run(command, all, { cwd: folder });
    },
    start: (folder, port) =>
      asPostgres(join(programFolder('postgres'), 'postgres'), [
        ...['-D', join(folder, 'data'), '-p', String(port), '-h', '127.0.0.1', '-k', folder],
        ...['-c', 'fsync=off', '-c', 'max_connections=50'],
      ]),
    stopSignal: 'SIGINT',
    isReady: async (_port, log) => log.includes('database system is ready to accept connections'),
  },
  mariadb: {
    package: 'mariadb-server',
    program: 'mariadbd',
    async prepare(folder) {
      const args = ['--no-defaults', `--datadir=${join(folder, 'data')}`, '--skip-test-db', `--tmpdir=${folder}`];
      const auth = '--auth-root-authentication-method=normal';
      await run('mariadb-install-db', [...args, auth, ...asRoot], { cwd: folder });
    },
    start: (folder, port) => ({
      command: join(programFolder('mariadbd'), 'mariadbd'),
      args: [
        ...['--no-defaults', `--datadir=${join(folder, 'data')}`, `--tmpdir=${folder}`, `--port=${port}`],
        ...['--bind-address=127.0.0.1', `--socket=${join(folder, 'socket')}`, `--pid-file=${join(folder, 'pid')}`],
        ...['--skip-name-resolve', '--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=32M', ...asRoot],
      ],
    }),
    stopSignal: 'SIGTERM',
    isReady: async (_port, log) => log.includes('ready for connections'),
  },
  redis: {
    package: 'redis-server',
    program: 'redis-server',
    start: (folder, port) => ({
      command: join(programFolder('redis-server'), 'redis-server'),
      args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    }),
    stopSignal: 'SIGTERM',
    isReady: (port) => isOpen(port),
  },
};

/**
 * Whether it is installed. Under QUORATE_CI=1 a missing one throws, so that no suite is skipped unseen; elsewhere use it as
 * `describe.skipIf(!requireDatabase('redis'))('the suite', ...)`.
 */
export function requireDatabase(...names: readonly Database[]): boolean {
  const missing = names.filter((name) => findFolder(recipes[name].program) === undefined);
  if (missing.length > 0 && process.env['QUORATE_CI'] === '1') {
    const packages = missing.map((name) => recipes[name].package);
    throw new Error(`missing in CI: ${missing.join(', ')} (Debian: ${packages.join(', ')})`);
  }
  return missing.length === 0;
}

/** Starts it before the tests of the suite and stops it after them; what is returned tells its port on 127.0.0.1. */
export function useDatabase(name: Database): () => number {
  let database: { readonly port: number; stop(): Promise<void> } | undefined;
  beforeAll(async () => {
    database = await startDatabase(name);
  });
  afterAll(() => database?.stop());
  return () => {
    if (database === undefined) throw new Error(`${name} is not started yet`);
    return database.port;
  };
}

async function startDatabase(name: Database): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const recipe = recipes[name];
  const folder = await mkdtemp(join(tmpdir(), `quorate-test-${name}-`));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  await recipe.prepare?.(folder);
  const port = await freePort();
  const server = await startProcess({ ...recipe.start(folder, port), logFile: join(folder, 'log') });
  const stop = async (): Promise<void> => {
    server.signal(recipe.stopSignal);
    await Promise.race([server.exited, delay(5_000, undefined, { ref: false })]);
    await server.stop();
    await remove();
  };
  try {
    await untilReady(recipe, server, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

async function untilReady(recipe: Recipe, server: RunningProcess, port: number): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  while (server.exit() === undefined && Date.now() < deadline) {
    if (await recipe.isReady(port, server.logTail(100))) return;
    await delay(20);
  }
  throw new Error(`${recipe.program} does not serve; the end of its log:\n${server.logTail()}`);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (isThere: boolean) => (): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', end(true));
    socket.once('error', end(false));
  });
}

const isRoot = process.getuid?.() === 0;
/** MariaDB runs as root when it is told so in as many words. PostgreSQL never does. */
const asRoot = isRoot ? ['--user=root'] : [];

function asPostgres(command: string, args: readonly string[]): Command & { readonly args: string[] } {
  if (!isRoot) return { command, args: [...args] };
  // Takes its place, so that a signal reaches the program itself.
  const become = ['--reuid=postgres', '--regid=postgres', '--clear-groups', '--inh-caps=-all'];
  return { command: 'setpriv', args: [...become, command, ...args] };
}

async function idsOf(user: string): Promise<[uid: number, gid: number]> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => (await run('id', [flag, user])).stdout));
  return [Number(uid), Number(gid)];
}

/** Debian keeps PostgreSQL's programs out of the PATH, by version. */
function findFolder(program: string): string | undefined {
  const versions = existsSync(postgresFolder) ? readdirSync(postgresFolder) : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    ...versions.map((version) => join(postgresFolder, version, 'bin')),
  ];
  return folders.find((folder) => existsSync(join(folder, program)));
}

function programFolder(program: string): string {
  const folder = findFolder(program);
  if (folder === undefined) throw new Error(`${program} is not installed`);
  return folder;
}
