/** What a client may do in one turn. */
import { transfer } from './bank-play.js';
import { compact } from './compact-play.js';
import { append } from './list-play.js';
import type { PlayName } from './mix.js';
import { deleteKey, deleteRange, get, put, range, swapByRevision, swapByValue } from './register-plays.js';
import { sweep } from './sweep-play.js';
import type { Play } from './turn.js';
import { readOnlyTxn, txn } from './txn-plays.js';

export const plays: Readonly<Record<PlayName, Play>> = {
  put,
  get,
  range,
  deleteKey,
  deleteRange,
  swapByRevision,
  swapByValue,
  txn,
  readOnlyTxn,
  append,
  transfer,
  compact,
  sweep,
};
