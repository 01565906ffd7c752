/** What members are made of: the real thing, and the real thing with one fault in it, for the search to find. */
import type { Ready } from '../../../server/raft/ready.js';
import { Raft } from '../../../server/raft/raft.js';
import type { Message, NodeId } from '../../../server/raft/types.js';
import { type DiskSave, FakeDisk } from '../../raft/fake-disk.js';
import type { Build } from './member.js';

export const SOUND: Build = {
  createRaft: (config, init, random) => new Raft(config, init, random),
  createDisk: (image) => new FakeDisk(image),
  waitsForDisk: true,
  judgesPromises: true,
};

/** The driver sends votes and acknowledgements without waiting for the disk. */
export const HASTY_DRIVER: Build = { ...SOUND, waitsForDisk: false };

/** Reports a sync that it did not do. */
class LyingDisk extends FakeDisk {
  override save(save: DiskSave): void {
    super.save({ ...save, mustSync: false });
  }
}

export const LYING_DISK: Build = { ...SOUND, createDisk: (image) => new LyingDisk(image) };

/** Keeps the term, but not who was voted for. */
class ForgetfulDisk extends FakeDisk {
  override save(save: DiskSave): void {
    const { hardState } = save;
    super.save({ ...save, hardState: hardState === undefined ? undefined : { ...hardState, vote: 0n } });
  }
}

export const FORGETFUL_DISK: Build = { ...SOUND, createDisk: (image) => new ForgetfulDisk(image) };

/** Counts its own log before that is durable. */
class EagerRaft extends Raft {
  override ready(options?: { readonly canApply: boolean }): Ready | undefined {
    const ready = super.ready(options);
    if (ready !== undefined && this.role === 'leader') this.saved(ready.saveId);
    return ready;
  }
}

export const EAGER_LEADER: Build = {
  ...SOUND,
  createRaft: (config, init, random) => new EagerRaft(config, init, random),
};

/** Counts acknowledgements of earlier terms. */
class CredulousRaft extends Raft {
  override step(message: Message): void {
    const isOld = message.type === 'appendResponse' && message.term < this.term;
    super.step(isOld ? { ...message, term: this.term } : message);
  }
}

export const CREDULOUS_LEADER: Build = {
  ...SOUND,
  createRaft: (config, init, random) => new CredulousRaft(config, init, random),
};

/** Counts every vote twice. */
class DoubleCountingRaft extends Raft {
  override step(message: Message): void {
    super.step(message);
    if (message.type !== 'voteResponse') return;
    const other = this.conf.voters.find((id: NodeId) => id !== this.id && id !== message.from);
    if (other !== undefined) super.step({ ...message, from: other });
  }
}

export const DOUBLE_COUNTING_CANDIDATE: Build = {
  ...SOUND,
  createRaft: (config, init, random) => new DoubleCountingRaft(config, init, random),
};

/** Goes on where a broken promise would end the search, to what comes of it. */
export function withoutPromises(build: Build): Build {
  return { ...build, judgesPromises: false };
}
