/** gRPC's way of saying how a call ended, in the words of the Transport port. */
import { type Metadata as GrpcMetadata, type StatusObject, status } from '@grpc/grpc-js';
import type { CallStatus, StatusName } from './transport.js';

const names = new Map<number, StatusName>(
  Object.entries(status).flatMap(([name, code]) => (typeof code === 'number' ? [[code, name as StatusName]] : [])),
);

export function statusName(code: number): StatusName {
  return names.get(code) ?? 'UNKNOWN';
}

/** `wasSent` must be true unless it is certain that nothing was. */
export function callStatus({ code, details, metadata }: StatusObject, wasSent: boolean): CallStatus {
  return {
    name: statusName(code),
    text: details,
    wasSent,
    quorateCode: trailer(metadata, 'quorate-code'),
    quorateDetail: decoded(trailer(metadata, 'quorate-detail')),
  };
}

function trailer(metadata: GrpcMetadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    // It is for people: as it came is better than nothing.
    return text;
  }
}
