/**
 * The client door: etcd's services on every address that clients may use, with a limit on whatever a client can make
 * this member hold. Starts and stops; what requests mean is the services' business.
 */
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { AuthDefinition } from '@quorate/proto/etcd/auth.js';
import type { Clock } from '../lib/clock.js';
import { type ClientServicesOptions, receiveOverheadBytes, serveClients, servedServices } from './client-services.js';
import { DirectCalls } from './direct-calls.js';
import { Health } from './health.js';
import { Listeners, type ListenAddress } from './listeners.js';
import { LocalDoor } from './local-door.js';
import { serveReflection } from './reflection.js';
import type { SessionSource } from './session-port.js';
import { refuseOtherMethods } from './unimplemented.js';

export interface ClientServerOptions extends ClientServicesOptions {
  readonly listen: readonly ListenAddress[];
  readonly enableReflection: boolean;
}

export interface ClientServer {
  /** What clients of sessions reach over gRPC, for whoever reaches this member without it. */
  readonly sessions: SessionSource;
  /** All services, for clients in this process. */
  readonly door: LocalDoor;
  /** In the order of `listen`, with the ports that were really taken. */
  readonly addresses: readonly ListenAddress[];
  /** Refuses new requests with STOPPED, lets those in flight finish for `graceMs`, then cuts what is left. Idempotent. */
  stop(graceMs: number): Promise<void>;
}

/** On one connection. Watches are streams too, and some clients open one for each: far above what they need. */
export const streamsPerConnectionMax = 16_384;
/** A connection that answers no ping for so long is dead, or never spoke HTTP/2: its streams and memory are freed. */
const keepaliveMs = { interval: 30_000, timeout: 20_000 } as const;
/** After the last request was answered: time for the answers to leave and for clients to hang up. */
const lingerMs = 250;

const knownServices = [...servedServices, AuthDefinition];

/** Rejects with ListenError when an address cannot be taken; then nothing is left behind. */
export async function startClientServer(options: ClientServerOptions): Promise<ClientServer> {
  const { member, clock, logger } = options;
  const receiveBytesMax = options.maxRequestBytes + receiveOverheadBytes;
  const server = new Server(serverOptions(receiveBytesMax));
  const direct = new DirectCalls({ clock, receiveBytesMax });
  const door = new LocalDoor(clock);
  const services = serveClients(
    {
      register(...method) {
        door.register(...method);
        return server.register(...method);
      },
    },
    {
      serve(path, serve) {
        door.serve(path, serve);
        direct.serve(path, serve);
      },
    },
    options,
  );
  for (const service of knownServices) refuseOtherMethods(server, service);
  const health = new Health(
    server,
    member,
    servedServices.map(({ fullName }) => fullName),
  );
  if (options.enableReflection) serveReflection(server);

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  direct.attach(server);
  const listeners = new Listeners({ clock, logger, onConnection: (socket) => injector.injectConnection(socket) });
  try {
    const addresses = await listeners.listen(options.listen);
    let stopped: Promise<void> | undefined;
    const { sessions } = services;
    return { addresses, sessions, door, stop: (graceMs) => (stopped ??= stop(graceMs)) };
  } catch (error) {
    server.forceShutdown();
    throw error;
  }

  async function stop(graceMs: number): Promise<void> {
    listeners.stopListening();
    health.stop();
    door.refuse();
    const idle = services.stop();
    // Tells every client to go elsewhere; a connection ends by itself when its last stream has ended. Not drain(),
    // which ends what is left with CANCELLED: to the client it must look like a lost connection.
    injector.destroy();
    await before(clock, graceMs, idle);
    // What is left then are clients that do not hang up.
    await before(clock, lingerMs, listeners.allClosed());
    listeners.destroyConnections();
    door.close();
    server.forceShutdown();
  }
}

function serverOptions(receiveBytesMax: number): ServerOptions {
  return {
    'grpc.max_receive_message_length': receiveBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': streamsPerConnectionMax,
    'grpc.keepalive_time_ms': keepaliveMs.interval,
    'grpc.keepalive_timeout_ms': keepaliveMs.timeout,
    'grpc.enable_channelz': 0,
  };
}

/** Waits for `event`, but not longer than `ms`. */
function before(clock: Clock, ms: number, event: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(resolve, ms);
    void event.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
