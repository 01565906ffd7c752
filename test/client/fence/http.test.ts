import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { claimOf, fenceRequests, fenceStatus, fencingHeader, requestClaim } from '../../../client/fence/index.js';
import { QuorateError } from '../../../client/index.js';
import { unheld } from './two-holders.js';

const received = (value: string | undefined): { 'fencing-token'?: string } =>
  value === undefined ? {} : { 'fencing-token': value };

describe('the header', () => {
  it.each(['billing/close', 'a', 'a;b', 'a, b', '100 %', 'größe', 'line\nbreak', '😀', '%2F'])(
    'carries the name %j and the token',
    (name) => {
      const header = fencingHeader({ name, grant: unheld(42) })['Fencing-Token'];
      expect(header).toMatch(/^[\x21-\x7e]+;42$/);
      expect(claimOf(received(header), name)).toMatchObject({ name, grant: { token: 42 } });
    },
  );

  it('stays readable', () => {
    expect(fencingHeader({ name: 'billing/close', grant: unheld(7) })).toEqual({ 'Fencing-Token': 'billing/close;7' });
  });

  it('is not made once the grant is lost', () => {
    const assertHeld = (): never => {
      throw new QuorateError('GRANT_LOST');
    };
    expect(() => fencingHeader({ name: 'a', grant: { token: 1, assertHeld } })).toThrow('GRANT_LOST');
  });

  it.each([
    undefined,
    '',
    'a',
    'a;',
    ';1',
    'a;0',
    'a;-1',
    'a;01',
    'a;1.5',
    'a;1e3',
    'a; 1',
    'a;1 ',
    'a;9007199254740992',
    'a;99999999999999999999',
    'a;1, a;2',
    'a;1;2',
    'b;1',
    'A;1',
    '%;1',
    '%61%;1',
  ])('is refused as %j', (value) => {
    expect(() => claimOf(received(value), 'a')).toThrow('INVALID_ARGUMENT');
  });

  it('is taken up to the highest token', () => {
    expect(claimOf(received('a;9007199254740991'), 'a').grant.token).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('the status of an error', () => {
  it('is of the errors of fencing alone', () => {
    expect(fenceStatus(new QuorateError('FENCED'))).toBe(409);
    expect(fenceStatus(new QuorateError('INVALID_ARGUMENT'))).toBe(400);
    expect(fenceStatus(new QuorateError('OUTCOME_UNKNOWN'))).toBeUndefined();
    expect(fenceStatus(new Error('x'))).toBeUndefined();
  });
});

/** As much of a response as a refusal needs. */
class RecordedResponse {
  status = 0;
  body = '';
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  writeHead(status: number): void {
    this.status = status;
  }

  end(body: string): void {
    this.body = body;
    this.#end();
  }
}

/** What became of one request: the status of a refusal, or what `next` was told. */
async function pass(header: string | undefined, claim: () => Promise<unknown>): Promise<unknown> {
  const request = { headers: received(header) } as unknown as IncomingMessage;
  const response = new RecordedResponse();
  const door = fenceRequests({ name: 'a', claim });
  return new Promise((resolve) => {
    void response.ended.then(() => resolve(response.status));
    door(request, response as unknown as ServerResponse, (error) => resolve(error ?? requestClaim(request)));
  });
}

describe('the door of a service', () => {
  it('lets pass what the store takes, with its claim', async () => {
    expect(await pass('a;5', async () => undefined)).toMatchObject({ name: 'a', grant: { token: 5 } });
  });

  it('answers 409 when the store refuses, 400 to what it cannot read, and never asks the store then', async () => {
    const refuses = async (): Promise<never> => {
      throw new QuorateError('FENCED');
    };
    expect(await pass('a;5', refuses)).toBe(409);
    const asked = async (): Promise<never> => {
      throw new Error('asked');
    };
    expect(await pass('b;5', asked)).toBe(400);
    expect(await pass(undefined, asked)).toBe(400);
  });

  it('hands every other failure on', async () => {
    const failure = new Error('the store is down');
    expect(await pass('a;5', () => Promise.reject(failure))).toBe(failure);
  });

  it('knows no claim of a request that has not passed', () => {
    expect(() => requestClaim({} as IncomingMessage)).toThrow('INVALID_ARGUMENT');
  });
});
