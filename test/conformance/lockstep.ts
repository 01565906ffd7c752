/**
 * Sends one stream of calls to two members, each call to both at once and the next only after both have answered, and
 * stops at the first answer in which they disagree.
 */
import { type Answer, type Call, type Caller, type Response, revisionOf, sendCall } from './call.js';
import { areEqual } from './comparable.js';
import { printable } from './printable.js';
import type { History } from './range-generator.js';

const shownCallsBefore = 8;
/** More keys than these sort in an order that etcd leaves open where they tie. */
const manyKeys = 12;

/** How often each kind of call and each kind of answer was met: a suite that meets nothing proves nothing. */
export type Tally = ReadonlyMap<string, number>;

export class Lockstep {
  readonly #tally = new Map<string, number>();
  readonly #before: (readonly [Call, Answer])[] = [];
  #history: History = { revision: 1, compacted: -1 };
  #sent = 0;

  /** `expected` is the reference, `actual` the member under test; both must start empty. */
  constructor(
    readonly expected: Caller,
    readonly actual: Caller,
  ) {}

  get history(): History {
    return this.#history;
  }

  get tally(): Tally {
    return this.#tally;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Throws when the two answers differ; the members have gone apart then and nothing more can be compared. */
  async send(call: Call): Promise<void> {
    const [expected, actual] = await Promise.all([sendCall(this.expected, call), sendCall(this.actual, call)]);
    this.#sent += 1;
    if (!areEqual(call, expected, actual)) throw new Error(this.#report(call, expected, actual));
    this.#remember(call, expected);
  }

  #remember(call: Call, answer: Answer): void {
    this.#before.push([call, answer]);
    if (this.#before.length > shownCallsBefore) this.#before.shift();
    this.#count(answer.ok ? kindOfSuccess(answer.response) : `${call.kind}: ${answer.text.replace(/\(\d+ /, '(N ')}`);
    const revision = revisionOf(answer) ?? this.#history.revision;
    const isCompacted = call.kind === 'compact' && answer.ok;
    const compacted = isCompacted ? Number(call.request.revision) : this.#history.compacted;
    this.#history = { revision, compacted };
  }

  #count(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1);
  }

  #report(call: Call, expected: Answer, actual: Answer): string {
    return [
      `call ${this.#sent} differs (revision ${this.#history.revision}, compacted ${this.#history.compacted})`,
      `  call:     ${printableCall(call)}`,
      `  expected: ${printableAnswer(expected)}`,
      `  actual:   ${printableAnswer(actual)}`,
      '  the calls before, answered alike:',
      ...this.#before.map(([before, answer]) => `    ${printableCall(before)}\n      -> ${printableAnswer(answer)}`),
    ].join('\n');
  }
}

function printableCall(call: Call): string {
  return `${call.kind} ${printable(call.request)}`;
}

function printableAnswer(answer: Answer): string {
  return answer.ok ? printable(answer.response.message) : `code ${answer.code}: ${answer.text}`;
}

function kindOfSuccess(response: Response): string {
  if (response.kind === 'txn') return response.message.succeeded ? 'txn that succeeded' : 'txn that failed';
  if (response.kind !== 'range') return response.kind;
  const { length } = response.message.kvs;
  return length > manyKeys ? `range of more than ${manyKeys} keys` : `range of ${length === 0 ? 'no' : 'some'} keys`;
}
