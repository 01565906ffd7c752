/** The order of things in `fenced` and `fencedRedis`, on connections that say what they were told. */
import { describe, expect, it } from 'vitest';
import { type Claim, fenced, fencedRedis } from '../../../client/fence/index.js';
import { QuorateError } from '../../../client/index.js';

/** Notes everything, and fails where it is told to. */
class Trace {
  readonly events: string[] = [];
  readonly #fails: string | undefined;
  readonly #failure: Error;

  constructor(fails?: string, failure: Error = new Error(`${fails} failed`)) {
    this.#fails = fails;
    this.#failure = failure;
  }

  note(event: string): void {
    this.events.push(event);
    if (event === this.#fails) throw this.#failure;
  }

  claim(token = 5, name = 'n'): Claim {
    return { name, grant: { token, assertHeld: () => this.note('assertHeld') } };
  }
}

class PgFake {
  readonly trace: Trace;
  readonly #committed: string;

  constructor(trace: Trace, committed = 'COMMIT') {
    this.trace = trace;
    this.#committed = committed;
  }

  async connect(): Promise<this> {
    this.trace.note('connect');
    return this;
  }

  async query(text: string): Promise<{ rows: readonly unknown[]; command: string }> {
    const [word = ''] = text.trim().split(/\s/);
    this.trace.note(word);
    return { rows: [{}], command: word === 'COMMIT' ? this.#committed : word };
  }

  on(): void {}
  removeListener(): void {}

  release(destroy = false): void {
    this.trace.note(destroy ? 'destroy' : 'release');
  }
}

class MysqlFake {
  readonly trace: Trace;

  constructor(trace: Trace) {
    this.trace = trace;
  }

  async getConnection(): Promise<this> {
    this.trace.note('connect');
    return this;
  }

  async query({ sql }: { sql: string }): Promise<[unknown, unknown]> {
    this.trace.note(sql.split(' ').slice(0, 1).join(' '));
    return [[{ token: '5' }], []];
  }

  release(): void {
    this.trace.note('release');
  }

