/** Writes through the SDK. Reads go through another client, so that what the writers count are writes alone. */
import { type Client, type CallOptions, cmp, connect, isQuorateError, put } from '../../../client/index.js';
import { type Ending, idIn } from './write-call.js';
import type { DoorCounts, Limits, Transfer, WriteDoor } from './write-door.js';

const readTimeoutMs = 120_000;
const connectTimeoutMs = 60_000;

export class SdkDoor implements WriteDoor {
  readonly #writer: Client;
  readonly #reader: Client;

  private constructor(writer: Client, reader: Client) {
    this.#writer = writer;
    this.#reader = reader;
  }

  static async open(endpoints: readonly string[], reader: Client, name: string): Promise<SdkDoor> {
    return new SdkDoor(await connect(endpoints, { connectTimeout: connectTimeoutMs, name }), reader);
  }

  put(key: string, value: string, wantsPrev: boolean, limits: Limits): Promise<Ending> {
    const writing = this.#writer.kv.put(key, value, { prevKv: wantsPrev, ...optionsOf(limits) });
    return endingOf(
      writing.then(({ revision, prev }) => {
        const before = prev === undefined ? {} : { prev: prev === null ? null : idIn(prev.text()) };
        return { outcome: 'ok', revision, key, ...before };
      }),
    );
  }

  transfer({ id, accounts, balances, amount, movedMark, refusedMark }: Transfer, limits: Limits): Promise<Ending> {
    const [from, to] = accounts;
    const writing = this.#writer
      .txn()
      .if(cmp(from).value.equals(String(balances[0])), cmp(to).value.equals(String(balances[1])))
      .then(put(from, String(balances[0] - amount)), put(to, String(balances[1] + amount)), put(movedMark, id))
      .else(put(refusedMark, id))
      .commit(optionsOf(limits));
    return endingOf(
      writing.then(({ ok, revision }) => ({ outcome: 'ok', revision, key: ok ? movedMark : refusedMark })),
    );
  }

  async balances([from, to]: readonly [string, string]): Promise<readonly [number, number]> {
    const read = async (account: string): Promise<number> =>
      Number((await this.#reader.kv.get(account, { timeout: readTimeoutMs }))?.text());
    return Promise.all([read(from), read(to)]);
  }

  counts(): DoorCounts {
    const { retries, reconnects } = this.#writer.stats();
    return { retries, reconnects };
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}

function optionsOf({ timeoutMs, abortAfterMs }: Limits): CallOptions {
  return { timeout: timeoutMs, signal: abortAfterMs === undefined ? undefined : AbortSignal.timeout(abortAfterMs) };
}

async function endingOf(writing: Promise<Ending>): Promise<Ending> {
  try {
    return await writing;
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return { outcome: error.outcome, code: error.code };
  }
}
