/**
 * Every state in which a member was seen, and what each input made of it. Members meet in nothing but messages, so
 * whatever a cluster does is one walk of each member through this graph. It is drawn on demand with the real core: a
 * fresh member is given the inputs that first led to a state, then the new one. However often a search comes by, each
 * step of the core is taken once.
 */
import { createHash } from 'node:crypto';
import { InvariantError, assert } from '../../../server/lib/assert.js';
import { describeMessage } from '../../../server/raft/describe.js';
import type { LogIndex, Message, NodeId, Role, Term } from '../../../server/raft/types.js';
import type { DiskImage } from '../../raft/fake-disk.js';
import { takeFingerprint } from './fingerprint.js';
import { type Input, type LivingInput, describeInput } from './input.js';
import { type Log, Logs } from './logs.js';
import { type Build, Member } from './member.js';

export interface MemberState {
  readonly number: number;
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly hasLiveLeader: boolean;
  readonly commitIndex: LogIndex;
  readonly voters: readonly NodeId[];
  readonly log: Log;
  readonly isSaving: boolean;
  /** What a crash would leave. */
  readonly durable: { readonly log: Log; readonly term: Term; readonly vote: NodeId };
  /** How to get there: a start from `image`, then `last` and what led to its state. */
  readonly image: DiskImage;
  readonly last: { readonly from: MemberState; readonly input: LivingInput } | undefined;
  /** By number of the input. */
  readonly steps: Map<number, Step>;
}

export interface Step {
  readonly to: MemberState;
  /** Numbers of messages. */
  readonly sent: readonly number[];
  /** The terms in which the member led on the way. */
  readonly led: readonly Term[];
  /** The invariant that broke. Then nothing else here means anything. */
  readonly failure: string | undefined;
}

export class MemberGraph {
  readonly logs = new Logs();
  readonly states: MemberState[] = [];
  readonly messages: Message[] = [];
  readonly inputs: Input[] = [];
  /** How many steps of the core are drawn. */
  stepsDrawn = 0;
  readonly #build: Build;
  readonly #byFingerprint = new Map<string, MemberState>();
  readonly #messageNumbers = new Map<string, number>();
  readonly #inputNumbers = new Map<string, number>();

  constructor(build: Build) {
    this.#build = build;
  }

  start(id: NodeId, image: DiskImage): MemberState {
    return this.#keep(new Member(this.#build, id, image), image, undefined);
  }

  step(state: MemberState, inputNumber: number): Step {
    const known = state.steps.get(inputNumber);
    if (known !== undefined) return known;
    const input = this.inputs[inputNumber];
    assert(input !== undefined, 'no such input', { inputNumber });
    this.stepsDrawn += 1;
    const step = this.#draw(state, input);
    state.steps.set(inputNumber, step);
    return step;
  }

  inputNumber(input: Input): number {
    return numberOf(input, describeInput(input), this.inputs, this.#inputNumbers);
  }

  messageNumber(message: Message): number {
    return numberOf(message, describeMessage(message), this.messages, this.#messageNumbers);
  }

  state(number: number): MemberState {
    const state = this.states[number];
    assert(state !== undefined, 'no such state', { number });
    return state;
  }

  message(number: number): Message {
    const message = this.messages[number];
    assert(message !== undefined, 'no such message', { number });
    return message;
  }

  /** What `inputs` make of a fresh member: played, not looked up. */
  play(id: NodeId, image: DiskImage, inputs: readonly LivingInput[]): MemberState {
    const member = this.#played(id, image, inputs);
    return this.#keep(member, image, undefined);
  }

  #draw(state: MemberState, input: Input): Step {
    const member = this.#played(state.id, state.image, inputsTo(state));
    try {
      if (input.kind === 'crash') {
        return { to: this.start(state.id, member.disk.durable), sent: [], led: [], failure: undefined };
      }
      member.take(input);
      const sent = member.sent.map((message) => this.messageNumber(message));
      const led = [...member.led];
      return { to: this.#keep(member, state.image, { from: state, input }), sent, led, failure: undefined };
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      return { to: state, sent: [], led: [], failure: error.message };
    }
  }

  #played(id: NodeId, image: DiskImage, inputs: readonly LivingInput[]): Member {
    const member = new Member(this.#build, id, image);
    for (const input of inputs) member.take(input);
    return member;
  }

  /** The state of `member`, which is of no further use. */
  #keep(member: Member, image: DiskImage, last: MemberState['last']): MemberState {
    const { term, role, commitIndex, conf } = member.status;
    const { durable } = member.disk;
    const { hasLiveLeader, log } = member.core;
    assert(log.startIndex === 0, 'no log is trimmed here');
    const state: MemberState = {
      number: this.states.length,
      id: member.raft.id,
      role,
      term,
      hasLiveLeader,
      commitIndex,
      voters: conf.voters,
      log: this.logs.keep(log.slice(1, Infinity)),
      isSaving: member.saving.length > 0,
      durable: { log: this.logs.keep(durable.entries), term: durable.hardState.term, vote: durable.hardState.vote },
      image,
      last,
      steps: new Map(),
    };
    // 128 bits instead of a kilobyte of text: no two of a few million states will share them.
    const fingerprint = createHash('md5').update(takeFingerprint(member)).digest('base64');
    const known = this.#byFingerprint.get(fingerprint);
    if (known !== undefined) return known;
    this.states.push(state);
    this.#byFingerprint.set(fingerprint, state);
    return state;
  }
}

/** What a member was given since its start to get into `state`. */
export function inputsTo(state: MemberState): readonly LivingInput[] {
  const inputs: LivingInput[] = [];
  for (let { last } = state; last !== undefined; last = last.from.last) inputs.push(last.input);
  return inputs.reverse();
}

function numberOf<T>(thing: T, key: string, things: T[], numbers: Map<string, number>): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  things.push(thing);
  numbers.set(key, things.length - 1);
  return things.length - 1;
}
