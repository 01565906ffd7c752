/** An etcdctl that runs until somebody ends it: what it prints, line by line, and how it ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';

export interface EtcdctlExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class EtcdctlProcess {
  readonly exited: Promise<EtcdctlExit>;
  exit: EtcdctlExit | undefined;
  readonly #process: ChildProcess;
  #output = '';
  #errors = '';

  private constructor(endpoints: readonly string[], args: readonly string[]) {
    this.#process = spawn('etcdctl', ['--endpoints', endpoints.join(','), ...args], {
      env: { PATH: process.env['PATH'], ETCDCTL_API: '3' },
    });
    this.#process.stdout?.on('data', (bytes: Buffer) => {
      this.#output += bytes.toString();
    });
    this.#process.stderr?.on('data', (bytes: Buffer) => {
      this.#errors += bytes.toString();
    });
    this.exited = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  /** It does not outlive the calling test. `input` is all that it reads for now. */
  static start(endpoints: readonly string[], args: readonly string[], input = ''): EtcdctlProcess {
    const started = new EtcdctlProcess(endpoints, args);
    if (input !== '') started.#process.stdin?.write(input);
    onTestFinished(() => started.signal('SIGKILL'));
    return started;
  }

  /** Those that are complete. */
  get lines(): readonly string[] {
    return this.#output.split('\n').slice(0, -1);
  }

  get errors(): string {
    return this.#errors;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }
}
