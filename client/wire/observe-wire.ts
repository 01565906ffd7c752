/** What observers of a name are told. */
import { GrantObserveRequest, GrantObserveResponse } from '@quorate/proto/quorate/v1/coordination.js';
import { MalformedMessage } from './byte-reader.js';

/** Who holds it. */
export interface Holder {
  readonly attempt: string;
  readonly token: number;
  readonly value: Uint8Array;
}

export interface Observed {
  /** The version of all grants then. */
  readonly change: number;
  /** In the order of their tokens; without those that are lost and only keep others out. */
  readonly holders: readonly Holder[];
}

export function observeMessage(name: Buffer, change: number): Uint8Array {
  return GrantObserveRequest.encode({ name, change: BigInt(change) }).finish();
}

export function readObserved(bytes: Uint8Array): Observed {
  const { queue } = decoded(bytes);
  if (queue === undefined) throw new MalformedMessage('an observation of nothing');
  const holders = queue.granted.filter(({ isBar }) => !isBar);
  return {
    change: Number(queue.change),
    holders: holders.map(({ attempt, token, value }) => ({
      attempt,
      token: Number(token),
      value: new Uint8Array(value),
    })),
  };
}

function decoded(bytes: Uint8Array): GrantObserveResponse {
  try {
    return GrantObserveResponse.decode(bytes);
  } catch (error) {
    throw new MalformedMessage(error instanceof Error ? error.message : String(error));
  }
}
