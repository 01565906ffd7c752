/** A power cut at the n-th moment that matters: each write and each sync of the disk, each step of the identity file. */
import { createDeferred } from '../../server/lib/deferred.js';
import type { IdentityFile } from '../../server/storage/identity.js';
import type { MemoryDiskHooks } from '../../server/storage/memory-disk.js';

export class PowerCut {
  readonly #at: number;
  readonly #happened = createDeferred<'cut'>();
  #moments = 0;

  /** Cuts at moment `at`, counted from 0; never with Infinity. */
  constructor(at: number) {
    this.#at = at;
  }

  get moments(): number {
    return this.#moments;
  }

  /** Comes before something that a crash may separate from what follows. After the cut it never resolves. */
  async moment(): Promise<void> {
    this.#moments += 1;
    if (this.#moments <= this.#at) return;
    this.#happened.resolve('cut');
    await new Promise<never>(() => undefined);
  }

  get hooks(): MemoryDiskHooks {
    return { beforeWrite: () => this.moment(), beforeSync: () => this.moment() };
  }

  /** Runs `work` until it ends or the power goes. */
  async during(work: () => Promise<void>): Promise<'cut' | 'ended'> {
    const ended = work().then(() => 'ended' as const);
    return Promise.race([ended, this.#happened.promise]);
  }
}

/** Its text changes at one instant; a crash before it leaves the old text, after it the new one. */
export class CuttableIdentityFile implements IdentityFile {
  readonly #cut: PowerCut;
  text: string | undefined;

  constructor(cut: PowerCut, text?: string) {
    this.#cut = cut;
    this.text = text;
  }

  async read(): Promise<string | undefined> {
    return this.text;
  }

  async write(text: string): Promise<void> {
    await this.#cut.moment();
    this.text = text;
    await this.#cut.moment();
  }
}
