/**
 * Leases as the driver runs them: a keeper while this member is in office, and questions of this member's clients and
 * of followers on their way to whoever is. It owns no time of its own; the driver's turns and ticks move it.
 */
import type { Clock } from '../lib/clock.js';
import type { QuorateError } from '../lib/quorate-error.js';
import type { Raft } from '../raft/raft.js';
import type { LogIndex, NodeId, Term } from '../raft/types.js';
import type { Command } from '../state/command.js';
import type { LeaseView } from '../state/lease/lease-table.js';
import type { Applied } from '../state/result.js';
import { LeaseAsks, type LeaseWaiter } from './lease-asks.js';
import { LeaseKeeper, type KeeperParts } from './lease-keeper.js';
import { LIMITS } from './limits.js';
import { LEASE_CHECKPOINT_MS, type NodeOptions, requestTimeoutMs } from './options.js';
import type { LeaseAnswer, LeaseAnswers, LeaseAsk, LeaseQuestions, PeerTransport } from './ports.js';

export interface LeasesParts {
  readonly raft: Pick<Raft, 'role' | 'leader' | 'term' | 'propose'>;
  readonly transport: Pick<PeerTransport, 'send'>;
  readonly clock: Clock;
  readonly boot: number;
  /** The table as it stands, and the term of the last entry applied to it. */
  readonly state: () => { readonly leases: LeaseView; readonly appliedTerm: Term };
  /** As an entry that nobody waits for. */
  readonly encode: (command: Command) => Uint8Array;
  readonly read: KeeperParts['read'];
  readonly options: NodeOptions;
}

interface Outbox {
  readonly boot: number;
  readonly answers: LeaseAnswer[];
  readonly refused: number[];
}

export class Leases {
  readonly #parts: LeasesParts;
  readonly #asks: LeaseAsks;
  #keeper: LeaseKeeper | undefined;
  /** For followers, by the end of the turn. */
  readonly #outboxes = new Map<NodeId, Outbox>();
  #lastLeader: NodeId = 0n;
  #lastTerm: Term = 0;

  constructor(parts: LeasesParts) {
    this.#parts = parts;
    this.#asks = new LeaseAsks(parts.options.electionMs);
  }

  /** Questions that wait for the leader's answer. */
  get size(): number {
    return this.#asks.size;
  }

  /** By the clock of this member; undefined unless it is in office and knows the lease. */
  deadlineOf(id: bigint): number | undefined {
    return this.#keeper?.deadlineOf(id);
  }

  /** Throws TOO_MANY_REQUESTS. */
  ask(ask: Omit<LeaseAsk, 'number'>, deadline: number, waiter: LeaseWaiter): void {
    this.#asks.add(ask, deadline, waiter);
  }

  applied(index: LogIndex, command: Command, applied: Applied): void {
    if (this.#isInOffice()) this.#keeper?.applied(index, command, applied);
  }

  /** A follower's questions, or the leader's answers. */
  receive(from: NodeId, message: LeaseQuestions | LeaseAnswers): void {
    const { boot } = message;
    if (message.kind === 'leaseQuestions') {
      for (const ask of message.asks) this.#put(ask, () => this.#outbox(from, boot));
    } else if (boot === this.#parts.boot) this.#asks.take(message, this.#parts.clock.now());
  }

  /** Before the core is asked what is ready. */
  turn(now: number): void {
    this.#changeOffice();
    this.#sendAsks(now);
    this.#keeper?.turn(now);
  }

  /** Whether a turn should follow at once. */
  get wantsTurn(): boolean {
    return this.#keeper?.isTiming === true;
  }

  /** At the end of a turn: what it answered goes out in one message to each follower. */
  flush(): void {
    for (const [to, { boot, answers, refused }] of this.#outboxes) {
      this.#parts.transport.send(to, { kind: 'leaseAnswers', boot, answers, refused });
    }
    this.#outboxes.clear();
  }

  tick(now: number): void {
    const { raft, options } = this.#parts;
    // A leader that is silent for so long has probably not got the question.
    this.#asks.tick(now, now - options.electionMs / 2, raft.leader !== 0n);
  }

  /** Whether a turn would get anywhere. */
  hasWork(now: number): boolean {
    const { raft, state } = this.#parts;
    const mayTakeOffice = raft.role === 'leader' && state().appliedTerm === raft.term;
    if (mayTakeOffice !== (this.#keeper !== undefined)) return true;
    return (this.#asks.hasUnsent && raft.leader !== 0n) || this.#keeper?.hasWork(now) === true;
  }

  failAll(error: QuorateError): void {
    this.#keeper?.close();
    this.#keeper = undefined;
    this.#asks.failAll(error);
  }

  #isInOffice(): boolean {
    const { raft } = this.#parts;
    return raft.role === 'leader' && raft.term === this.#keeper?.term;
  }

  #changeOffice(): void {
    const { raft, state } = this.#parts;
    if (raft.leader !== this.#lastLeader || raft.term !== this.#lastTerm) {
      this.#lastLeader = raft.leader;
      this.#lastTerm = raft.term;
      this.#asks.leaderChanged();
    }
    if (this.#keeper !== undefined && !this.#isInOffice()) {
      this.#keeper.close();
      this.#keeper = undefined;
    }
    const { leases, appliedTerm } = state();
    if (this.#keeper !== undefined || raft.role !== 'leader' || appliedTerm !== raft.term) return;
    const { clock, read, options, encode } = this.#parts;
    const checkpointMs = options.leaseCheckpointMs ?? LEASE_CHECKPOINT_MS;
    const propose: KeeperParts['propose'] = (command) => raft.propose(encode(command));
    this.#keeper = new LeaseKeeper({
      term: raft.term,
      leases,
      clock,
      propose,
      read,
      requestTimeoutMs: requestTimeoutMs(options),
      checkpointMs,
      staleMs: options.electionMs,
    });
  }

  #sendAsks(now: number): void {
    const { raft, transport, boot } = this.#parts;
    if (!this.#asks.hasUnsent || raft.leader === 0n) return;
    const unsent = this.#asks.takeUnsent(now);
    if (raft.role === 'leader') {
      for (const ask of unsent) this.#put(ask);
      return;
    }
    for (let at = 0; at < unsent.length; at += LIMITS.leaseAsksPerMessage) {
      const asks = unsent
        .slice(at, at + LIMITS.leaseAsksPerMessage)
        .map(({ number, id, renew }) => ({ number, id, renew }));
      transport.send(raft.leader, { kind: 'leaseQuestions', boot, asks });
    }
  }

  /** `outbox`: of the follower that asks; without one the question is this member's own. */
  #put({ number, id, renew }: LeaseAsk, outbox?: () => Outbox): void {
    const question = {
      id,
      renew,
      answered: ({ ttlMs, leftMs }: { ttlMs: number; leftMs: number }): void => {
        const answer = { number, ttlMs, leftMs };
        if (outbox === undefined) this.#asks.take({ answers: [answer], refused: [] }, this.#parts.clock.now());
        else outbox().answers.push(answer);
      },
      refused: (): void => {
        if (outbox === undefined) this.#asks.take({ answers: [], refused: [number] }, this.#parts.clock.now());
        else outbox().refused.push(number);
      },
    };
    if (this.#isInOffice()) this.#keeper?.ask(question);
    else question.refused();
  }

  #outbox(to: NodeId, boot: number): Outbox {
    const known = this.#outboxes.get(to);
    if (known?.boot === boot) return known;
    const outbox: Outbox = { boot, answers: [], refused: [] };
    this.#outboxes.set(to, outbox);
    return outbox;
  }
}
