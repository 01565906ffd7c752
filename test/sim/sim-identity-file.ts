/** The identity file of a simulated member: a write takes its time, and a crash leaves the old text or the new one. */
import type { IdentityFile } from '../../server/storage/identity.js';
import type { MemberProcess } from './member-clock.js';
import type { SimDisk } from './sim-disk.js';

export class SimIdentityFile {
  #text: string | undefined;

  as(process: MemberProcess, disk: SimDisk): IdentityFile {
    return {
      read: () => disk.read(process, () => this.#text),
      write: (text) =>
        disk.read(process, () => {
          this.#text = text;
        }),
    };
  }
}
