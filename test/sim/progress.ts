/** Where a run stands: one line that is rewritten every second on a terminal, now and then a line elsewhere. */
import type { Totals } from './report-totals.js';

const TERMINAL_MS = 1_000;
/** In a log file. */
const LOG_MS = 10_000;
const CLEAR = '\r\u001B[K';

export class Progress {
  readonly #totals: Totals;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #isTerminal = process.stderr.isTTY;

  constructor(totals: Totals) {
    this.#totals = totals;
    this.#timer = setInterval(() => this.#show(), this.#isTerminal ? TERMINAL_MS : LOG_MS);
  }

  /** Since it was made. */
  get realMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** A line on stdout that the progress does not run into. */
  print(line: string): void {
    this.#clear();
    console.log(line);
  }

  /** The same, on stderr. */
  say(line: string): void {
    this.#clear();
    console.error(line);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #show(): void {
    const line = this.#totals.progress(this.realMs);
    process.stderr.write(this.#isTerminal ? `${CLEAR}${line}` : `${line}\n`);
  }

  #clear(): void {
    if (this.#isTerminal) process.stderr.write(CLEAR);
  }
}
