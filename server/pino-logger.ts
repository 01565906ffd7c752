/**
 * The Logger port on pino: JSON lines for machines, short lines for a person at a terminal, both to stderr. 64-bit ids
 * are written as hex strings, because JSON numbers would round them. What a caller sent is always quoted, so that no
 * key or user name can forge a line or move a terminal's cursor.
 */
import { pino, type DestinationStream } from 'pino';
import type { LogFields, Logger } from './lib/logger.js';

export interface ProcessLogger extends Logger {
  /** Resolves when everything logged so far is written, or cannot be written in time. To be awaited before an exit. */
  flush(): Promise<void>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where lines go. `isTerminal` chooses their form. */
export interface LogOutput {
  readonly isTerminal: boolean;
  write(line: string): void;
  flush(): Promise<void>;
}

/** When stderr takes no more, lines beyond this are dropped: logging must never eat the memory or block the member. */
const bufferedBytesMax = 8 * 1024 * 1024;
const flushTimeoutMs = 500;
const stderrDescriptor = 2;

export function stderrOutput(isTerminal: boolean): LogOutput {
  // With a minLength of 0 the stream would take flush() for done while a write is still on its way.
  const stream = pino.destination({ dest: stderrDescriptor, sync: false, minLength: 1, maxLength: bufferedBytesMax });
  return {
    isTerminal,
    write: (line) => {
      stream.write(line);
    },
    flush: () =>
      new Promise((resolve) => {
        setTimeout(resolve, flushTimeoutMs);
        stream.flush(() => resolve());
      }),
  };
}

export function createLogger(level: LogLevel, output: LogOutput): ProcessLogger {
  const stream: DestinationStream = output.isTerminal
    ? { write: (line) => output.write(readableLine(line)) }
    : { write: (line) => output.write(line) };
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return {
    debug: (message, fields) => log.debug(plain(fields), message),
    info: (message, fields) => log.info(plain(fields), message),
    warn: (message, fields) => log.warn(plain(fields), message),
    error: (message, fields) => log.error(plain(fields), message),
    flush: () => output.flush(),
  };
}

function plain(fields: LogFields = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString(16);
  if (Array.isArray(value)) return value.map(plainValue);
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? {} : { cause: plainValue(value.cause) };
  return { name: value.name, message: value.message, stack: value.stack, ...cause };
}

/** `12:34:56.789 INFO  message key="value"`, from pino's line. */
function readableLine(line: string): string {
  const { time, level, msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const shown = Object.entries(fields).map(([key, value]) => ` ${key}=${printable(value)}`);
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${shown.join('')}\n`;
}

/** A stack keeps its line breaks, indented; nothing else does, and no control character reaches the terminal. */
function printable(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('stack' in value)) return escapeControls(JSON.stringify(value));
  const stack = String(value.stack).split('\n').map(escapeControls).join('\n    ');
  return 'cause' in value ? `${stack}\n    caused by: ${printable(value.cause)}` : stack;
}

function escapeControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
