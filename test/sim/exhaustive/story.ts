/** A path to a violation, told so that a person can follow it. */
import { describeMessage } from '../../../server/raft/describe.js';
import { describeInput } from './input.js';
import type { MemberGraph, MemberState } from './member-graph.js';
import type { Action, Violation } from './search.js';

export function tellViolation(graph: MemberGraph, violation: Violation): readonly string[] {
  const steps = violation.path.flatMap((action, place) => tellAction(graph, action, place + 1));
  return [...steps, `Broken: ${violation.message}`];
}

function tellAction(
  graph: MemberGraph,
  { before, inputNumber, isDuplicate }: Action,
  number: number,
): readonly string[] {
  const input = graph.inputs[inputNumber];
  if (input === undefined) return [];
  const { to, sent } = graph.step(before, inputNumber);
  const stays = isDuplicate ? ', which will come again' : '';
  return [
    `${String(number).padStart(3)}. ${before.id} ${describeInput(input)}${stays}`,
    ...tellChange(before, to).map((change) => `       ${change}`),
    ...sent.map((message) => `       sends ${describeMessage(graph.message(message))}`),
  ];
}

function tellChange(before: MemberState, to: MemberState): readonly string[] {
  const changes: string[] = [];
  if (before.role !== to.role || before.term !== to.term) changes.push(`is ${to.role} in term ${to.term}`);
  if (before.log !== to.log) changes.push(`log: ${to.log.entries.join(', ')}`);
  if (before.commitIndex < to.commitIndex) changes.push(`knows ${to.commitIndex} to be committed`);
  return changes;
}
