#!/usr/bin/env node
/** Flags -> config -> run. The only place that exits the process, always with a number from exit-reason.ts. */
import { optimizeEarly } from './early-optimization.js';
import { exitCodes } from './exit-reason.js';
import { systemClock } from './lib/clock.js';
import { createLogger, stderrOutput } from './pino-logger.js';
import { run, type HostProcess } from './run.js';

optimizeEarly();

const host: HostProcess = {
  args: process.argv.slice(2),
  environment: process.env,
  clock: systemClock,
  printOut: (text) => {
    process.stdout.write(text);
  },
  printError: (text) => {
    process.stderr.write(text);
  },
  createLogger: (level) => createLogger(level, stderrOutput(process.stderr.isTTY)),
  onSignal: (listener) => {
    process.on('SIGTERM', listener);
    process.on('SIGINT', listener);
  },
  onUncaught: (listener) => {
    process.on('uncaughtException', listener);
    process.on('unhandledRejection', listener);
  },
};

// Imported late: --help and a wrong flag need no storage engine, whose binding may refuse this platform.
const reason = await run(host, async (config, deps) => (await import('./server.js')).startServer(config, deps));
process.exit(exitCodes[reason]);
