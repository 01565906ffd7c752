import { PutRequest, PutResponse, RangeRequest, RangeResponse } from '@quorate/proto/etcd/kv.js';
import { GrantReleaseRequest } from '@quorate/proto/quorate/v1/coordination.js';
import { ClientFrame, Outcome, ServerFrame } from '@quorate/proto/quorate/v1/session.js';
import { describe, expect, it } from 'vitest';
import {
  type FramedRequest,
  framedLengthMax,
  linearizableFreshness,
  openFrame,
  requestFields,
  requestsFrame,
  serializableFreshness,
  sessionFreshness,
  stalenessFreshness,
} from '../../../client/wire/client-frames.js';
import { readOne, readPut } from '../../../client/wire/kv-answers.js';
import { eachReply, FAILURE_FIELD, readFailure, serverFrame } from '../../../client/wire/server-frames.js';

const put = PutRequest.fromPartial({ key: Buffer.from('k'), value: Buffer.from('v'.repeat(200)) });
const range = RangeRequest.fromPartial({ key: Buffer.from('k') });
const putBody = Buffer.from(PutRequest.encode(put).finish());
const rangeBody = Buffer.from(RangeRequest.encode(range).finish());
const framed = (request: Partial<FramedRequest>): FramedRequest => ({
  number: 1,
  sequence: 0,
  timeoutMs: 0,
  field: requestFields.put,
  body: putBody,
  freshness: undefined,
  ...request,
});

describe('frames of clients', () => {
  it('open a stream', () => {
    expect(ClientFrame.decode(openFrame(2n ** 64n - 1n, 'me')).frame).toEqual({
      $case: 'open',
      value: { protocolVersion: 1, sessionId: 2n ** 64n - 1n, clientName: 'me' },
    });
  });

  it('carry requests of kinds that were thought of later', () => {
    const message = { attempt: 'a', to: '' };
    const body = Buffer.from(GrantReleaseRequest.encode(message).finish());
    const frame = requestsFrame([framed({ field: requestFields.grantRelease, body }), framed({})], 0);
    const { frame: decoded } = ClientFrame.decode(frame);
    const requests = decoded?.$case === 'requests' ? decoded.value.requests.map(({ request }) => request) : [];
    expect(requests).toEqual([
      { $case: 'grantRelease', value: message },
      { $case: 'put', value: put },
    ]);
  });

  it.each([0, 1, 127, 128, 2 ** 33])('carry requests, with everything settled up to %i', (settled) => {
    const frame = requestsFrame(
      [
        framed({ number: 2 ** 40, sequence: 300, timeoutMs: 5_000 }),
        framed({ field: requestFields.void, body: Buffer.alloc(0) }),
      ],
      settled,
    );
    expect(ClientFrame.decode(frame).frame).toEqual({
      $case: 'requests',
      value: {
        settled: BigInt(settled),
        requests: [
          { number: 2n ** 40n, sequence: 300n, timeoutMs: 5_000, request: { $case: 'put', value: put } },
          { number: 1n, sequence: 0n, timeoutMs: 0, request: { $case: 'void', value: {} } },
        ],
      },
    });
  });

  it.each([
    ['linearizable', linearizableFreshness, undefined],
    ['serializable', serializableFreshness, { $case: 'serializable', value: {} }],
    ['session', sessionFreshness(2 ** 40), { $case: 'session', value: { seenRevision: 2n ** 40n } }],
    ['session, nothing seen', sessionFreshness(0), { $case: 'session', value: { seenRevision: 0n } }],
    ['staleness', stalenessFreshness(1_500), { $case: 'maxStalenessMs', value: 1_500n }],
    ['no staleness', stalenessFreshness(0), { $case: 'maxStalenessMs', value: 0n }],
  ])('carry a read: %s', (_name, freshness, consistency) => {
    const request = framed({ field: requestFields.range, body: rangeBody, freshness });
    const bytes = requestsFrame([request], 0);
    expect(bytes.length).toBeLessThanOrEqual(framedLengthMax(request) + 10);
    const { frame } = ClientFrame.decode(bytes);
    expect(frame).toMatchObject({
      value: { requests: [{ request: { $case: 'read', value: { range, consistency } } }] },
    });
  });
});

function replies(bytes: Uint8Array): readonly unknown[] {
  const found: unknown[] = [];
  eachReply(bytes, 0, (number, field, reader) => {
    if (field === FAILURE_FIELD) found.push([number, readFailure(reader)]);
    else if (field === 3) found.push([number, readOne(reader)?.text(), reader.revision]);
    else if (field === 4) found.push([number, readPut(reader)]);
    else found.push([number, field]);
  });
  return found;
}

const encoded = (frame: Parameters<typeof ServerFrame.fromPartial>[0]['frame']): Uint8Array =>
  ServerFrame.encode(ServerFrame.fromPartial(frame === undefined ? {} : { frame })).finish();

describe('frames of members', () => {
  it('carry replies', () => {
    const bytes = encoded({
      $case: 'replies',
      value: {
        replies: [
          { number: 5n, reply: { $case: 'put', value: PutResponse.fromPartial({ header: { revision: 9n } }) } },
          {
            number: 2n ** 40n,
            reply: {
              $case: 'range',
              value: RangeResponse.fromPartial({
                header: { revision: 10n },
                kvs: [{ key: Buffer.from('k'), value: Buffer.from('x'), version: 1n }],
              }),
            },
          },
          { number: 7n, reply: { $case: 'void', value: {} } },
          {
            number: 8n,
            reply: {
              $case: 'failure',
              value: { code: 'NO_LEADER', message: 'm', detail: 'd', outcome: Outcome.NOT_APPLIED, retryable: true },
            },
          },
        ],
      },
    });
    expect(serverFrame(bytes)).toEqual({ kind: 'replies' });
    expect(replies(bytes)).toEqual([
      [5, { revision: 9 }],
      [2 ** 40, 'x', 10],
      [7, 12],
      [8, { code: 'NO_LEADER', message: 'm', detail: 'd', outcome: 'notApplied', retryable: true }],
    ]);
  });

  it('go on behind a reply that was left half read', () => {
    const bytes = encoded({ $case: 'replies', value: { replies: [{ number: 1n }, { number: 2n }] } });
    const numbers: number[] = [];
    eachReply(bytes, 0, (number) => numbers.push(number));
    expect(numbers).toEqual([1, 2]);
  });

  it('say who leads, welcome and take leave', () => {
    const leadership = { leaderId: 2n ** 63n, term: 4n, clientUrls: ['http://a:1'] };
    expect(serverFrame(encoded({ $case: 'leadership', value: leadership }))).toEqual({
      kind: 'leadership',
      leadership: { ...leadership, term: 4 },
    });
    expect(
      serverFrame(encoded({ $case: 'welcome', value: { sessionId: 3n, windowReplies: 1_024, requestsInFlight: 100 } })),
    ).toMatchObject({
      kind: 'welcome',
      welcome: { sessionId: 3n, windowReplies: 1_024, requestsInFlight: 100, leadership: { leaderId: 0n } },
    });
    const failure = { code: 'SESSION_EXPIRED', outcome: Outcome.UNKNOWN };
    expect(serverFrame(encoded({ $case: 'goodbye', value: { failure } }))).toMatchObject({
      kind: 'goodbye',
      refusal: { code: 'SESSION_EXPIRED', outcome: 'unknown', retryable: false },
    });
    expect(() => serverFrame(encoded({ $case: 'goodbye', value: {} }))).toThrow('without a reason');
    expect(serverFrame(encoded(undefined))).toEqual({ kind: 'other' });
  });
});
