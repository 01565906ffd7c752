/** Where the client writes what it cannot tell a caller. pino, console and winston fit as they are. */
export interface Logger {
  debug(message: string, ...more: readonly unknown[]): void;
  info(message: string, ...more: readonly unknown[]): void;
  warn(message: string, ...more: readonly unknown[]): void;
  error(message: string, ...more: readonly unknown[]): void;
}

const ignore = (): void => undefined;
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
