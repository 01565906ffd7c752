/**
 * The life of the process: configuration, start, signals, stop, and the one reason for which it ends. Touches the
 * process only through HostProcess, and never exits by itself.
 */
import { ConfigError, loadConfig, usage, type LoadedConfig, type ServerConfig } from './config.js';
import type { Environment } from './config-sources.js';
import { FatalError, type ExitReason } from './exit-reason.js';
import { InvariantError } from './lib/assert.js';
import type { Clock } from './lib/clock.js';
import { createDeferred } from './lib/deferred.js';
import type { Logger } from './lib/logger.js';
import type { LogLevel, ProcessLogger } from './pino-logger.js';
import type { ClientDoor } from './rpc/local-door.js';
import type { SessionSource } from './rpc/session-port.js';
import { ownVersion } from './version.js';

/** A member that serves. */
export interface RunningServer {
  /** With the ports that were really taken. */
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  /** What a client of the session stream reaches over gRPC, for a program that embeds the member. */
  readonly sessions: SessionSource;
  /** Every service that clients reach over gRPC, without it: `connect` of @quorate/client takes the whole server. */
  readonly door: ClientDoor;
  /** Settles when the member has ended, asked to or not. Never rejects. */
  readonly done: Promise<ExitReason>;
  /** Lets requests in flight finish, then closes everything. Idempotent. */
  stop(): Promise<void>;
}

/** Rejects with FatalError when the member cannot start for a reason that has a number of its own. */
export type StartServer = (config: ServerConfig, deps: { readonly logger: Logger }) => Promise<RunningServer>;

export interface HostProcess {
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly clock: Clock;
  printOut(text: string): void;
  printError(text: string): void;
  createLogger(level: LogLevel): ProcessLogger;
  onSignal(listener: (signal: string) => void): void;
  /** Exceptions and rejections that nobody caught. */
  onUncaught(listener: (error: unknown) => void): void;
}

/** A service manager that sent SIGTERM kills after 10 s at the soonest: leave well before. */
export const stopTimeoutMs = 5000;

/** Fsyncs, DNS and crypto share the threads of libuv; with the default of 4 they starve each other. */
const threadPoolSizeAdvised = 16;

export async function run(host: HostProcess, start: StartServer): Promise<ExitReason> {
  const loaded = load(host);
  if (loaded === undefined) return 'badConfig';
  if (loaded.action !== 'run') {
    host.printOut(loaded.action === 'help' ? usage() : `quorate ${ownVersion()}\n`);
    return 'stopped';
  }
  const logger = host.createLogger(loaded.config.logLevel);
  for (const warning of loaded.warnings) logger.warn(warning);
  adviseThreads(host.environment, logger);
  const reason = await runMember(host, logger, loaded.config, start);
  logger.info('leaving', { reason });
  await logger.flush();
  return reason;
}

function load(host: HostProcess): LoadedConfig | undefined {
  try {
    return loadConfig(host.args, host.environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    host.printError(`quorate: ${error.message}\n`);
    return undefined;
  }
}

async function runMember(host: HostProcess, logger: Logger, config: ServerConfig, start: StartServer) {
  const ended = createDeferred<ExitReason>();
  const fail = (error: unknown): void => {
    logger.error('fatal', { error });
    ended.resolve(reasonOf(error));
  };
  host.onUncaught(fail);
  const started = start(config, { logger });
  stopOnSignal(host, logger, started, ended.resolve, fail);
  started.then((server) => server.done).then(ended.resolve, fail);
  return ended.promise;
}

function stopOnSignal(
  host: HostProcess,
  logger: Logger,
  started: Promise<RunningServer>,
  leave: (reason: ExitReason) => void,
  fail: (error: unknown) => void,
): void {
  let isStopping = false;
  host.onSignal((signal) => {
    logger.info(isStopping ? 'a second signal: leaving at once' : 'stopping', { signal });
    if (isStopping) return leave('stopForced');
    isStopping = true;
    host.clock.setTimer(() => {
      logger.error('stopping takes too long: leaving', { timeoutMs: stopTimeoutMs });
      leave('stopForced');
    }, stopTimeoutMs);
    // A start that failed has already said so.
    started.then(
      (server) =>
        server
          .stop()
          .then(() => leave('stopped'))
          .catch(fail),
      () => undefined,
    );
  });
}

function reasonOf(error: unknown): ExitReason {
  if (error instanceof FatalError) return error.reason;
  return error instanceof InvariantError ? 'invariantBroken' : 'unexpected';
}

function adviseThreads(environment: Environment, logger: Logger): void {
  const size = Number(environment['UV_THREADPOOL_SIZE'] ?? 4);
  if (size >= threadPoolSizeAdvised) return;
  logger.info('set UV_THREADPOOL_SIZE: disk syncs share these threads with DNS and crypto', {
    threads: size,
    advised: threadPoolSizeAdvised,
  });
}
