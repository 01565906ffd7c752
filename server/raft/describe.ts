/**
 * The one printable form of every message, entry and Ready: golden tests, traces and debug logs all show the same.
 * Stable: ids in decimal, fields in a fixed order, data as its length unless it is short printable text.
 */
import { assertNever } from '../lib/assert.js';
import type { PeerStatus, RaftStatus } from './raft.js';
import type { Ready } from './ready.js';
import type { ConfState, Entry, EntryId, HardState, Message, SnapshotMeta } from './types.js';

const SHOWN_DATA_BYTES_MAX = 16;

export function describeId(id: EntryId): string {
  return `${id.term}/${id.index}`;
}

export function describeConf(conf: ConfState): string {
  const learners = conf.learners.length > 0 ? ` learners=(${conf.learners.join(' ')})` : '';
  return `voters=(${conf.voters.join(' ')})${learners}`;
}

export function describeEntry(entry: Entry): string {
  const id = describeId(entry);
  switch (entry.kind) {
    case 'noop':
      return `${id} noop`;
    case 'conf':
      return `${id} conf ${describeConf(entry.conf)}`;
    case 'normal':
      return `${id} ${describeData(entry.data)}`;
  }
}

function describeData(data: Uint8Array): string {
  const isShort = data.length <= SHOWN_DATA_BYTES_MAX && data.every((byte) => byte > 0x20 && byte < 0x7f);
  return isShort ? `"${String.fromCharCode(...data)}"` : `[${data.length} bytes]`;
}

export function describeHardState(hardState: HardState): string {
  return `term=${hardState.term} vote=${hardState.vote} commit=${hardState.commit}`;
}

export function describeSnapshot(meta: SnapshotMeta): string {
  return `${describeId(meta)} ${describeConf(meta.conf)}`;
}

export function describeMessage(message: Message): string {
  return `${message.from}->${message.to} ${message.type} term=${message.term}${describeFields(message)}`;
}

function describeFields(message: Message): string {
  switch (message.type) {
    case 'voteRequest':
      return `${flag('pre', message.pre)} last=${message.lastTerm}/${message.lastIndex}${flag('transfer', message.transfer)}`;
    case 'voteResponse':
      return `${flag('pre', message.pre)} ${message.granted ? 'granted' : 'refused'}`;
    case 'appendRequest': {
      const entries = message.entries.map(describeEntry).join(', ');
      return ` prev=${message.prevTerm}/${message.prevIndex} commit=${message.commit} entries=[${entries}]`;
    }
    case 'appendResponse':
      return message.accepted
        ? ` accepted index=${message.index}`
        : ` rejected prev=${message.index} hint=${message.hintTerm}/${message.hintIndex}`;
    case 'heartbeat':
      return ` commit=${message.commit}${token(message.readToken)}`;
    case 'heartbeatResponse':
      return token(message.readToken);
    case 'installSnapshot':
      return ` snapshot=${describeSnapshot(message.meta)}`;
    case 'timeoutNow':
      return '';
    case 'readIndexRequest':
      return ` token=${message.token}`;
    case 'readIndexResponse':
      return ` token=${message.token} index=${message.index}`;
    default:
      return assertNever(message);
  }
}

function flag(name: string, isSet: boolean): string {
  return isSet ? ` ${name}` : '';
}

function token(readToken: number): string {
  return readToken > 0 ? ` read=${readToken}` : '';
}

/** One line for each thing to do, in the order of the contract in ready.ts. */
export function describeReady(ready: Ready): readonly string[] {
  const lines: string[] = [];
  for (const message of ready.messages) lines.push(`send ${describeMessage(message)}`);
  if (ready.snapshot !== undefined) lines.push(`install ${describeSnapshot(ready.snapshot)}`);
  if (ready.hardState !== undefined) lines.push(`save ${describeHardState(ready.hardState)}`);
  for (const entry of ready.entries) lines.push(`append ${describeEntry(entry)}`);
  if (ready.mustSync) lines.push('sync');
  for (const message of ready.afterSave) lines.push(`then send ${describeMessage(message)}`);
  for (const entry of ready.committed) lines.push(`apply ${describeEntry(entry)}`);
  for (const read of ready.reads) lines.push(`read token=${read.token} index=${read.index}`);
  for (const dropped of ready.droppedReads) lines.push(`dropped read token=${dropped}`);
  return lines;
}

export function describeStatus(status: RaftStatus): string {
  const { id, role, term, vote, leader, appliedIndex, commitIndex, stableIndex, lastIndex, lastTerm } = status;
  return (
    `${id} ${role} term=${term} vote=${vote} leader=${leader} applied=${appliedIndex} commit=${commitIndex} ` +
    `stable=${stableIndex} last=${lastTerm}/${lastIndex} ${describeConf(status.conf)}`
  );
}

export function describePeer(peer: PeerStatus): string {
  const { id, mode, match, next, recentActive } = peer;
  return `${id} ${mode} match=${match} next=${next}${flag('active', recentActive)}`;
}
