/** One member of the simulated cluster over all its lives, and one life of it: a process, from its start to its end. */
import type { LeaseMember } from '../../server/node/lease-member.js';
import type { KvMember } from '../../server/node/kv-member.js';
import type { RaftNode } from '../../server/node/raft-node.js';
import type { PeerReceiver } from '../../server/node/ports.js';
import type { NodeId } from '../../server/raft/types.js';
import type { Member } from '../../server/node/member.js';
import type { GrantTarget } from './grant-door.js';
import type { GrantWaits } from './grant-waits.js';
import type { MemberProcess } from './member-clock.js';
import type { ServedGrants } from './served-grants.js';
import type { SessionDoor } from './session-door.js';
import type { SimDisk, WriteMoment } from './sim-disk.js';
import type { SimIdentityFile } from './sim-identity-file.js';
import type { Watched } from './step-checks.js';
import type { WatchDoor } from './watch-door.js';

export interface Life {
  readonly slot: Slot;
  readonly process: MemberProcess;
  stage: 'booting' | 'running' | 'stopping';
  /** Takes messages: from the node's start to its stop. */
  receiver: PeerReceiver | undefined;
  /** Undefined while it boots. */
  running: Running | undefined;
}

export interface Running {
  readonly node: RaftNode;
  readonly kv: KvMember;
  /** How clients reach it. */
  readonly door: Member;
  /** How those who watch do. */
  readonly watches: WatchDoor;
  readonly leaseDoor: LeaseMember;
  readonly grantDoor: GrantTarget;
  readonly servedGrants: ServedGrants;
  /** Those who wait there. */
  readonly grantWaits: GrantWaits;
  /** How clients of the SDK do. */
  readonly sessions: SessionDoor;
  readonly watched: Watched;
}

/** Where a crash that is due strikes: at the next such moment of the member. */
export type CrashMoment = WriteMoment | 'beforeSend' | 'afterSend' | 'beforeAnswer' | 'atChunk' | 'anywhere';

export interface Slot {
  readonly id: NodeId;
  readonly disk: SimDisk;
  readonly identityFile: SimIdentityFile;
  /** Its clock, in thousandths of true time. */
  readonly clockRate: number;
  life: Life | undefined;
  crashAt: CrashMoment | undefined;
  /** It has left for good: nobody starts it again. */
  isGone: boolean;
}
