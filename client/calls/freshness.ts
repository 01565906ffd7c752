/** How fresh a read must be, as a session's stream says it. */
import {
  linearizableFreshness,
  serializableFreshness,
  sessionFreshness,
  stalenessFreshness,
} from '../wire/client-frames.js';
import type { Request } from '../wire/request.js';

/** Undefined: the request is no range. `seen`: the highest revision that the client has seen. */
export function freshnessOf({ kind, consistency }: Request<unknown>, seen: number): Buffer | undefined {
  if (kind !== 'range') return undefined;
  if (consistency === undefined || consistency === 'linearizable') return linearizableFreshness;
  if (consistency === 'session') return sessionFreshness(seen);
  if (consistency === 'serializable') return serializableFreshness;
  if ('maxStalenessMs' in consistency) return stalenessFreshness(consistency.maxStalenessMs);
  // Any member that has the revision may answer. One that nobody is known to have is asked of the whole cluster.
  return consistency.revision <= seen ? sessionFreshness(consistency.revision) : linearizableFreshness;
}

/** Whether any member may answer, from its own state. */
export function isLocalRead({ kind, consistency }: Request<unknown>, seen: number): boolean {
  if (kind !== 'range' || consistency === undefined || consistency === 'linearizable') return false;
  if (typeof consistency === 'string' || 'maxStalenessMs' in consistency) return true;
  return consistency.revision <= seen;
}
