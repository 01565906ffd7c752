/** The promise to programs that embed a member: everything exported here, and nothing else of this package. */
export { ConfigError, createConfig, type ServerConfig } from './config.js';
export { type ExitReason, FatalError } from './exit-reason.js';
export type { Logger } from './lib/logger.js';
export type { ClientDoor, LocalStatus, LocalStream, LocalStreamHandler } from './rpc/local-door.js';
export type { SessionExchange, SessionSink, SessionSource } from './rpc/session-port.js';
export type { RunningServer } from './run.js';
export { type MemoryServer, type ServerDependencies, startServer } from './server.js';
