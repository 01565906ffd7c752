/** Where the members are, as people write it: `a:2379,b:2379`, `https://a:2379`, `[::1]:2379`. Pure. */
import { QuorateError } from './quorate-error.js';

const DEFAULT_PORT = 2379;

export interface Endpoints {
  /** host:port, each once, in the order given. At least one. */
  readonly addresses: readonly string[];
  /** Undefined: nothing was said. */
  readonly isSecure: boolean | undefined;
}

/** Throws INVALID_ARGUMENT for anything that is no list of members. */
export function parseEndpoints(given: string | readonly string[]): Endpoints {
  const texts = (typeof given === 'string' ? given.split(',') : [...given]).map((text) => text.trim());
  const parsed = texts.filter((text) => text !== '').map(parseEndpoint);
  if (parsed.length === 0) throw new QuorateError('INVALID_ARGUMENT', { detail: 'no endpoint given' });
  const schemes = new Set(parsed.map(({ isSecure }) => isSecure).filter((isSecure) => isSecure !== undefined));
  if (schemes.size > 1) throw new QuorateError('INVALID_ARGUMENT', { detail: 'http and https endpoints are mixed' });
  return { addresses: [...new Set(parsed.map(({ address }) => address))], isSecure: [...schemes][0] };
}

/** Undefined for what is no endpoint: hints of servers may be anything. */
export function addressOf(text: string): string | undefined {
  const found = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^:/[\]\s]+)(?::(\d{1,5}))?\/?$/.exec(text);
  if (found === null) return undefined;
  const [, , host = '', port = String(DEFAULT_PORT)] = found;
  const number = Number(port);
  return number < 1 || number > 65_535 ? undefined : `${host.toLowerCase()}:${number}`;
}

function parseEndpoint(text: string): { readonly address: string; readonly isSecure: boolean | undefined } {
  const address = addressOf(text);
  if (address === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', {
      detail: `${JSON.stringify(text)} is no endpoint: host:port expected`,
    });
  }
  const isSecure = text.startsWith('https:') ? true : text.startsWith('http:') ? false : undefined;
  return { address, isSecure };
}
