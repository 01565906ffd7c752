/**
 * A child process under test: its output goes to a log file, it is ended by its own pid, and it never outlives the
 * test process. Knows nothing about what the program does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

const stopGraceMs = 10_000;
const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Receives stdout and stderr; appended to, so that a restarted process continues the same log. */
  readonly logFile: string;
  /** Added to PATH and HOME, which are all that is inherited: nothing from outside may configure the program. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Undefined while it runs. */
  exit(): ProcessExit | undefined;
  /** For SIGKILL, SIGSTOP, SIGCONT. Does nothing once the process has ended. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after ten seconds; resolves when the process has ended. Safe to call again. */
  stop(): Promise<ProcessExit>;
  /** The last lines of the log, for failure messages. */
  logTail(lines?: number): string;
}

/** Throws when the program cannot be started at all. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return track(child, options.logFile);
}

function track(child: ChildProcess, logFile: string): RunningProcess {
  const { pid } = child;
  if (pid === undefined) throw new Error('a started process has a pid');
  running.add(child);
  let ended: ProcessExit | undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(child);
      ended = { code, signal };
      resolve(ended);
    });
  });
  const signal = (name: NodeJS.Signals): void => {
    if (ended === undefined) child.kill(name);
  };
  return {
    pid,
    logFile,
    exited,
    exit: () => ended,
    signal,
    async stop() {
      signal('SIGTERM');
      const grace = setTimeout(() => signal('SIGKILL'), stopGraceMs);
      const exit = await exited;
      clearTimeout(grace);
      return exit;
    },
    logTail: (lines = 30) => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
  };
}
