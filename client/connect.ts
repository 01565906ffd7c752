/** The composition root: builds a client of its parts. Decides nothing that a part could decide. */
import { Client } from './api/client.js';
import { Requests } from './api/requests.js';
import { StatusBoard } from './api/status.js';
import { TracedCaller, traceLease, traceRetry } from './api/tracing.js';
import { Authenticator, type Credentials, noTokens } from './calls/authenticator.js';
import type { Caller, CallerEvent, CallerStats } from './calls/caller.js';
import { LeaseKeeper } from './calls/lease-keeper.js';
import { canceled, orAborted } from './calls/or-aborted.js';
import { SessionCaller } from './calls/session-caller.js';
import { type Tokens, UnaryCaller } from './calls/unary-caller.js';
import { WatchStream } from './calls/watch-stream.js';
import { parseEndpoints } from './core/endpoints.js';
import { MemberRotation } from './core/member-rotation.js';
import { QuorateError } from './core/quorate-error.js';
import { type Clock, systemClock } from './lib/clock.js';
import { type Logger, silentLogger } from './lib/logger.js';
import { type Random, systemRandom } from './lib/random.js';
import { GrpcTransport, type TlsOptions } from './transport/grpc-transport.js';
import { Connections } from './transport/connections.js';
import { type MemberDoor, MemoryTransport } from './transport/memory-transport.js';
import type { Connection, Transport } from './transport/transport.js';
import type { Bytes } from './wire/bytes.js';
import { namespaceFrom } from './wire/key-range.js';
import { WorkerKeeper } from './worker/worker-keeper.js';

