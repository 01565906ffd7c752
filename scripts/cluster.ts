/**
 * Three members on loopback, for trying things out: `npm run cluster`. Arguments go to every member. Their data stays
 * under ./data-cluster, so the next run continues. Kill one to see the other two carry on; Ctrl-C stops all of them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

interface Member {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataDir: string;
}

const main = fileURLToPath(new URL('../server/dist/main.js', import.meta.url));
const members = [2, 22, 32].map((port, position) => plan(`m${position + 1}`, `${port}379`, `${port}380`));

function plan(name: string, clientPort: string, peerPort: string): Member {
  return {
    name,
    clientUrl: `http://127.0.0.1:${clientPort}`,
    peerUrl: `http://127.0.0.1:${peerPort}`,
    dataDir: `data-cluster/${name}`,
  };
}

function start({ name, clientUrl, peerUrl, dataDir }: Member, extraArgs: readonly string[]): ChildProcess {
  const flags = {
    name,
    'data-dir': dataDir,
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': members.map((member) => `${member.name}=${member.peerUrl}`).join(','),
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child = spawn(process.execPath, [main, ...args, ...extraArgs], {
    // In a group of its own: Ctrl-C reaches this script alone, which then tells each member exactly once.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { UV_THREADPOOL_SIZE: '16', ...process.env },
  });
  copyLines(child.stdout, process.stdout, name);
  copyLines(child.stderr, process.stderr, name);
  return child;
}

function copyLines(from: Readable, to: Writable, name: string): void {
  createInterface({ input: from }).on('line', (line) => to.write(`${name} | ${line}\n`));
}

/** Resolves with whether the member ended because it was asked to. */
async function ended(member: Member, child: ChildProcess): Promise<boolean> {
  await once(child, 'close');
  const { exitCode, signalCode } = child;
  process.stdout.write(`${member.name} | ended: ${signalCode ?? `exit code ${exitCode}`}\n`);
  return exitCode === 0;
}

const running = members.map((member) => ({ member, child: start(member, process.argv.slice(2)) }));
const stopAll = (): void => {
  for (const { child } of running) child.kill('SIGTERM');
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stopAll);
process.stdout.write(
  `Three members serve ${members.map((member) => member.clientUrl).join(' ')}; Ctrl-C stops them.\n`,
);

const endings = await Promise.all(running.map(({ member, child }) => ended(member, child)));
process.exitCode = endings.every(Boolean) ? 0 : 1;
