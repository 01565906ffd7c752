/**
 * Drives gRPC calls with nghttp2's h2load: real HTTP/2 connections, one request body each, a log line for every
 * request. One h2load process sends one body, so a load on several keys is several processes side by side.
 */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { percentile } from '../e2e/figures.js';

const run = promisify(execFile);
const outputBytesMax = 16 * 1024 * 1024;
const microsPerMs = 1_000;

export interface Load {
  /** host:port */
  readonly endpoint: string;
  /** Full path, such as /etcdserverpb.KV/Put. */
  readonly method: string;
  /** One encoded message for each connection. */
  readonly messages: readonly Uint8Array[];
  /** Calls in flight on each connection. */
  readonly streams: number;
  /** On each connection. */
  readonly calls: number;
}

/** Of all connections together. `dataBytes`: payload of all answers, gRPC frames included. */
export interface LoadResult {
  readonly calls: number;
  readonly perSecond: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly dataBytes: number;
}

/** Rejects when a single call was not answered with HTTP 200. What gRPC says in the trailers it cannot see. */
export async function runLoad(load: Load, folder: string): Promise<LoadResult> {
  const outputs = await Promise.all(load.messages.map((message, index) => runOne(load, message, folder, index)));
  const logs = await Promise.all(outputs.map(({ logFile }) => readLog(logFile)));
  const requests = logs.flat();
  const latencies = requests.map(({ latencyMicros }) => latencyMicros / microsPerMs);
  let firstMicros = Infinity;
  let lastMicros = 0;
  for (const { startMicros, latencyMicros } of requests) {
    firstMicros = Math.min(firstMicros, startMicros);
    lastMicros = Math.max(lastMicros, startMicros + latencyMicros);
  }
  return {
    calls: requests.length,
    perSecond: requests.length / ((lastMicros - firstMicros) / microsPerMs / 1_000),
    meanMs: latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length,
    p99Ms: percentile(latencies, 0.99),
    dataBytes: outputs.reduce((sum, { dataBytes }) => sum + dataBytes, 0),
  };
}

async function runOne(load: Load, message: Uint8Array, folder: string, index: number) {
  const bodyFile = join(folder, `body-${index}`);
  const logFile = join(folder, `log-${index}`);
  await writeFile(bodyFile, framed(message));
  // h2load appends.
  await rm(logFile, { force: true });
  const { stdout } = await run(
    'h2load',
    [
      ['--clients', '1', '--max-concurrent-streams', String(load.streams), '--requests', String(load.calls)],
      ['--data', bodyFile, '--log-file', logFile],
      ['--header', 'content-type: application/grpc', '--header', 'te: trailers'],
      `http://${load.endpoint}${load.method}`,
    ].flat(),
    { maxBuffer: outputBytesMax },
  );
  return { logFile, dataBytes: dataBytesFrom(stdout, load.calls) };
}

/** A gRPC message on the wire: not compressed, its length, itself. */
function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function dataBytesFrom(output: string, calls: number): number {
  const all = `${calls} total, ${calls} started, ${calls} done, ${calls} succeeded, 0 failed, 0 errored, 0 timeout`;
  if (!output.includes(`requests: ${all}`)) throw new Error(`not every call succeeded:\n${output}`);
  const bytes = /headers \(.*\), .* \((\d+)\) data/.exec(output)?.[1];
  if (bytes === undefined) throw new Error(`h2load speaks another dialect:\n${output}`);
  return Number(bytes);
}

/** Tab-separated: start in microseconds since 1970, HTTP status, microseconds until the end of the answer. */
async function readLog(file: string) {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => {
    const [startMicros, httpStatus, latencyMicros] = line.split('\t').map(Number);
    if (startMicros === undefined || latencyMicros === undefined || httpStatus !== 200) {
      throw new Error(`h2load logged a call that failed: ${line}`);
    }
    return { startMicros, latencyMicros };
  });
}