export interface ConnectOptions {
  /** What all keys of this client begin with on the members; it never shows in what the client is given or gives. */
  readonly namespace?: Bytes;
  /** Default: as the endpoints say, and none where they say nothing. `true`: with the authorities that Node.js trusts. */
  readonly tls?: TlsOptions | boolean;
  readonly auth?: Credentials;
  /** For every call that does not say otherwise, in milliseconds. Default: 5,000. */
  readonly timeout?: number;
  /** How long to look for a member that answers, in milliseconds. Default: 5,000. */
  readonly connectTimeout?: number;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Gives the connecting up. */
  readonly signal?: AbortSignal;
  /**
   * What renews leases. `worker`: a thread of its own, so that a loop which is blocked for less than half a ttl loses none.
   * Default: `loop`.
   */
  readonly leaseRenewer?: 'loop' | 'worker';
  /** For people who look at a list of sessions. */
  readonly name?: string;
  /** For tests and simulators: what passes for time, chance and the network. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly transport?: Transport;
}

const TIMEOUT_MS = 5_000;
const NAME_BYTES_MAX = 128;
/** Where a member in this process is said to be. */
const IN_PROCESS = 'in-process:1';

/** A member in this process: what `startServer` of @quorate/server resolves with. */
export interface InProcessServer {
  readonly door: MemberDoor;
}

/**
 * Connects to a cluster: `a:2379,b:2379`, URLs, or a list of either; or to a member in this process. Resolves once a
 * member has answered; rejects with UNAVAILABLE when none does in time.
 */
export async function connect(
  target: string | readonly string[] | InProcessServer,
  options: ConnectOptions = {},
): Promise<Client> {
  const { signal } = options;
  if (signal?.aborted === true) throw canceled(signal);
  const basis =
    typeof target === 'object' && 'door' in target
      ? basisOf(IN_PROCESS, { ...options, transport: new MemoryTransport(new Map([[IN_PROCESS, target.door]])) })
      : basisOf(target, options);
  try {
    if (options.auth !== undefined) await orAborted(basis.tokens.refresh(), signal);
    return clientOf(basis, await openCaller(basis, options));
  } catch (error) {
    basis.end();
    throw error;
  }
}

/** What all parts of a client share. */
interface Basis {
  readonly rotation: MemberRotation;
  readonly watchRotation: MemberRotation;
  readonly leaseRotation: MemberRotation;
  readonly connectionTo: (address: string) => Connection;
  readonly leaseConnectionTo: (address: string) => Connection;
  readonly tokens: Tokens;
  readonly requests: Requests;
  readonly namespaceLength: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stats: CallerStats;
  readonly board: StatusBoard;
  /** Undefined: the loop renews leases. */
  readonly renewer: WorkerKeeper | undefined;
  readonly onEvent: (event: CallerEvent) => void;
  readonly end: () => void;
}

function basisOf(endpoints: string | readonly string[], options: ConnectOptions): Basis {
  const {
    timeout: timeoutMs = TIMEOUT_MS,
    clock = systemClock,
    random = systemRandom,
    logger = silentLogger,
  } = options;
  checkTimeout('timeout', timeoutMs);
  checkTimeout('connectTimeout', options.connectTimeout ?? TIMEOUT_MS);
  const { addresses, isSecure } = parseEndpoints(endpoints);
  const tls = tlsOf(options.tls ?? isSecure);
  const transport = options.transport ?? new GrpcTransport(tls);
  const connections = new Connections(transport);
  // Renewals wait for nothing else: they have connections of their own.
  const leaseConnections = new Connections(transport);
  const rotation = new MemberRotation(addresses, random);
  const connectionTo = (address: string): Connection => connections.to(address);
  const requests = new Requests(namespaceFrom(options.namespace));
  const board = new StatusBoard();
  return {
    rotation,
    watchRotation: new MemberRotation(addresses, random),
    leaseRotation: new MemberRotation(addresses, random),
    connectionTo,
    leaseConnectionTo: (address) => leaseConnections.to(address),
    tokens: options.auth === undefined ? noTokens : new Authenticator(options.auth, rotation, connectionTo),
    requests,
    namespaceLength: requests.namespace?.length ?? 0,
    timeoutMs,
    clock,
    random,
    logger,
    stats: { inFlight: 0, waiting: 0, sent: 0, retries: 0, frames: 0, reconnects: 0, seenRevision: 0 },
    board,
    renewer: options.leaseRenewer === 'worker' ? renewerOf(addresses, tls, options) : undefined,
    onEvent(event) {
      if (event.kind === 'retry') return traceRetry(event);
      logger.debug(event.kind, event);
      board.tell(event);
    },
    end() {
      connections.close();
      leaseConnections.close();
    },
  };
}

function renewerOf(
  addresses: readonly string[],
  tls: TlsOptions | undefined,
  { auth, transport, clock = systemClock, logger = silentLogger }: ConnectOptions,
): WorkerKeeper {
  if (transport !== undefined) {
    throw new QuorateError('INVALID_ARGUMENT', {
      detail: 'a renewer in a worker reaches members by the network alone',
    });
  }
  return new WorkerKeeper({ addresses, tls, auth }, clock, logger);
}

interface Opened {
  readonly caller: Caller & { count(): void };
  readonly isExactlyOnce: boolean;
}

/** Over a session, where the members keep such; else one by one. */
async function openCaller(basis: Basis, options: ConnectOptions): Promise<Opened> {
  const { name = 'quorate-client', connectTimeout = TIMEOUT_MS, signal } = options;
  const clientName = shortened(name);
  const session = new SessionCaller({ ...basis, metadata: () => basis.tokens.metadata(), clientName });
  const opening = await orAborted(session.start(connectTimeout), signal, () => session.close(0));
  if (opening === 'session') return { caller: session, isExactlyOnce: true };
  await session.close(0);
  return { caller: new UnaryCaller(basis), isExactlyOnce: false };
}

function clientOf(basis: Basis, { caller, isExactlyOnce }: Opened): Client {
  const { leaseRotation, leaseConnectionTo, watchRotation, requests, board, logger, stats } = basis;
  const namespace = requests.namespace;
  const onReconnect = (member: string, reason: string): void => {
    basis.onEvent({ kind: 'reconnecting', member, reason });
  };
  return new Client({
    ...basis,
    caller: new TracedCaller(caller),
    isExactlyOnce,
    leaseKeeper:
      basis.renewer ?? new LeaseKeeper({ ...basis, rotation: leaseRotation, connectionTo: leaseConnectionTo }),
    onLeaseEvent(event) {
      traceLease(event);
      if (event.kind === 'leaseRenewed' || event.kind === 'leaseGranted') return;
      logger.warn(event.kind, event);
      board.tell(event);
    },
    observe: { ...basis, rotation: watchRotation, onReconnect },
    openWatch: (range, from, prevKv) =>
      new WatchStream(range, from, prevKv, { ...basis, rotation: watchRotation, namespace, onReconnect }),
    stats() {
      caller.count();
      return { ...stats };
    },
  });
}

function tlsOf(tls: TlsOptions | boolean | undefined): TlsOptions | undefined {
  return tls === true ? {} : tls === false ? undefined : tls;
}

/** As many whole characters as fit. */
function shortened(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > NAME_BYTES_MAX) short = short.slice(0, -1);
  return short;
}

function checkTimeout(name: string, ms: number): void {
  if (!(ms > 0)) throw new QuorateError('INVALID_ARGUMENT', { detail: `${name} must be above 0, not ${ms}` });
}
