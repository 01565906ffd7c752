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
import type { LeaseLife } from '../checkers/lease-life.js';
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
  /** A client of the SDK has it, and no other. */
  isOfSession(life: LeaseLife): boolean;
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

/** What a client of the SDK has in hand: a grant or a term. */
export interface HeldGrant {
  readonly attempt: string;
  readonly token: number;
  readonly state: string;
  readonly remainingMs: number;
  readonly signal: AbortSignal;
  assertHeld(): void;
}

/** A grant, and who has it. */
export interface Holding {
  /** For people. */
  readonly who: string;
  readonly process: string;
  /** As the members have them. */
  readonly names: readonly string[];
  readonly grant: HeldGrant;
  readonly isPaused: () => boolean;
  /** Nobody can ask it anything. */
  readonly isAsleep: () => boolean;
  /** The work that it is for goes on: nobody may give it back meanwhile. */
  isBusy: boolean;
}

/** How the log has ended a grant. */
export type HeldEnd = 'released' | 'forced' | 'lost';

/** What somebody wants of a name. */
export interface Room {
  readonly mode: 'exclusive' | 'shared';
  readonly weight: number;
  /** 0: any number. */
  readonly capacity: number;
}

/** A transaction of the SDK that requires grants, as the log has it. */
export interface GuardedTxn {
  readonly revision: number;
  /** None: a grant was not current. */
  readonly puts: readonly { readonly key: string; readonly value: string }[];
}

/** What the world knows of the grants of the SDK, whatever clients were told, and how it looks at what they believe. */
export interface HeldRecords {
  /** From now on it is looked at whenever the log has ended it. */
  hold(holding: Holding): void;
  /** Its client has no more use for it. */
  letGo(holding: Holding): void;
  /** Whether what it says of itself at this moment may be said. */
  look(holding: Holding): void;
  /** A process goes on, and nothing of what has come due meanwhile has run. */
  resumed(process: string): void;
  processEnded(process: string): void;
  /** Undefined: it has not. */
  endOf(attempt: string): HeldEnd | undefined;
  /** Whether one of the names had no room, or somebody waited for it, at some moment since then. */
  wasTaken(names: readonly string[], room: Room, fromMs: number): boolean;
  /** Of what observers of a name may be told, one after the other: where that is told next; undefined: nowhere by now. */
  placeOf(name: string, text: string, from: number): number | undefined;
  /** By the value that it puts; undefined: it never came. */
  guardedTxn(value: string): GuardedTxn | undefined;
  isGuardedWrite(revision: number): boolean;
  /** Names that somebody holds or waits for now. */
  readonly left: readonly string[];
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
  /** It stands still: nothing of it runs, and its clock goes on. */
  isPaused(): boolean;
  /** Its clock stands still, too. */
  isAsleep(): boolean;
  /** `listener` is called whenever the process goes on, before anything that has come due meanwhile. */
  onResumed(listener: () => void): void;
  /** It dies: nothing of it runs any more. */
  end(): void;
}

export interface SdkPorts {
  /** `isDriftBounded`: its clock runs no slower against those of the members than the SDK allows for. */
  begin(options: { readonly isDriftBounded: boolean }): SdkProcess;
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
  readonly held: HeldRecords;
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
