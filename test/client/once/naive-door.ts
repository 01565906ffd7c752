/**
 * Writes as a client without sessions makes them that does not care: whatever failed is sent again, to the next member,
 * until it succeeds. The control of the suite: this is what must be found out.
 */
import { MemberClient } from '../../harness/cluster-client.js';
import type { Ending } from './write-call.js';
import type { DoorCounts, Transfer, WriteDoor } from './write-door.js';

const attemptTimeoutMs = 1_000;
const giveUpMs = 30_000;

export class NaiveDoor implements WriteDoor {
  readonly #clients: readonly MemberClient[];
  #turn = 0;
  #retries = 0;

  constructor(endpoints: readonly string[]) {
    this.#clients = endpoints.map((endpoint) => new MemberClient(endpoint));
  }

  async put(key: string, value: string): Promise<Ending> {
    const { revision } = await this.#untilDone((client) => client.put(key, value, attemptTimeoutMs));
    return { outcome: 'ok', revision, key };
  }

  async transfer({ id, accounts, balances, amount, movedMark, refusedMark }: Transfer): Promise<Ending> {
    const [from, to] = accounts;
    const equal = (key: string, balance: number) =>
      ({ key, target: 'value', is: 'equal', operand: String(balance) }) as const;
    const write = (key: string, value: string) => ({ kind: 'put', key, value }) as const;
    const { revision, succeeded } = await this.#untilDone((client) =>
      client.txn(
        {
          kind: 'txn',
          compares: [equal(from, balances[0]), equal(to, balances[1])],
          success: [
            write(from, String(balances[0] - amount)),
            write(to, String(balances[1] + amount)),
            write(movedMark, id),
          ],
          failure: [write(refusedMark, id)],
        },
        attemptTimeoutMs,
      ),
    );
    return { outcome: 'ok', revision, key: succeeded ? movedMark : refusedMark };
  }

  async balances([from, to]: readonly [string, string]): Promise<readonly [number, number]> {
    const read = async (key: string): Promise<number> => {
      const { kvs } = await this.#untilDone((client) => client.range({ key }, attemptTimeoutMs));
      return Number(kvs[0]?.value);
    };
    return Promise.all([read(from), read(to)]);
  }

  counts(): DoorCounts {
    return { retries: this.#retries, reconnects: 0 };
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
  }

  async #untilDone<T>(attempt: (client: MemberClient) => Promise<T>): Promise<T> {
    const deadline = performance.now() + giveUpMs;
    for (;;) {
      const client = this.#clients[this.#turn % this.#clients.length];
      if (client === undefined) throw new Error('there is no member to ask');
      try {
        return await attempt(client);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        this.#turn += 1;
        this.#retries += 1;
      }
    }
  }
}
