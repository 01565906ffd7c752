/**
 * The identity file: a few lines of JSON beside the engine that say whose data directory this is and which engine made
 * it. An engine whose log files are gone opens without complaint and empty; only this file knows that it is no new
 * member. Never read for anything else.
 */
import type { NodeId } from '../raft/types.js';
import type { EngineName } from './engine.js';
import { DataDirectoryError } from './storage-errors.js';

/** The layout of everything a member stores. A release reads the versions it knows and refuses the others. */
export const STORE_FORMAT_VERSION = 1;

export interface MemberIdentity {
  readonly clusterId: bigint;
  readonly memberId: NodeId;
}

export interface StoredIdentity extends MemberIdentity {
  readonly engine: EngineName;
  /** `creating` until the first state is durable in the engine: no promise was made from this directory before. */
  readonly phase: 'creating' | 'ready';
}

/** Where the identity is kept. Memory and the file system stand behind it. */
export interface IdentityFile {
  /** Undefined when there is none. */
  read(): Promise<string | undefined>;
  /** Replaces the whole text. Resolves when it survives a power cut; a crash leaves the old text or the new one. */
  write(text: string): Promise<void>;
}

export class MemoryIdentityFile implements IdentityFile {
  #text: string | undefined;

  constructor(text?: string) {
    this.#text = text;
  }

  async read(): Promise<string | undefined> {
    return this.#text;
  }

  async write(text: string): Promise<void> {
    this.#text = text;
  }
}

export async function readIdentity(file: IdentityFile): Promise<StoredIdentity | undefined> {
  const text = await file.read();
  return text === undefined ? undefined : parseIdentity(text);
}

export async function writeIdentity(file: IdentityFile, identity: StoredIdentity): Promise<void> {
  const { clusterId, memberId, engine, phase } = identity;
  const content = {
    formatVersion: STORE_FORMAT_VERSION,
    clusterId: hexId(clusterId),
    memberId: hexId(memberId),
    engine,
    phase,
  };
  await file.write(`${JSON.stringify(content, undefined, 2)}\n`);
}

/** As etcdctl prints ids. */
export function hexId(id: bigint): string {
  return id.toString(16);
}

function parseIdentity(text: string): StoredIdentity {
  const fields = parseObject(text);
  if (fields['formatVersion'] !== STORE_FORMAT_VERSION) {
    const found = JSON.stringify(fields['formatVersion']);
    const message = `the data directory has format version ${found}, this release reads ${STORE_FORMAT_VERSION} only`;
    throw new DataDirectoryError('FORMAT_UNKNOWN', message);
  }
  return {
    clusterId: parseId(fields, 'clusterId'),
    memberId: parseId(fields, 'memberId'),
    engine: parseChoice(fields, 'engine', ['rocksdb', 'classic-level', 'memory']),
    phase: parseChoice(fields, 'phase', ['creating', 'ready']),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error: unknown) {
    throw unreadable('it is not JSON', { cause: error });
  }
  if (typeof content !== 'object' || content === null) throw unreadable('it is not an object');
  return Object.fromEntries(Object.entries(content));
}

function parseId(fields: Readonly<Record<string, unknown>>, name: string): bigint {
  const value = fields[name];
  if (typeof value !== 'string' || !/^[0-9a-f]{1,16}$/.test(value)) throw unreadable(`${name} is not a hexadecimal id`);
  return BigInt(`0x${value}`);
}

function parseChoice<T extends string>(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  choices: readonly T[],
): T {
  const choice = choices.find((candidate) => candidate === fields[name]);
  if (choice === undefined) throw unreadable(`${name} is not one of ${choices.join(', ')}`);
  return choice;
}

function unreadable(reason: string, options?: ErrorOptions): DataDirectoryError {
  const message = `the identity file of the data directory cannot be read: ${reason}. Restore it from a backup, or give \
this member an empty data directory and let it join its cluster again`;
  return new DataDirectoryError('IDENTITY_UNREADABLE', message, options);
}
