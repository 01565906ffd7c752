/**
 * The renewer: a thread that does nothing but renew leases, so that a main loop which is blocked for a while loses none. It
 * holds renewals back when the main loop has not run for half the ttl: a process that hangs must not keep what it holds.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Authenticator, noTokens } from '../calls/authenticator.js';
import { type KeptLease, LeaseKeeper } from '../calls/lease-keeper.js';
import { MemberRotation } from '../core/member-rotation.js';
import { systemRandom } from '../lib/random.js';
import { Connections } from '../transport/connections.js';
import { GrpcTransport } from '../transport/grpc-transport.js';
import type { Connection } from '../transport/transport.js';
import { LeaseTable } from './lease-table.js';
import type { FromRenewer, RenewerData, ToRenewer } from './messages.js';
import { sharedClock } from './shared-clock.js';

const { memory, addresses, tls, auth } = workerData as RenewerData;
const table = new LeaseTable(memory);
const connections = new Connections(new GrpcTransport(tls));
const connectionTo = (address: string): Connection => connections.to(address);
const rotation = new MemberRotation(addresses, systemRandom);
const keeper = new LeaseKeeper({
  rotation,
  connectionTo,
  tokens: auth === undefined ? noTokens : new Authenticator(auth, rotation, connectionTo),
  clock: sharedClock,
  random: systemRandom,
  mayRenew: ({ ttlMs }) => sharedClock.now() - table.tickedAt < ttlMs / 2,
});
const leases = new Map<number, KeptLease>();

const tell = (message: FromRenewer): void => parentPort?.postMessage(message);

function keep({ slot, id, granted }: Extract<ToRenewer, { readonly kind: 'keep' }>): void {
  const lease: KeptLease = keeper.keep(id, granted.sent, granted.ttlMs, {
    onRenewed(marginMs, sent) {
      table.write(slot, { sent, ttlMs: lease.ttlMs });
      tell({ kind: 'renewed', slot, marginMs });
    },
    // The main thread sees that by itself, as soon as it looks.
    onRisk: () => undefined,
    onLost() {
      leases.delete(slot);
      tell({ kind: 'lost', slot });
    },
  });
  leases.set(slot, lease);
}

parentPort?.on('message', (message: ToRenewer) => {
  if (message.kind === 'keep') return keep(message);
  const { kind, slot } = message;
  const lease = leases.get(slot);
  if (kind === 'verify') {
    if (lease !== undefined) keeper.verify(lease);
    return;
  }
  leases.delete(slot);
  if (lease !== undefined) keeper.release(lease);
  tell({ kind: 'released', slot });
});
