/**
 * Small spaces, searched completely; planted faults, found by the shortest way; and the three shortcuts of the search,
 * each compared with going the long way.
 */
import { describe, expect, test } from 'vitest';
import type { Message, NodeId } from '../../../server/raft/types.js';
import type { DiskImage } from '../../raft/fake-disk.js';
import type { Bounds } from './bounds.js';
import {
  CREDULOUS_LEADER,
  DOUBLE_COUNTING_CANDIDATE,
  EAGER_LEADER,
  FORGETFUL_DISK,
  HASTY_DRIVER,
  LYING_DISK,
  SOUND,
  withoutPromises,
} from './builds.js';
import type { History } from './histories.js';
import type { LivingInput } from './input.js';
import { type MemberGraph, type MemberState, inputsTo } from './member-graph.js';
import { Search, type SearchResult } from './search.js';
import { tellViolation } from './story.js';

const STATES_MAX = 200_000;

/** Nothing happens; each test adds what it needs. */
const STILL: Bounds = {
  voters: 3,
  spares: 0,
  opening: 'empty',
  elections: 'preVote',
  campaigns: 0,
  proposals: 0,
  crashes: 0,
  duplicates: 0,
  confChanges: [],
};

function searched(
  bounds: Partial<Bounds>,
  build = SOUND,
  statesMax = STATES_MAX,
): { readonly search: Search; readonly result: SearchResult } {
  const search = new Search({ bounds: { ...STILL, ...bounds }, build, statesMax });
  return { search, result: search.run() };
}

describe('small spaces, completely', () => {
  test.each([
    { name: 'one election and a proposal', bounds: { campaigns: 1, proposals: 1 }, states: 20_000, committed: 2 },
    { name: 'one election and a crash each', bounds: { campaigns: 1, crashes: 3 }, states: 2_000, committed: 1 },
    { name: 'one election and two duplicates', bounds: { campaigns: 1, duplicates: 2 }, states: 2_000, committed: 1 },
    {
      name: 'two elections without pre-votes',
      bounds: { campaigns: 2, elections: 'forced' as const },
      states: 30_000,
      committed: 2,
    },
  ])('$name: nothing breaks', ({ bounds, states, committed }) => {
    const { result } = searched(bounds);
    expect(result).toMatchObject({ isComplete: true, violation: undefined, committed });
    expect(result.termsLed).toBe(bounds.campaigns);
    expect(result.states).toBeGreaterThan(states);
  });

  test('from three members to four and back: nothing breaks, and it comes to that', () => {
    const sizes = new Set<string>();
    const search = new Search({
      bounds: {
        ...STILL,
        spares: 1,
        opening: 'led',
        confChanges: [[{ kind: 'addVoter', id: 4n }], [1n, 2n, 3n, 4n].map((id) => ({ kind: 'remove', id }))],
      },
      build: SOUND,
      statesMax: STATES_MAX,
      onState: (members) => {
        for (const { role, voters, commitIndex } of members)
          if (role === 'leader') sizes.add(`${commitIndex}: ${voters.join(' ')}`);
      },
    });
    expect(search.run()).toMatchObject({ isComplete: true, violation: undefined, committed: 3 });
    expect([...sizes]).toEqual(expect.arrayContaining(['1: 1 2 3', '2: 1 2 3 4', '3: 1 3 4', '3: 1 2 4', '3: 1 2 3']));
  });

  test('a search that must end early says so', () => {
    const search = new Search({ bounds: { ...STILL, campaigns: 1, proposals: 1 }, build: SOUND, statesMax: 1000 });
    expect(search.run()).toMatchObject({ isComplete: false, violation: undefined, states: 1000 });
  });
});

describe('planted faults', () => {
  const elections = { campaigns: 2, crashes: 1 } as const;
  test.each([
    {
      name: 'a driver that does not wait for the disk',
      build: HASTY_DRIVER,
      bounds: elections,
      violation: 'a vote leaves before it is durable',
    },
    {
      name: 'what comes of a driver that does not wait for the disk',
      build: withoutPromises(HASTY_DRIVER),
      bounds: elections,
      violation: 'committed without a durable quorum',
    },
    {
      name: 'a disk that forgets votes',
      build: FORGETFUL_DISK,
      bounds: elections,
      violation: 'a vote leaves before it is durable',
    },
    {
      name: 'what comes of a disk that lies about syncs',
      build: withoutPromises(LYING_DISK),
      bounds: elections,
      violation: 'committed without a durable quorum',
    },
    {
      name: 'a leader that counts its own log before that is durable',
      build: EAGER_LEADER,
      bounds: { opening: 'led', proposals: 1 } as const,
      violation: 'an entry is applied before it is saved',
    },
    {
      name: 'a leader that counts acknowledgements of earlier terms',
      build: CREDULOUS_LEADER,
      bounds: { opening: 'led', elections: 'forced', campaigns: 1, proposals: 1, crashes: 1 } as const,
      violation: 'committed without a durable quorum',
    },
    {
      name: 'a candidate that counts every vote twice',
      build: DOUBLE_COUNTING_CANDIDATE,
      bounds: { voters: 4, elections: 'forced', campaigns: 2 } as const,
      violation: 'two leaders in one term',
    },
  ])('$name', ({ build, bounds, violation }) => {
    const { result } = searched(bounds, build);
    expect(result.violation?.message).toContain(violation);
    // Nothing of the kind is there without the fault.
    expect(searched(bounds, SOUND, result.states).result.violation).toBeUndefined();
  });

  test('the shortest way from a forgotten vote to two leaders is told step by step', () => {
    const { search, result } = searched(elections, withoutPromises(FORGETFUL_DISK));
    const story = result.violation === undefined ? [] : tellViolation(search.graph, result.violation);
    expect(story.filter((line) => /^ *\d+\./.test(line))).toHaveLength(15);
    expect(story[0]).toBe('  1. 1 starts an election');
    expect(story).toContain(' 11. 3 crashes, loses what was not synced, and starts again');
    expect(story.filter((line) => line.trim() === 'is leader in term 1')).toHaveLength(2);
    expect(story.at(-1)).toBe('Broken: two leaders in one term (term=1 one=1 other=2)');
  });
});

