/** Between the simulated world and whoever loads its cluster and judges what was answered. */
import type { Transport } from '../../client/transport/transport.js';
import type { Clock, Timer } from '../../server/lib/clock.js';
import type { Random } from '../../server/lib/random.js';
import type { LeaseMember } from '../../server/node/lease-member.js';
import type { Member } from '../../server/node/member.js';
import type { WatchHistory } from '../checkers/watch-record.js';
import type { GrantLife } from '../checkers/grant-spec.js';
import type { ToldQueue } from '../checkers/grant-operation.js';
import type { LeaseHistory } from '../checkers/lease-checker.js';
import type { GrantTarget } from './grant-door.js';
import type { Plan } from './plan-types.js';
import type { WatchTarget } from './watch-ports.js';

/** A running member's door. */
export interface Target {
  readonly id: bigint;
  readonly kv: Member;
  readonly watches: WatchTarget;
  readonly leases: LeaseMember;
  readonly grants: GrantTarget;
}

/** What the world knows of leases, whatever clients were told: see ../checkers/lease-checker.ts. */
export interface LeaseRecords extends Pick<LeaseHistory, 'lives' | 'firstListed' | 'rateOf'> {
  /** Whether the revision was made by the end of a lease. */
  isEnd(revision: number): boolean;
}

/** What the world knows of the writes of sessions, whatever clients were told. */
export interface SessionRecords {
  /** How often the write of this mark took effect: see write-marks.ts. */
  effectsOf(mark: string): number;
  /** At which revision the put of this mark did; undefined: it never did. */
  revisionOfPut(mark: string): number | undefined;
  /** Whether the revision was made by a put of a session. */
  isPut(revision: number): boolean;
  /** How often the key was put, by whomever. */
  putsOf(key: string): number;
  readonly counts: Readonly<Record<string, number>>;
}

/** A write that hung on a token, and took effect. */
export interface GuardedWrite {
  readonly revision: number;
  readonly puts: readonly { readonly key: string; readonly value: string }[];
}

/** What the world knows of grants, whatever clients were told. */
export interface GrantRecords {
  readonly lives: Iterable<GrantLife>;
  stateAt(name: string, change: number): ToldQueue;
  /** By the value that it put. */
  writeOf(value: string): GuardedWrite | undefined;
  isWrite(revision: number): boolean;
  readonly counts: Readonly<Record<string, number>>;
}

/** A process in which a client of the SDK lives. */
export interface SdkProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the members that there were when it began. */
  readonly addresses: readonly string[];
  readonly transport: Transport;
  /** It dies: nothing of it runs any more. */
  end(): void;
}

export interface SdkPorts {
  begin(): SdkProcess;
  addressOf(member: bigint): string;
  readonly counts: Readonly<Record<string, number>>;
}

export interface WorkloadPorts {
  /** A stream of its own, drawn from the seed. */
  readonly random: Random;
  /** True virtual time in milliseconds: no pause and no drift of a member touches it. */
  readonly clock: {
    now(): number;
    setTimer(callback: () => void, ms: number): Timer;
  };
  /** Members that run now, paused ones included. A promise of a member that crashed never settles. */
  targets(): readonly Target[];
  /** All that is committed by now, as it happened. */
  history(): WatchHistory;
  trace(line: string): void;
  /** Undefined where nobody has leases. */
  readonly leaseRecords?: LeaseRecords | undefined;
  readonly sessionRecords: SessionRecords;
  readonly grantRecords: GrantRecords;
  readonly sdk: SdkPorts;
  /** What an answer must show, and may: see step-checks-answers.ts. */
  readonly answers: {
    readonly floor: number;
    answered(member: bigint, call: string, revision: number, floor: number | undefined): void;
  };
}

export interface Workload {
  start(): void;
  /** No new calls of the faulty phase from now on. */
  quiet(): void;
  /** After healing: writes and reads fresh values through every target; resolves when all were acknowledged. The world bounds it in time. */
  proveLive(targets: readonly Target[]): Promise<void>;
  /** After the quiet phase: final reads through `target`, then all checkers over the whole history. */
  judge(target: Target): Promise<readonly Finding[]>;
  readonly counts: Readonly<Record<string, number>>;
}

/** What a checker has to say against a history. */
export interface Finding {
  readonly checker: string;
  readonly message: string;
}

export type MakeWorkload = (plan: Plan, ports: WorkloadPorts) => Workload;
