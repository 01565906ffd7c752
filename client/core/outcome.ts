/**
 * Whether a write happened: the one thing that every error of this package says. Pure: what each attempt tells, and what
 * all of them together tell.
 */

/** `notApplied`: it did not happen and never will. `unknown`: it may have happened, or may still. */
export type Outcome = 'notApplied' | 'applied' | 'unknown';

/** How one attempt ended. */
export type AttemptEnd =
  /** It never left this process. */
  | 'notSent'
  /** A member refused it before it could have any effect. Says nothing of the attempts before. */
  | 'refused'
  /** It was sent, and what became of it nobody said. */
  | 'lost'
  /** The state machine itself spoke, for this attempt and all before: it never happened and never will. */
  | 'provedNotApplied'
  /** The state machine itself spoke: it happened once. */
  | 'provedApplied';

/** Before the first attempt. */
export const NOTHING_SENT: Outcome = 'notApplied';

/**
 * The outcome of all attempts, given that of the ones before the last. A doubt stays until the state machine ends it: a
 * refusal of the second attempt does not say what became of the first.
 */
export function outcomeAfter(earlier: Outcome, end: AttemptEnd): Outcome {
  switch (end) {
    case 'provedApplied':
      return 'applied';
    case 'provedNotApplied':
      return 'notApplied';
    case 'lost':
      return earlier === 'applied' ? 'applied' : 'unknown';
    case 'notSent':
    case 'refused':
      return earlier;
  }
}
