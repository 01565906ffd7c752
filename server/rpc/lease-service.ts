/** etcdserverpb.Lease. Converts and passes on; what time is left of a lease is the leader's business. */
import { LeaseDefinition } from '@quorate/proto/etcd/lease.js';
import { bytesFrom } from '../lib/bytes.js';
import type { Logger } from '../lib/logger.js';
import type { LeaseMember } from '../node/lease-member.js';
import type { Carrier } from './carrier.js';
import { passBytes } from './codec.js';
import { headerToWire } from './kv-answer.js';
import { type Call, KeepAliveStream } from './keep-alive-stream.js';
import type { RequestGate } from './request-gate.js';
import { serializeBundle } from './message-bundle.js';
import type { StreamEnds } from './stream-ends.js';
import type { UnaryCalls } from './unary-calls.js';

export interface LeasePorts {
  readonly server: Carrier;
  readonly gate: RequestGate;
  readonly ends: StreamEnds;
  readonly logger: Logger;
}

export function serveLeases(calls: UnaryCalls, leases: LeaseMember, ports: LeasePorts): void {
  const { leaseGrant, leaseRevoke, leaseTimeToLive, leaseLeases } = LeaseDefinition.methods;

  calls.serve(LeaseDefinition, leaseGrant, async ({ ID, TTL }, { options }) => {
    const { header, id, ttl } = await leases.grant({ id: ID, ttl: TTL }, options);
    return { header: headerToWire(header), ID: id, TTL: ttl, error: '' };
  });

  calls.serve(LeaseDefinition, leaseRevoke, async ({ ID }, { options }) => {
    const { header } = await leases.revoke(ID, options);
    return { header: headerToWire(header) };
  });

  calls.serve(LeaseDefinition, leaseTimeToLive, async (request, { options }) => {
    const { header, id, ttl, grantedTtl, keys } = await leases.timeToLive(
      { id: request.ID, keys: request.keys },
      options,
    );
    return { header: headerToWire(header), ID: id, TTL: ttl, grantedTTL: grantedTtl, keys: keys.map(bytesFrom) };
  });

  calls.serve(LeaseDefinition, leaseLeases, async (_, { options }) => {
    const { header, ids } = await leases.leases(options);
    return { header: headerToWire(header), leases: ids.map((ID) => ({ ID })) };
  });

  serveKeepAlive(leases, ports);
}

function serveKeepAlive(leases: LeaseMember, { server, gate, ends, logger }: LeasePorts): void {
  const { name } = LeaseDefinition.methods.leaseKeepAlive;
  const serve = (call: Call): void => {
    let forget = (): void => undefined;
    const stream = new KeepAliveStream(call, {
      leases,
      gate,
      ended: (status) => {
        forget();
        if (status?.isUnforeseen === true) logger.error('a request failed for no foreseen reason', { method: name });
      },
    });
    forget = ends.attend(call.metadata, (error) => stream.refuse(error));
  };
  server.register(`/${LeaseDefinition.fullName}/${name}`, serve, serializeBundle, passBytes, 'bidi');
}
