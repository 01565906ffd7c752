/** quorate.v1.Coordination: converts, and passes on to the member. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  CoordinationDefinition,
  GrantObserveRequest,
  GrantObserveResponse,
} from '@quorate/proto/quorate/v1/coordination.js';
import { byteStringFrom } from '../lib/bytes.js';
import type { Logger } from '../lib/logger.js';
import { QuorateError } from '../lib/quorate-error.js';
import { DESCRIBE_NAMES_MAX, FORCE_REASON_MAX, type GrantMember } from '../node/grant-member.js';
import type { Carrier } from './carrier.js';
import { decodeMessage, encodeMessage, passBytes } from './codec.js';
import { drained } from './drained.js';
import { acquireToWire, describeToWire, queueToWire } from './grant-answer.js';
import { acquireFrom, changeFrom, forceFrom, proclaimFrom, releaseFrom } from './grant-request.js';
import { headerToWire } from './kv-answer.js';
import { assertFits, type KvLimits } from './kv-service.js';
import { openStream } from './open-stream.js';
import type { StreamEnds } from './stream-ends.js';
import type { UnaryCalls } from './unary-calls.js';

export interface CoordinationPorts {
  readonly grants: GrantMember;
  readonly server: Carrier;
  readonly ends: StreamEnds;
  readonly logger: Logger;
}

export function serveCoordination(calls: UnaryCalls, ports: CoordinationPorts, limits: KvLimits): void {
  const { acquire, release, proclaim, force, describe } = CoordinationDefinition.methods;
  const { grants, logger } = ports;

  calls.serve(CoordinationDefinition, acquire, async (request, context) => {
    assertFits(context, limits);
    const command = acquireFrom(request);
    const answer = await grants.acquire(command, context.options);
    if (answer.place === 0 || answer.token > 0) return acquireToWire(answer);
    const [name = ''] = command.names;
    const place = { attempt: command.attempt, name, change: answer.change, untilLost: false };
    const granted = await context.waiting(async (signal) => {
      for (;;) {
        const now = await grants.granted(place, { signal });
        if (now.token > 0) return now;
      }
    });
    return acquireToWire({ ...granted, place: answer.place });
  });

  calls.serve(CoordinationDefinition, release, async (request, { options }) => {
    const { header, released } = await grants.release(releaseFrom(request), options);
    return { header: headerToWire(header), released };
  });

  calls.serve(CoordinationDefinition, proclaim, async (request, context) => {
    assertFits(context, limits);
    const { header } = await grants.proclaim(proclaimFrom(request), context.options);
    return { header: headerToWire(header) };
  });

  calls.serve(CoordinationDefinition, force, async (request, { options }) => {
    const { reason, token } = request;
    if (reason.length > FORCE_REASON_MAX) {
      throw new QuorateError('INVALID_GRANT', `a reason of ${reason.length} characters, at most ${FORCE_REASON_MAX}`);
    }
    const { header } = await grants.force(forceFrom(request), options);
    logger.warn('a grant was taken away', { name: Buffer.from(request.name).toString(), token, reason });
    return { header: headerToWire(header) };
  });

  calls.serve(CoordinationDefinition, describe, async ({ name, rangeEnd, limit }, { options }) => {
    const range = name.length === 0 ? undefined : { key: byteStringFrom(name), rangeEnd: byteStringFrom(rangeEnd) };
    return describeToWire(await grants.describe(range, limit === 0 ? DESCRIBE_NAMES_MAX : limit, options));
  });

  serveObserve(ports);
}

type ObserveCall = ServerDuplexStream<Buffer, Buffer>;

function serveObserve({ grants, server, ends, logger }: CoordinationPorts): void {
  const { name } = CoordinationDefinition.methods.observe;
  const serve = (call: ObserveCall): void =>
    openStream(call, { ends, logger }, name, async (signal, end) => {
      call.on('error', () => end(new QuorateError('CANCELED')));
      call.on('end', () => end(new QuorateError('CANCELED')));
      const request = await onlyRequest(call, signal);
      call.on('data', () => end(new QuorateError('INVALID_FRAME', 'one stream observes one name')));
      await observe(call, request, grants, signal);
    });
  server.register(`/${CoordinationDefinition.fullName}/${name}`, serve, passBytes, passBytes, 'bidi');
}

/** Ends by throwing. A client that does not read is told nothing more until it does, and then the state of that moment. */
async function observe(call: ObserveCall, request: Buffer, grants: GrantMember, signal: AbortSignal): Promise<void> {
  const { name: bytes, change } = decodeMessage(GrantObserveRequest, request);
  const name = byteStringFrom(bytes);
  let last = changeFrom(change);
  for (;;) {
    const queue = await grants.next(name, last, signal);
    last = queue.change;
    const answer = { header: headerToWire(grants.header()), queue: queueToWire(queue, grants.timeMs) };
    if (!call.write(encodeMessage(GrantObserveResponse, answer))) await drained(call, signal);
  }
}

function onlyRequest(call: ObserveCall, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const over = (): void => reject(signal.reason);
    if (signal.aborted) over();
    signal.addEventListener('abort', over, { once: true });
    call.once('data', resolve);
  });
}
