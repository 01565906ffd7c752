/** A seed from the machine: members of one cluster must not draw the same timeouts. */
import { seededRandom, type Random } from './random.js';

export function systemRandom(): Random {
  return seededRandom(Math.floor(Math.random() * 0x1_0000_0000));
}
