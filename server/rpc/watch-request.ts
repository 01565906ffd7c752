/** Requests on a watch stream, from the wire to the stream's calls. */
import {
  type WatchCreateRequest,
  WatchCreateRequest_FilterType,
  type WatchRequest,
} from '@quorate/proto/etcd/watch.js';
import { byteStringFrom } from '../lib/bytes.js';
import { clampedInteger } from '../lib/integers.js';
import type { WatchSpec, WatchStream } from '../node/member.js';
import { FLAT, type MessageShape } from './wire-check.js';

export const watchRequestShape: MessageShape = { 1: FLAT, 2: FLAT, 3: FLAT };

/** An empty request asks for nothing. */
export function handleRequest(stream: WatchStream, { requestUnion }: WatchRequest): void {
  switch (requestUnion?.$case) {
    case 'createRequest':
      stream.create(specFrom(requestUnion.value), requestUnion.value.watchId);
      return;
    case 'cancelRequest':
      stream.cancel(requestUnion.value.watchId);
      return;
    case 'progressRequest':
      stream.requestProgress();
      return;
    case undefined:
      return;
  }
}

function specFrom(request: WatchCreateRequest): WatchSpec {
  const { filters } = request;
  return {
    // The empty key stands for the lowest one: with an open end that is everything.
    key: byteStringFrom(request.key) || '\0',
    rangeEnd: byteStringFrom(request.rangeEnd),
    startRevision: clampedInteger(request.startRevision),
    noPut: filters.includes(WatchCreateRequest_FilterType.NOPUT),
    noDelete: filters.includes(WatchCreateRequest_FilterType.NODELETE),
    prevKv: request.prevKv,
    progressNotify: request.progressNotify,
    fragment: request.fragment,
  };
}
