import type { Command, Stamp } from '../state/command.js';

/** Who proposed an entry: a member, one life of it, and a number that this life uses once. */
export interface ProposalId {
  readonly member: bigint;
  readonly boot: number;
  readonly seq: number;
}

export interface LoggedCommand {
  readonly id: ProposalId;
  readonly command: Command;
  /** Of a write of a session. */
  readonly stamp?: Stamp;
}
