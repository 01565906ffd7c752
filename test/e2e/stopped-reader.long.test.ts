/**
 * A reader of a watch stops reading for a minute while 1 GiB of events pass: the member's memory must not grow by what
 * the reader does not read, and afterwards the reader must be told every event.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { PutRequest } from '@quorate/proto/etcd/kv.js';
import { WatchCreateRequest, WatchRequest, WatchResponse } from '@quorate/proto/etcd/watch.js';
import { expect, it } from 'vitest';
import { until, withCluster } from '../harness/cluster.js';
import { RawClient } from '../harness/raw-client.js';

const mebibyte = 1024 * 1024;
const totalBytes = 1024 * mebibyte;
const valueBytes = mebibyte;
const puts = totalBytes / valueBytes;
const inFlight = 4;
const stoppedMs = 60_000;
const growthMaxBytes = 64 * mebibyte;

const passBytes = (bytes: Buffer): Buffer => bytes;

it('a reader that stops costs the member less than 64 MiB, and then gets every event', {
  timeout: 580_000,
}, async () => {
  await withCluster({ program: 'quorate', size: 1 }, async ({ members: [member] }) => {
    if (member === undefined) throw new Error('no member');
    const { endpoint } = member.spec;
    const writer = new RawClient(endpoint);
    // Whatever a gigabyte of writes costs by itself, the log in memory above all, is there before.
    await write(writer, puts / 2);
    const before = await settledBytes(member.process.pid);

    const client = new Client(endpoint, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
    const call = client.makeBidiStreamRequest('/etcdserverpb.Watch/Watch', passBytes, passBytes);
    const revisions: number[] = [];
    let isCreated = false;
    call.on('error', () => undefined);
    call.on('data', (bytes: Buffer) => {
      const { created, events } = WatchResponse.decode(bytes);
      if (created) isCreated = true;
      for (const { kv } of events) revisions.push(Number(kv?.modRevision));
    });
    const value = WatchCreateRequest.fromPartial({ key: Buffer.from('k') });
    call.write(Buffer.from(WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish()));
    await until('the watcher', 10_000, async () => (isCreated ? true : undefined));
    call.pause();
    const stoppedAt = performance.now();
    await write(writer, puts);
    await delay(Math.max(0, stoppedMs - (performance.now() - stoppedAt)));
    const after = await settledBytes(member.process.pid);
    const toldWhileStopped = revisions.length;
    call.resume();
    await until('every event', 240_000, async () => (revisions.length >= puts ? true : undefined));
    call.cancel();
    client.close();
    writer.close();

    const growth = after - before;
    console.log(`grew by ${(growth / mebibyte).toFixed(1)} MiB from ${(before / mebibyte).toFixed(0)} MiB`);
    expect(toldWhileStopped).toBeLessThan(puts / 10);
    const [first = 0] = revisions;
    expect(revisions).toEqual(Array.from({ length: puts }, (_, at) => first + at));
    expect(growth).toBeLessThan(growthMaxBytes);
  });
});

async function write(client: RawClient, count: number): Promise<void> {
  const message = PutRequest.encode(
    PutRequest.fromPartial({ key: Buffer.from('k'), value: Buffer.alloc(valueBytes, 'v') }),
  ).finish();
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const answer = await client.call('/etcdserverpb.KV/Put', message);
      if (!answer.ok) throw new Error(answer.text);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
}

/** Resident memory, once garbage had time to go: the lowest of some seconds. */
async function settledBytes(pid: number): Promise<number> {
  let lowest = Infinity;
  for (let second = 0; second < 5; second += 1) {
    await delay(1_000);
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    lowest = Math.min(lowest, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
  }
  return lowest;
}
