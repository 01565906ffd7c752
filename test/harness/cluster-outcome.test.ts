import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from './cluster-outcome.js';

function outcome(code: number, details: string, trailers: Readonly<Record<string, string>> = {}): string {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return outcomeOf({ code, details, metadata });
}

describe('the outcome of a call', () => {
  it.each([
    ['no connection', status.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1'],
    ['no connection in time', status.DEADLINE_EXCEEDED, 'Deadline exceeded after 1.001s,Waiting for LB pick'],
    ['bad input', status.INVALID_ARGUMENT, 'etcdserver: key is not provided'],
    ['overload', status.UNKNOWN, 'etcdserver: too many requests'],
    ['no leader', status.UNAVAILABLE, 'etcdserver: no leader'],
  ])('is failed: %s', (_name, code, text) => {
    expect(outcome(code, text)).toBe('failed');
  });

  it.each([
    ['a deadline on the way', status.DEADLINE_EXCEEDED, 'Deadline exceeded after 1.0s,LB pick: 0.0s,remote_addr=::1'],
    ['a lost connection', status.UNAVAILABLE, 'Connection dropped'],
    ['a time-out of the member', status.UNAVAILABLE, 'etcdserver: request timed out'],
    ['a member that stops', status.UNAVAILABLE, 'etcdserver: server stopped'],
    ['bad input that no member complains of', status.INVALID_ARGUMENT, 'request stream was malformed'],
    ['an error out of the blue', status.UNKNOWN, 'boom'],
  ])('is unknown: %s', (_name, code, text) => {
    expect(outcome(code, text)).toBe('unknown');
  });

  it('is what a member of Quorate names it, whatever the text', () => {
    expect(outcome(status.UNAVAILABLE, 'etcdserver: server stopped', { 'quorate-code': 'STOPPED' })).toBe('failed');
    expect(outcome(status.UNAVAILABLE, 'etcdserver: no leader', { 'quorate-code': 'OUTCOME_UNKNOWN' })).toBe('unknown');
  });
});
