/**
 * Several commands in one entry of the log: what is done once for an entry, on every member and on every disk, is then
 * done once for all of them. They are applied one after the other, as if each stood in an entry of its own.
 */
import { InvariantError } from '../lib/assert.js';
import { WireReader } from '../lib/wire-reader.js';
import { bytesFieldSize, WireWriter } from '../lib/wire-writer.js';
import { LIMITS } from './limits.js';

/** Of LogBatch. A LogCommand begins with its version, which has another tag. */
const COMMAND_TAG = 0x0a;

/** Of its own: entries stay in memory as long as the log keeps them. */
const writer = new WireWriter();

/** Where `commands` are to be parted, so that each part makes one entry: after so many of them. In their order. */
export function batchLengths(commands: readonly { readonly data: Uint8Array; readonly isBatchable: boolean }[]) {
  const lengths: number[] = [];
  let length = 0;
  let bytes = 0;
  for (const { data, isBatchable } of commands) {
    const joins = isBatchable && length > 0 && bytes > 0 && bytes + data.length <= LIMITS.batchBytesMax;
    if (!joins && length > 0) {
      lengths.push(length);
      length = 0;
      bytes = 0;
    }
    length += 1;
    // After one that stands alone nothing joins.
    bytes = isBatchable ? bytes + data.length : 0;
  }
  if (length > 0) lengths.push(length);
  return lengths;
}

/** The data of one entry that holds these commands. */
export function encodeBatch(commands: readonly Uint8Array[]): Uint8Array {
  const [first] = commands;
  if (first !== undefined && commands.length === 1) return first;
  let size = 0;
  for (const command of commands) size += bytesFieldSize(command.length);
  writer.begin(size);
  for (const command of commands) writer.bytesField(COMMAND_TAG, command);
  return writer.take();
}

/** The commands of an entry, as views; what is no batch is a command. */
export function commandsIn(data: Uint8Array): readonly Uint8Array[] {
  if (data[0] !== COMMAND_TAG) return [data];
  const commands: Uint8Array[] = [];
  const reader = new WireReader(data);
  while (reader.has(COMMAND_TAG)) commands.push(reader.bytes());
  if (!reader.isAt(data.length)) throw new InvariantError('a log entry that is no batch', { bytes: data.length });
  return commands;
}