  destroy(): void {
    this.trace.note('destroy');
  }
}

const body = (trace: Trace) => async (): Promise<string> => {
  trace.note('body');
  return 'result';
};

describe('a fenced transaction', () => {
  it('asserts before it takes a connection, claims before the body, and asserts before COMMIT (PostgreSQL)', async () => {
    const trace = new Trace();
    expect(await fenced(new PgFake(trace), trace.claim(), body(trace))).toBe('result');
    const before = ['assertHeld', 'connect', 'assertHeld', 'BEGIN', 'INSERT'];
    expect(trace.events).toEqual([...before, 'body', 'assertHeld', 'COMMIT', 'release']);
  });

  it('does the same, and makes sure that the transaction is still there (MySQL)', async () => {
    const trace = new Trace();
    expect(await fenced(new MysqlFake(trace), trace.claim(), body(trace))).toBe('result');
    const before = ['assertHeld', 'connect', 'assertHeld', 'START', 'INSERT', 'SELECT', 'SAVEPOINT'];
    expect(trace.events).toEqual([...before, 'body', 'RELEASE', 'assertHeld', 'COMMIT', 'release']);
  });

  it.each([
    { fails: 'BEGIN', rest: ['ROLLBACK', 'release'] },
    { fails: 'INSERT', rest: ['ROLLBACK', 'release'] },
    { fails: 'body', rest: ['ROLLBACK', 'release'] },
    { fails: 'connect', rest: [] },
  ])('throws what $fails threw, and never commits', async ({ fails, rest }) => {
    const trace = new Trace(fails);
    await expect(fenced(new PgFake(trace), trace.claim(), body(trace))).rejects.toThrow(`${fails} failed`);
    expect(trace.events.slice(trace.events.indexOf(fails) + 1)).toEqual(rest);
  });

  it('sends nothing when the grant is lost', async () => {
    const trace = new Trace('assertHeld', new QuorateError('GRANT_LOST'));
    await expect(fenced(new PgFake(trace), trace.claim(), body(trace))).rejects.toThrow('GRANT_LOST');
    expect(trace.events).toEqual(['assertHeld']);
  });

  it('closes a connection that cannot roll back', async () => {
    const trace = new Trace('ROLLBACK');
    const failing = fenced(new PgFake(trace), trace.claim(), () => Promise.reject(new Error('of the body')));
    await expect(failing).rejects.toThrow('of the body');
    expect(trace.events.slice(-2)).toEqual(['ROLLBACK', 'destroy']);
  });

  const failure = (facts: object): Error => Object.assign(new Error('COMMIT failed'), facts);
  it.each([
    { name: 'a broken connection', error: failure({ code: 'ECONNRESET' }), code: 'OUTCOME_UNKNOWN' },
    { name: 'an error without a state', error: failure({}), code: 'OUTCOME_UNKNOWN' },
    { name: 'a shutdown', error: failure({ code: '57P01' }), code: 'OUTCOME_UNKNOWN' },
    { name: 'a database that does not know', error: failure({ code: '40003' }), code: 'OUTCOME_UNKNOWN' },
    { name: 'a conflict', error: failure({ code: '40001' }), code: 'ROLLED_BACK' },
    { name: 'a late constraint', error: failure({ code: '23505' }), code: 'ROLLED_BACK' },
    {
      name: 'a conflict in MySQL',
      error: failure({ code: 'ER_LOCK_DEADLOCK', sqlState: '40001' }),
      code: 'ROLLED_BACK',
    },
  ])('tells of $name at COMMIT as $code, and closes the connection', async ({ error, code }) => {
    const trace = new Trace('COMMIT', error);
    const outcome = code === 'ROLLED_BACK' ? 'notApplied' : 'unknown';
    const late = fenced(new PgFake(trace), trace.claim(), body(trace));
    await expect(late).rejects.toMatchObject({ code, outcome, retryable: false, cause: error });
    expect(trace.events.at(-1)).toBe('destroy');
  });

  it('does not take the answer ROLLBACK for a commit', async () => {
    const trace = new Trace();
    const late = fenced(new PgFake(trace, 'ROLLBACK'), trace.claim(), body(trace));
    await expect(late).rejects.toMatchObject({ code: 'ROLLED_BACK', outcome: 'notApplied' });
  });

  it.each([
    { what: 'no name', name: '', token: 1 },
    { what: 'a name of 256 bytes', name: 'ü'.repeat(128), token: 1 },
    { what: 'half a character', name: 'a\ud800', token: 1 },
    { what: 'NUL', name: 'a\0', token: 1 },
    { what: 'token 0', name: 'n', token: 0 },
    { what: 'half a token', name: 'n', token: 1.5 },
    { what: 'a token that is no longer exact', name: 'n', token: 2 ** 53 },
  ])('refuses $what and sends nothing', async ({ name, token }) => {
    const trace = new Trace();
    const refused = fenced(new PgFake(trace), trace.claim(token, name), body(trace));
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'notApplied' });
    await expect(fencedRedis(new RedisFake(trace, [1]), trace.claim(token, name), [])).rejects.toThrow(
      'INVALID_ARGUMENT',
    );
    expect(trace.events).toEqual([]);
  });

  it('takes a name of 255 bytes', async () => {
    const trace = new Trace();
    expect(await fenced(new PgFake(trace), trace.claim(1, 'a'.repeat(255)), body(trace))).toBe('result');
  });
});

class RedisFake {
  readonly #trace: Trace;
  readonly #reply: readonly unknown[];

  constructor(trace: Trace, reply: readonly unknown[]) {
    this.#trace = trace;
    this.#reply = reply;
  }

  async sendCommand(args: (string | Buffer)[]): Promise<unknown> {
    this.#trace.note([args[0], ...args.slice(2)].join(' '));
    return this.#reply;
  }
}

describe('fenced commands of Redis', () => {
  it('assert, then go as one script, with every key where a cluster looks for it', async () => {
    const trace = new Trace();
    const commands = [['SET', 'k', 'v'] as const, ['DEL', 'l'] as const];
    expect(await fencedRedis(new RedisFake(trace, [1, 'OK', 1]), trace.claim(), commands)).toEqual(['OK', 1]);
    expect(trace.events).toEqual(['assertHeld', 'EVAL 3 fence:n k l 5 2 SET v 1 DEL']);
  });

  it.each([
    { replies: [0], code: 'FENCED' },
    { replies: ['0'], code: 'FENCED' },
  ])('are refused by $replies', async ({ replies, code }) => {
    const trace = new Trace();
    await expect(fencedRedis(new RedisFake(trace, replies), trace.claim(), [])).rejects.toMatchObject({ code });
  });

  it('read numbers that come as text', async () => {
    const trace = new Trace();
    expect(await fencedRedis(new RedisFake(trace, ['1', '7']), trace.claim(), [['INCR', 'k']])).toEqual(['7']);
  });
});
