/** v3electionpb.Election: converts, and passes on to elections. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { ElectionDefinition, LeaderRequest, LeaderResponse, type LeaderKey } from '@quorate/proto/etcd/election.js';
import { bytesFrom, byteStringFrom } from '../lib/bytes.js';
import { clampedInteger } from '../lib/integers.js';
import type { Logger } from '../lib/logger.js';
import { QuorateError } from '../lib/quorate-error.js';
import { Election, type Leadership } from '../node/election.js';
import type { Header } from '../node/member.js';
import { placeBytes } from '../node/waiting-line.js';
import type { Carrier } from './carrier.js';
import { decodeMessage, encodeMessage, passBytes } from './codec.js';
import { drained } from './drained.js';
import { headerToWire, keyValueToWire } from './kv-answer.js';
import { assertFits, type KvLimits } from './kv-service.js';
import type { LockPorts } from './lock-service.js';
import { openStream } from './open-stream.js';
import { withLease } from './own-lease.js';
import type { StreamEnds } from './stream-ends.js';
import { untyped } from './untyped-refusal.js';
import type { UnaryCalls } from './unary-calls.js';
import { FLAT } from './wire-check.js';

export interface ElectionPorts extends LockPorts {
  readonly server: Carrier;
  readonly ends: StreamEnds;
  readonly logger: Logger;
  /** What an answer is headed with that speaks of `revision`. */
  readonly header: (revision: number) => Header;
}

/** Both requests that prove a leadership hold it in their first field. */
const leaderTraits = { shape: { 1: FLAT } };

export function serveElections(calls: UnaryCalls, ports: ElectionPorts, limits: KvLimits): void {
  const { campaign, proclaim, leader, resign } = ElectionDefinition.methods;
  const election = new Election(ports);

  calls.serve(
    ElectionDefinition,
    campaign,
    untyped(async (request, context) => {
      assertFits({ requestBytes: placeBytes(request.name.length, request.value.length) }, limits);
      const [name, value] = [byteStringFrom(request.name), byteStringFrom(request.value)];
      const turn = await context.waiting((signal) =>
        withLease(ports.leases, request.lease, (id) => election.campaign(name, id, value, signal)),
      );
      const { key, createRevision, lease, header } = turn;
      const proof = { name: request.name, key: bytesFrom(key), rev: BigInt(createRevision), lease };
      return { header: headerToWire(header), leader: proof };
    }),
  );

  calls.serve(
    ElectionDefinition,
    proclaim,
    untyped(async (request, context) => {
      assertFits(context, limits);
      const leadership = leadershipFrom(request.leader);
      const value = byteStringFrom(request.value);
      const header = await withLease(ports.leases, leadership.lease, (lease) =>
        election.proclaim({ ...leadership, lease }, value, context.options),
      );
      return { header: headerToWire(header) };
    }),
    leaderTraits,
  );

  calls.serve(
    ElectionDefinition,
    leader,
    untyped(async ({ name }, { options }) => {
      const { header, kv } = await election.leader(byteStringFrom(name), options);
      return { header: headerToWire(header), kv: keyValueToWire(kv) };
    }),
  );

  calls.serve(
    ElectionDefinition,
    resign,
    untyped(async (request, context) => {
      assertFits(context, limits);
      return { header: headerToWire(await election.resign(leadershipFrom(request.leader), context.options)) };
    }),
    leaderTraits,
  );

  serveObserve(election, ports);
}

function leadershipFrom(proof: LeaderKey | undefined): Leadership {
  if (proof === undefined) throw new QuorateError('NO_LEADER_KEY');
  if (proof.key.length === 0) throw new QuorateError('EMPTY_KEY');
  return { key: byteStringFrom(proof.key), createRevision: clampedInteger(proof.rev), lease: proof.lease };
}

type ObserveCall = ServerWritableStream<Buffer, Buffer>;

function serveObserve(election: Election, { server, ends, header, logger }: ElectionPorts): void {
  const { name } = ElectionDefinition.methods.observe;
  const serve = (call: ObserveCall): void =>
    openStream(call, { ends, logger }, name, (signal) => observe(call, election, header, signal));
  server.register(`/${ElectionDefinition.fullName}/${name}`, serve, passBytes, passBytes, 'serverStream');
}

/** Ends by throwing: whatever `signal` was aborted with, or what went wrong. A client that does not read is told nothing more until it does. */
async function observe(
  call: ObserveCall,
  election: Election,
  header: ElectionPorts['header'],
  signal: AbortSignal,
): Promise<void> {
  const { name } = decodeMessage(LeaderRequest, call.request);
  for await (const { revision, kv } of election.observe(byteStringFrom(name), signal)) {
    const answer = { header: headerToWire(header(revision)), kv: keyValueToWire(kv) };
    if (!call.write(encodeMessage(LeaderResponse, answer))) await drained(call, signal);
  }
}
