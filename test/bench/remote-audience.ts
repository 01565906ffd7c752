/**
 * A WatchAudience in a process of its own, so that reading the watches and writing to them do not share an event loop.
 * This file is both ends: imported it starts the process, and as that process it serves.
 */
import { fileURLToPath } from 'node:url';
import { RemoteProcess, serve } from './remote-process.js';
import { type Arrivals, type AudienceOptions, type Told, WatchAudience } from './watch-audience.js';

type Question =
  | { readonly kind: 'open'; readonly options: AudienceOptions }
  | { readonly kind: 'told'; readonly events: number }
  | { readonly kind: 'recordArrivals' }
  | { readonly kind: 'takeArrivals' };

export class RemoteAudience {
  readonly #process = new RemoteProcess<Question>(fileURLToPath(import.meta.url));

  /** Resolves once all watchers are created. */
  static async start(options: AudienceOptions): Promise<RemoteAudience> {
    const audience = new RemoteAudience();
    try {
      await audience.#process.ask<void>({ kind: 'open', options });
    } catch (error) {
      audience.end();
      throw error;
    }
    return audience;
  }

  told(events: number): Promise<Told> {
    return this.#process.ask<Told>({ kind: 'told', events });
  }

  recordArrivals(): Promise<void> {
    return this.#process.ask<void>({ kind: 'recordArrivals' });
  }

  takeArrivals(): Promise<Arrivals> {
    return this.#process.ask<Arrivals>({ kind: 'takeArrivals' });
  }

  end(): void {
    this.#process.end();
  }
}

function serveAudience(): void {
  let audience: WatchAudience | undefined;
  const fail = serve(async (question: Question): Promise<unknown> => {
    if (question.kind === 'open') {
      audience = new WatchAudience(question.options, (error) => fail(error.message));
      return audience.created();
    }
    if (audience === undefined) throw new Error('not open');
    switch (question.kind) {
      case 'told':
        return audience.told(question.events);
      case 'recordArrivals':
        return audience.recordArrivals();
      case 'takeArrivals':
        return audience.takeArrivals();
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serveAudience();
