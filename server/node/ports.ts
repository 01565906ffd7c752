/** What the driver needs of the world besides MemberStore and Clock. The composition root plugs in gRPC. */
import type { LogIndex, Message, NodeId, Term } from '../raft/types.js';

/**
 * Carries messages between members. Messages may be lost, doubled and reordered; nothing here depends on more. The
 * transport has checked that both sides belong to one cluster and are who they say.
 */
export interface PeerTransport {
  start(receiver: PeerReceiver): Promise<void>;
  /** Never blocks and never throws: a full queue or a missing peer drops the message. */
  send(to: NodeId, message: PeerMessage): void;
  /** Streams a snapshot. Resolves when the peer has answered, with the index it holds now; rejects on any failure. */
  sendSnapshot(to: NodeId, snapshot: OutgoingSnapshot): Promise<LogIndex>;
  stop(): Promise<void>;
}

export interface OutgoingSnapshot {
  readonly term: Term;
  /** Framed and checksummed; undefined at the end. */
  nextChunk(): Promise<Buffer | undefined>;
}

export interface IncomingSnapshot {
  readonly from: NodeId;
  readonly term: Term;
  readonly chunks: AsyncIterable<Buffer>;
}

export interface PeerReceiver {
  receive(from: NodeId, message: PeerMessage): void;
  /** Resolves with the index this member holds once the snapshot is installed or found needless. */
  receiveSnapshot(snapshot: IncomingSnapshot): Promise<LogIndex>;
  /** The stream to `peer` broke; what was sent last is probably lost. */
  unreachable(peer: NodeId): void;
}

export type PeerMessage =
  | { readonly kind: 'raft'; readonly message: Message }
  | Forward
  | ForwardResult
  | LeaseQuestions
  | LeaseAnswers;

/** Proposals of a follower for the leader of `term`. A leader of any other term refuses them all. */
export interface Forward {
  readonly kind: 'forward';
  readonly term: Term;
  /** Which life of the sender this is: with `attempt` it names one try to propose, once and for all. */
  readonly boot: number;
  readonly proposals: readonly ForwardedProposal[];
}

export interface ForwardedProposal {
  readonly attempt: number;
  readonly data: Uint8Array;
}

/** What became of forwarded proposals: a place in the log, or a refusal that says they were surely not appended. */
export interface ForwardResult {
  readonly kind: 'forwardResult';
  readonly term: Term;
  readonly boot: number;
  readonly accepted: readonly { readonly attempt: number; readonly index: LogIndex }[];
  readonly refused: readonly { readonly attempt: number; readonly reason: ForwardRefusal }[];
}

export type ForwardRefusal = 'retry' | 'tooManyRequests';

/** What a member wants to know of the leader about leases. Whoever does not lead sends the numbers back as refused. */
export interface LeaseQuestions {
  readonly kind: 'leaseQuestions';
  /** Which life of the sender asks: with `number` it names the question. */
  readonly boot: number;
  readonly asks: readonly LeaseAsk[];
}

export interface LeaseAsk {
  readonly number: number;
  readonly id: bigint;
  /** Its time shall start anew; else the question is only how much is left. */
  readonly renew: boolean;
}

export interface LeaseAnswers {
  readonly kind: 'leaseAnswers';
  readonly boot: number;
  readonly answers: readonly LeaseAnswer[];
  /** Nothing was done: ask whoever leads. */
  readonly refused: readonly number[];
}

export interface LeaseAnswer {
  readonly number: number;
  /** As granted; 0: there is no such lease. */
  readonly ttlMs: number;
  readonly leftMs: number;
}