describe('shortcuts', () => {
  test.each([
    { name: 'an election, a crash and a duplicate', bounds: { campaigns: 1, crashes: 1, duplicates: 1 } },
    {
      name: 'a second leader and a crash',
      bounds: { opening: 'led', elections: 'forced', campaigns: 1, crashes: 1 } as const,
    },
  ])('without spent messages the same is reached: $name', ({ bounds }) => {
    const dropping = reached(bounds, true);
    const keeping = reached(bounds, false);
    expect([dropping.isComplete, keeping.isComplete]).toEqual([true, true]);
    expect(dropping.states).toBeLessThan(keeping.states);
    expect(dropping.facts.size).toBeGreaterThan(200);
    expect(dropping.facts).toEqual(keeping.facts);
  });

  test('members with equal fingerprints go on equally, whichever way they came', () => {
    const { graph } = searched({ campaigns: 2, proposals: 1, crashes: 1 }, SOUND, 20_000).search;
    let compared = 0;
    for (const state of graph.states.slice(0, 300)) {
      for (const [number, { to }] of state.steps) {
        const input = graph.inputs[number];
        const isFirstWay = to.last?.from === state && to.last.input === input;
        if (input === undefined || input.kind === 'crash' || isFirstWay) continue;
        for (const [nextNumber, next] of to.steps) {
          const nextInput = graph.inputs[nextNumber];
          if (nextInput === undefined || nextInput.kind === 'crash') continue;
          const { number: played } = graph.play(state.id, state.image, [...inputsTo(state), input, nextInput]);
          expect(played).toBe(next.to.number);
          compared += 1;
        }
      }
    }
    expect(compared).toBeGreaterThan(1000);
  });

  test('renamed members do the same under their new names, so that the first candidate can be called 1', () => {
    const { graph } = searched({ campaigns: 2, proposals: 1, crashes: 1 }, SOUND, 20_000).search;
    const states = graph.states.slice(0, 400);
    for (const state of states) expect(factsOf(renamed(graph, state))).toBe(factsOf(state, rename));
  });
});

function reached(bounds: Partial<Bounds>, dropsSpent: boolean): SearchResult & { readonly facts: ReadonlySet<string> } {
  const facts = new Set<string>();
  const onState = (members: readonly MemberState[], { leaders, committed }: History) => {
    const past = `${[...leaders].join(' ')}; ${committed.map(({ entry, inTerm }) => `${entry} in ${inTerm}`).join(', ')}`;
    facts.add([past, ...members.map((member) => factsOf(member))].join('\n'));
  };
  const options = { bounds: { ...STILL, ...bounds }, build: SOUND, statesMax: STATES_MAX, dropsSpent, onState };
  return { ...new Search(options).run(), facts };
}

/** What a member is judged by. */
function factsOf(member: MemberState, name: (id: NodeId) => NodeId = (id) => id): string {
  const { id, role, term, commitIndex, log, durable } = member;
  return [
    `${name(id)} ${role} ${term} commit=${commitIndex} ${log.entries.join(', ')}`,
    `durable: ${durable.term} ${name(durable.vote)} ${durable.log.entries.join(', ')}`,
  ].join('; ');
}

function rename(id: NodeId): NodeId {
  return id === 0n ? 0n : (id % 3n) + 1n;
}

function renamed(graph: MemberGraph, state: MemberState): MemberState {
  const { hardState } = state.image;
  const image: DiskImage = { ...state.image, hardState: { ...hardState, vote: rename(hardState.vote) } };
  return graph.play(rename(state.id), image, inputsTo(state).map(renamedInput));
}

function renamedInput(input: LivingInput): LivingInput {
  if (input.kind !== 'deliver') return input;
  const message: Message = { ...input.message, from: rename(input.message.from), to: rename(input.message.to) };
  return { ...input, message };
}
