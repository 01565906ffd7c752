import { describe, expect, it } from 'vitest';
import { type AttemptEnd, NOTHING_SENT, type Outcome, outcomeAfter } from '../../../client/core/outcome.js';

const afterAll = (ends: readonly AttemptEnd[]): Outcome => ends.reduce(outcomeAfter, NOTHING_SENT);

describe('the outcome of all attempts', () => {
  it.each<[readonly AttemptEnd[], Outcome]>([
    [[], 'notApplied'],
    [['notSent'], 'notApplied'],
    [['refused', 'notSent', 'refused'], 'notApplied'],
    [['lost'], 'unknown'],
    // The refusal of the second attempt says nothing of the first.
    [['lost', 'refused'], 'unknown'],
    [['lost', 'notSent'], 'unknown'],
    [['refused', 'lost'], 'unknown'],
    // Only the state machine ends a doubt.
    [['lost', 'provedNotApplied'], 'notApplied'],
    [['lost', 'refused', 'provedApplied'], 'applied'],
    [['provedApplied', 'lost'], 'applied'],
    [['provedApplied', 'refused'], 'applied'],
  ])('%j: %s', (ends, outcome) => {
    expect(afterAll(ends)).toBe(outcome);
  });
});
