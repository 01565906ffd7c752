import { describe, expect, it } from 'vitest';
import { FAKE_PLAN } from './fake-run.js';
import { parsePlan, planText } from './plan-file.js';

describe('a plan as JSON', () => {
  it('comes back as it went', () => {
    expect(parsePlan(planText(FAKE_PLAN))).toEqual(FAKE_PLAN);
  });

  it.each([
    ['{', 'not JSON'],
    ['[]', 'seed: undefined is not a number from 0'],
    [JSON.stringify({ ...FAKE_PLAN, voters: 9 }), 'voters: 9 is not a number from 1 to 7'],
    [JSON.stringify({ ...FAKE_PLAN, clients: '2' }), 'clients: "2" is not a number'],
    [JSON.stringify({ ...FAKE_PLAN, colour: 1 }), 'there is no "colour"'],
    [JSON.stringify({ ...FAKE_PLAN, faults: { flood: 1 } }), 'faults: there is no "flood"'],
    [JSON.stringify({ ...FAKE_PLAN, faults: { crash: 2 } }), 'faults.crash: 2 is not above 0 and at most 1'],
  ])('is refused when it is %s', (text, problem) => {
    expect(() => parsePlan(text)).toThrow(problem);
  });
});
