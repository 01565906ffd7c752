/**
 * A WatchAudience in a process of its own, so that reading the watches and writing to them do not share an event loop.
 * This file is both ends: imported it starts the process, and as that process it serves.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Arrivals, type AudienceOptions, type Told, WatchAudience } from './watch-audience.js';

type Request =
  | { readonly kind: 'open'; readonly options: AudienceOptions }
  | { readonly kind: 'told'; readonly events: number }
  | { readonly kind: 'recordArrivals' }
  | { readonly kind: 'takeArrivals' };

type Answer = { readonly result: unknown } | { readonly failure: string };

const answerMs = 60_000;

export class RemoteAudience {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Resolves once all watchers are created. */
  static async start(options: AudienceOptions): Promise<RemoteAudience> {
    const audience = new RemoteAudience(fork(fileURLToPath(import.meta.url), { serialization: 'advanced' }));
    try {
      await audience.#ask<void>({ kind: 'open', options });
    } catch (error) {
      audience.end();
      throw error;
    }
    return audience;
  }

  told(events: number): Promise<Told> {
    return this.#ask<Told>({ kind: 'told', events });
  }

  recordArrivals(): Promise<void> {
    return this.#ask<void>({ kind: 'recordArrivals' });
  }

  takeArrivals(): Promise<Arrivals> {
    return this.#ask<Arrivals>({ kind: 'takeArrivals' });
  }

  end(): void {
    this.#process.kill();
  }

  /** One question at a time. */
  #ask<T>(request: Request): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => settle({ failure: `no answer within ${answerMs} ms` }), answerMs);
      const exited = (): void => settle({ failure: 'the process has ended' });
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        this.#process.off('message', settle);
        this.#process.off('exit', exited);
        if ('failure' in answer) reject(new Error(`no valid figure: ${request.kind}: ${answer.failure}`));
        else resolve(answer.result as T);
      };
      this.#process.on('message', settle);
      this.#process.on('exit', exited);
      this.#process.send(request);
    });
  }
}

function serve(send: (answer: Answer) => void): void {
  let audience: WatchAudience | undefined;
  const fail = (reason: string): void => send({ failure: reason });
  process.on('message', (request: Request) => {
    void answer(request).then(
      (result) => send({ result }),
      (error: unknown) => fail(String(error)),
    );
  });
  process.on('uncaughtException', (error) => fail(error.message));

  async function answer(request: Request): Promise<unknown> {
    if (request.kind === 'open') {
      audience = new WatchAudience(request.options, (error) => fail(error.message));
      return audience.created();
    }
    if (audience === undefined) throw new Error('not open');
    switch (request.kind) {
      case 'told':
        return audience.told(request.events);
      case 'recordArrivals':
        return audience.recordArrivals();
      case 'takeArrivals':
        return audience.takeArrivals();
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  serve((answer) => process.send?.(answer));
}
