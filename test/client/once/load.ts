/**
 * The load: puts on few keys and transfers between accounts, in bursts, of several clients, with patience and without.
 * Writes down every call in the order of their making.
 */
import type { Random } from '../../../server/lib/random.js';
import { accountPrefix, type Ending, marks, type WriteCall } from './write-call.js';
import type { Limits, WriteDoor } from './write-door.js';

const hotKeys = 10;
const markKeys = 10;
const accounts = 100;
const balance = 1_000;
const workersPerDoor = 8;
const burstMax = 8;
const amountMax = 5;
const patienceMs = 60_000;
const hurryMsMax = 400;
/** Of one put in so many the reply is larger than what a session keeps. */
const largeEvery = 100;
const largeBytes = 300_000;

export const total = accounts * balance;

export interface LoadOptions {
  readonly doors: readonly WriteDoor[];
  readonly puts: number;
  readonly transfers: number;
  readonly random: Random;
  /** Another call has ended, this many in all: a load that stands still has nothing happen to it. */
  readonly onEnded: (count: number) => void;
}

/** What is written down of a call, once it has ended. */
type Slot = Omit<WriteCall, 'ending'> & { ending: Ending | undefined };

export async function openAccounts(write: (key: string, value: string) => Promise<unknown>): Promise<void> {
  for (let number = 0; number < accounts; number += 1) await write(accountAt(number), String(balance));
}

/** Resolves when every call has ended. */
export async function runLoad(options: LoadOptions): Promise<readonly WriteCall[]> {
  const load = new Load(options);
  return load.run();
}

class Load {
  readonly #options: LoadOptions;
  readonly #slots: Slot[] = [];
  #ended = 0;
  #putsLeft: number;
  #transfersLeft: number;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#putsLeft = options.puts;
    this.#transfersLeft = options.transfers;
  }

  async run(): Promise<readonly WriteCall[]> {
    const workers = this.#options.doors.flatMap((door, client) =>
      Array.from({ length: workersPerDoor }, () => this.#work(door, client)),
    );
    await Promise.all(workers);
    return this.#slots.map(({ ending, ...call }) => {
      if (ending === undefined) throw new Error(`${call.id} has not ended`);
      return { ...call, ending };
    });
  }

  async #work(door: WriteDoor, client: number): Promise<void> {
    const { random } = this.#options;
    for (let left = this.#left; left > 0; left = this.#left) {
      if (random.below(left) < this.#putsLeft) await this.#burst(door, client);
      else await this.#transfer(door, client);
    }
  }

  get #left(): number {
    return this.#putsLeft + this.#transfersLeft;
  }

  async #burst(door: WriteDoor, client: number): Promise<void> {
    const { random } = this.#options;
    const size = Math.min(this.#putsLeft, 1 + random.below(burstMax));
    this.#putsLeft -= size;
    await Promise.all(Array.from({ length: size }, () => this.#put(door, client)));
  }

  #put(door: WriteDoor, client: number): Promise<void> {
    const { random } = this.#options;
    const isLarge = random.below(largeEvery) === 0;
    const key = isLarge ? marks.large : `${marks.hot}${random.below(hotKeys)}`;
    const slot = this.#slot(client, [key]);
    const value = isLarge ? `${slot.id} ${'x'.repeat(largeBytes)}` : slot.id;
    return this.#settle(slot, door.put(key, value, isLarge || random.below(5) === 0, this.#limits(isLarge)));
  }

  async #transfer(door: WriteDoor, client: number): Promise<void> {
    const { random } = this.#options;
    this.#transfersLeft -= 1;
    const first = random.below(accounts);
    const both = [accountAt(first), accountAt((first + 1 + random.below(accounts - 1)) % accounts)] as const;
    const balances = await door.balances(both);
    const movedMark = `${marks.moved}${random.below(markKeys)}`;
    const refusedMark = `${marks.refused}${random.below(markKeys)}`;
    const slot = this.#slot(client, [movedMark, refusedMark]);
    const transfer = {
      id: slot.id,
      accounts: both,
      balances,
      amount: 1 + random.below(amountMax),
      movedMark,
      refusedMark,
    };
    await this.#settle(slot, door.transfer(transfer, this.#limits(false)));
  }

  #slot(client: number, keys: readonly string[]): Slot {
    const slot = { id: `w${client}-${this.#slots.length}`, client, keys, ending: undefined };
    this.#slots.push(slot);
    return slot;
  }

  async #settle(slot: Slot, writing: Promise<Ending>): Promise<void> {
    slot.ending = await writing;
    this.#ended += 1;
    this.#options.onEnded(this.#ended);
  }

  /** Most wait as long as it takes; some have a short time, and some are given up by their caller. */
  #limits(isPatient: boolean): Limits {
    const { random } = this.#options;
    const draw = random.below(20);
    if (isPatient || draw > 2) return { timeoutMs: patienceMs };
    const hurryMs = 1 + random.below(hurryMsMax);
    return draw === 0 ? { timeoutMs: patienceMs, abortAfterMs: hurryMs } : { timeoutMs: hurryMs };
  }
}

function accountAt(number: number): string {
  return `${accountPrefix}${number}`;
}
