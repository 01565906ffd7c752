/**
 * Delaying proxies in a process of their own: a busy test must not hold up what members say to each other. This file is
 * both ends: imported it starts the process, and as that process it carries the bytes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DelayingProxy } from './delaying-proxy.js';

type Order =
  | { readonly kind: 'open'; readonly target: string }
  /** `place`: in the order of their opening. */
  | { readonly kind: 'delay'; readonly place: number; readonly delayMs: number };

const marker = 'delayed-links';

export class DelayedLinks {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(import.meta.url), [marker], { execArgv: ['--import', 'tsx'] });
  }

  /** Something before `target`, host:port, that passes everything at once until it is told otherwise. One at a time. */
  async open(target: string): Promise<string> {
    this.#send({ kind: 'open', target });
    const [endpoint] = await once(this.#process, 'message');
    return String(endpoint);
  }

  /** What comes to the one that was opened as number `place`, from 0, is that late from now on. */
  delay(place: number, delayMs: number): void {
    this.#send({ kind: 'delay', place, delayMs });
  }

  async end(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  #send(order: Order): void {
    this.#process.send(order);
  }
}

function serve(): void {
  const proxies: DelayingProxy[] = [];
  const obey = async (order: Order): Promise<void> => {
    if (order.kind === 'open') {
      const proxy = await DelayingProxy.start(order.target);
      proxies.push(proxy);
      process.send?.(proxy.endpoint);
      return;
    }
    const proxy = proxies[order.place];
    if (proxy !== undefined) proxy.delayMs = order.delayMs;
  };
  process.on('message', (order: Order) => void obey(order));
  // Nobody is there to stop it any more.
  process.on('disconnect', () => process.exit());
}

if (process.argv[2] === marker) serve();
