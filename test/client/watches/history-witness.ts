/** Records everything that happens, beside a member that is left in peace and with nothing of the client's. */
import { type Event as EventMessage, Event_DeleteCause, Event_EventType } from '@quorate/proto/etcd/mvcc.js';
import type { Event, KeyValue } from '../../../server/state/result.js';
import { type RawWatch, startRawWatch } from '../../harness/raw-watch.js';

const causes: Readonly<Record<number, NonNullable<Event['cause']>>> = {
  [Event_DeleteCause.DELETE]: 'delete',
  [Event_DeleteCause.TXN]: 'txn',
  [Event_DeleteCause.LEASE_EXPIRED]: 'leaseExpired',
  [Event_DeleteCause.LEASE_REVOKED]: 'leaseRevoked',
};

export class HistoryWitness {
  readonly #events: Event[] = [];
  readonly #complaints: string[] = [];
  #watch: RawWatch | undefined;

  static async start(endpoint: string): Promise<HistoryWitness> {
    const witness = new HistoryWitness();
    const everything = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]), startRevision: 1n, prevKv: true };
    witness.#watch = await startRawWatch(endpoint, everything, ({ events, canceled, cancelReason }) => {
      if (canceled) witness.#complaints.push(`canceled: ${cancelReason}`);
      for (const event of events) witness.#add(event);
    });
    return witness;
  }

  /** Of all events, in order. */
  get events(): readonly Event[] {
    return this.#events;
  }

  get revision(): number {
    return this.#events.at(-1)?.revision.main ?? 1;
  }

  /** What speaks against its record being complete: that of a store has every revision from the second on. */
  complaints(): readonly string[] {
    const revisions = new Set(this.#events.map(({ revision }) => revision.main));
    const missing = Array.from({ length: this.revision - 1 }, (_, place) => place + 2).filter(
      (at) => !revisions.has(at),
    );
    const all = [...this.#complaints, ...missing.map((at) => `revision ${at} is missing`)];
    return all;
  }

  end(): void {
    this.#watch?.end();
  }

  #add({ type, kv, prevKv, deleteCause }: EventMessage): void {
    const main = Number(kv?.modRevision);
    const before = this.#events.at(-1)?.revision;
    const sub = before?.main === main ? before.sub + 1 : 0;
    const cause = causes[deleteCause];
    this.#events.push({
      type: type === Event_EventType.PUT ? 'put' : 'delete',
      kv: keyValue(kv),
      revision: { main, sub },
      prevKv: prevKv === undefined ? undefined : keyValue(prevKv),
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

function keyValue(kv: EventMessage['kv']): KeyValue {
  if (kv === undefined) throw new Error('an event without a key');
  return {
    key: kv.key.toString('latin1'),
    value: kv.value.toString('latin1'),
    createRevision: Number(kv.createRevision),
    modRevision: Number(kv.modRevision),
    version: Number(kv.version),
    lease: kv.lease,
  };
}
