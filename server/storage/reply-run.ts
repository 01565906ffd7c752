/**
 * Replies of one session to plain puts that were applied one after the other, nothing between them: their numbers rise by
 * one, their revisions too, and all say the same. The last one stands for all of them, in one record. It stays until
 * another reply takes its slot, and by then its client has settled them all.
 */
import type { SessionReply, StateWrite } from '../state/result.js';
import { isPlain } from './plain-reply.js';

export class ReplyRun {
  #last: SessionReply | undefined;
  #before = 0;

  /** False: the reply does not belong to the run. */
  add(reply: SessionReply): boolean {
    const last = this.#last;
    if (last === undefined) {
      if (!isPlain(reply)) return false;
      this.#last = reply;
      return true;
    }
    const { session, sequence, revision } = reply;
    const isNext = session === last.session && sequence === last.sequence + 1 && revision === last.revision + 1;
    if (!isNext || !isPlain(reply)) return false;
    this.#last = reply;
    this.#before += 1;
    return true;
  }

  /** What stands for the run, which is empty afterwards. Undefined: it was. */
  take(): StateWrite | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const reply = this.#before === 0 ? last : { ...last, before: this.#before };
    this.#last = undefined;
    this.#before = 0;
    return { kind: 'putReply', reply };
  }
}
