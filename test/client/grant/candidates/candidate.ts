/** A process that wants to lead for ever, and says from when to when it was let believe that it does. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect, isQuorateError, type Term } from '@quorate/client';
import { monotonicMs } from '../../../harness/monotonic.js';
import type { CandidateOrder, FromCandidate } from './messages.js';

const ASK_MS = 5;
const TELL_MS = 50;
const RETRY_MS = 200;
const CONNECT_MS = 60_000;

const tell = (message: FromCandidate): void => void process.send?.(message);
const order = JSON.parse(process.argv[2] ?? '{}') as CandidateOrder;
const client = await connect(order.endpoints.join(), { name: order.name, connectTimeout: CONNECT_MS });
tell({ kind: 'ready' });
for (;;) {
  try {
    await client.election(order.election).lead(lead, { ttl: order.ttlMs, value: order.name });
  } catch (error) {
    // Who could not resign in time, or lost its session, stands again.
    if (!isQuorateError(error)) throw error;
  }
  await delay(RETRY_MS);
}

async function lead(term: Term): Promise<void> {
  const { token } = term;
  const endsAt = monotonicMs() + order.termMs * (0.5 + Math.random());
  let from: number | undefined;
  let toldAt = 0;
  while (!term.signal.aborted && monotonicMs() < endsAt) {
    // Taken before it asks: a process that is stopped in between has not led any longer for that.
    const now = monotonicMs();
    if (!holds(term)) break;
    from ??= now;
    if (now - toldAt >= TELL_MS) {
      tell({ kind: 'led', token, from, to: now });
      toldAt = now;
    }
    await delay(ASK_MS);
  }
  tell({ kind: 'ended', token, how: term.state === 'lost' ? 'lost' : 'resigned' });
}

function holds(term: Term): boolean {
  try {
    term.assertHeld();
    return true;
  } catch {
    return false;
  }
}
