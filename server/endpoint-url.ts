/** The URLs that members listen on and advertise: http://host:port and nothing else, in one canonical spelling. */
import { isIPv6 } from 'node:net';

export interface EndpointUrl {
  /** Canonical: lower-case host, explicit port, no trailing slash. */
  readonly url: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Throws with a message that says what is wrong with `text`. */
export function parseEndpointUrl(text: string): EndpointUrl {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+):(\d{1,5})\/?$/i.exec(text);
  if (match === null) throw new Error(`"${text}" is not of the form http://host:port`);
  const [, scheme = '', authority = '', digits = ''] = match;
  if (scheme.toLowerCase() === 'https') throw new Error(`"${text}": TLS is not supported yet; use http://host:port`);
  if (scheme.toLowerCase() !== 'http') throw new Error(`"${text}": the scheme must be http`);
  const port = Number(digits);
  if (port > 65_535) throw new Error(`"${text}": the port must be from 0 to 65535`);
  const host = authority.toLowerCase().replace(/^\[|\]$/g, '');
  if (host !== authority.toLowerCase() && !isIPv6(host)) throw new Error(`"${text}": ${authority} is no IPv6 address`);
  return endpointUrl(host, port);
}

export function endpointUrl(host: string, port: number): EndpointUrl {
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, host, port };
}

/** Whether only programs on this machine can reach it. */
export function isLoopback({ host }: EndpointUrl): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether it means "every interface", which is a place to listen but no address to dial. */
export function isWildcard({ host }: EndpointUrl): boolean {
  return host === '0.0.0.0' || host === '::';
}
