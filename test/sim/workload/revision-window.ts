/**
 * COMPACTED and FUTURE_REVISION are claims about the store: of a revision that somebody was shown, nobody may say that
 * it lies in the future, and of one that nobody asked to compact, not that it is gone. Only a serializable read may not
 * have heard of it yet.
 */
import type { Call, Outcome } from '../../checkers/operation.js';
import { revisionsOf } from './outcome-codes.js';

/** What was certain when a call began. */
export interface Certain {
  readonly reached: number;
  readonly compacted: number;
}

export class RevisionWindow {
  #reached = 1;
  #compacted = 0;
  /** Of every compaction asked for, in order. */
  readonly #asked: number[] = [];

  begin(call: Call): Certain {
    if (call.kind === 'compact') this.#asked.push(call.revision);
    return { reached: this.#reached, compacted: this.#compacted };
  }

  end(call: Call, { reached, compacted }: Certain, outcome: Outcome): string | undefined {
    const isLocal = call.kind === 'range' && call.read === 'serializable';
    const named = call.kind === 'compact' ? [call.revision] : revisionsOf(call);
    if (outcome.kind === 'ok') {
      this.#reached = Math.max(this.#reached, outcome.revision);
      if (call.kind === 'compact') this.#compacted = Math.max(this.#compacted, call.revision);
      else if (!isLocal && call.kind === 'range' && named.some((revision) => revision < compacted)) {
        return `reads what was compacted up to ${compacted} before`;
      }
      return undefined;
    }
    if (outcome.code === 'FUTURE_REVISION' && !isLocal && named.every((revision) => revision <= reached)) {
      return `the store had reached ${reached} before`;
    }
    return outcome.code === 'COMPACTED' && !this.#mayBeCompacted(call, named)
      ? `compactions were asked for up to ${Math.max(0, ...this.#asked)}`
      : undefined;
  }

  #mayBeCompacted(call: Call, named: readonly number[]): boolean {
    const lowest = Math.min(...named);
    if (call.kind !== 'compact') return this.#asked.some((revision) => revision > lowest);
    // Another compaction, as high as this one: on its own it cannot have been late.
    return this.#asked.filter((revision) => revision >= lowest).length > 1;
  }
}
