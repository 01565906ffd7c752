/**
 * A service whose register stands in PostgreSQL, and holders who reach it over HTTP. QUORATE_FENCE_SEEDS=500 is the full
 * size; CI runs 30.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createFences,
  fenced,
  fenceRequests,
  fenceStatus,
  fencingHeader,
  requestClaim,
} from '../../../client/fence/index.js';
import { QuorateError } from '../../../client/index.js';
import { createDeferred } from '../../../client/lib/deferred.js';
import { requireDatabase, useDatabase } from './databases.js';
import { createRegisters, openRegister } from './postgres-register.js';
import { losesNothing, type Register, unheld } from './two-holders.js';

const nameOf = (request: IncomingMessage): string => (request.url ?? '').slice(1);

/** What a service does that follows the document; `beforeWrite` is where a request can be overtaken. */
class RegisterService {
  readonly #pool: Pool;
  readonly #door;
  beforeWrite: () => Promise<void> = async () => undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#door = fenceRequests({ name: nameOf, claim: (claim) => fenced(pool, claim, async () => undefined) });
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    // Whoever thinks that only writes need a token.
    if (request.method === 'GET' && request.headers['fencing-token'] === undefined) {
      return void this.#read(nameOf(request), response);
    }
    this.#door(request, response, (error) => {
      if (error !== undefined) return void response.writeHead(500).end();
      const { name } = requestClaim(request);
      if (request.method === 'GET') return void this.#read(name, response);
      this.#write(request).then(
        () => response.writeHead(204).end(),
        (failure: unknown) => response.writeHead(fenceStatus(failure) ?? 500).end(String(failure)),
      );
    });
  };

  async #read(name: string, response: ServerResponse): Promise<void> {
    const { rows } = await this.#pool.query('SELECT value FROM registers WHERE name = $1', [name]);
    response.end(String(rows[0].value));
  }

  async #write(request: IncomingMessage): Promise<void> {
    const value = Number(await new Response(request).text());
    await this.beforeWrite();
    const claim = requestClaim(request);
    await fenced(this.#pool, claim, (tx) =>
      tx.query('UPDATE registers SET value = $2 WHERE name = $1', [claim.name, value]),
    );
  }
}

describe.skipIf(!requireDatabase('postgres'))('the fence of a service', () => {
  const port = useDatabase('postgres');
  let pool: Pool;
  let service: RegisterService;
  let server: Server;
  let address = '';

  beforeAll(async () => {
    pool = new Pool({ host: '127.0.0.1', port: port(), user: 'postgres', database: 'postgres' });
    await createFences(pool);
    await createRegisters(pool);
    service = new RegisterService(pool);
    server = createServer(service.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await pool.end();
  });

  const openRemote = async (): Promise<Register & { readonly name: string }> => {
    const { name } = await openRegister(pool);
    const send = async (token: number | undefined, body?: string): Promise<string> => {
      const headers = token === undefined ? {} : { ...fencingHeader({ name, grant: unheld(token) }) };
      const init = body === undefined ? { headers } : { method: 'PUT', headers, body };
      const answer = await fetch(`${address}/${name}`, init);
      if (answer.status === 409) throw new QuorateError('FENCED');
      if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
      return answer.text();
    };
    return {
      name,
      claimAndRead: async (token) => Number(await send(token)),
      readUnclaimed: async () => Number(await send(undefined)),
      write: async (token, value) => void (await send(token, String(value))),
    };
  };

  losesNothing(openRemote, 'slow');

  it('refuses a request that passed the door and was overtaken before it wrote', async () => {
    const register = await openRemote();
    const [passed, overtaken] = [createDeferred<void>(), createDeferred<void>()];
    service.beforeWrite = () => {
      service.beforeWrite = async () => undefined;
      passed.resolve();
      return overtaken.promise;
    };
    const older = register.write(1, 100);
    await passed.promise;
    expect(await register.claimAndRead(2)).toBe(0);
    overtaken.resolve();
    await expect(older).rejects.toMatchObject({ code: 'FENCED' });
    expect(await register.readUnclaimed()).toBe(0);
  });

  it('answers 400 without a token for what it guards, and leaves the mark alone', async () => {
    const { name } = await openRemote();
    for (const token of [
      undefined,
      '',
      name,
      `${name};`,
      `${name};x`,
      `${name};0`,
      `another;9`,
      `${name};1, ${name};2`,
    ]) {
      const headers = token === undefined ? {} : { 'Fencing-Token': token };
      const answer = await fetch(`${address}/${name}`, { method: 'PUT', body: '1', headers });
      expect(answer.status, token).toBe(400);
      expect(await answer.json()).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect((await pool.query('SELECT FROM fences WHERE name IN ($1, $2)', [name, 'another'])).rowCount).toBe(0);
  });
});
