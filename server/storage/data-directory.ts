/**
 * A member's data directory on a real disk: mode 0700, the identity file, and one folder for each engine's files, so
 * that an engine never opens what another one wrote. It never deletes anything.
 */
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EngineName } from './engine.js';
import { isMissing } from './files.js';
import type { IdentityFile } from './identity.js';
import { DataDirectoryError } from './storage-errors.js';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const GROUP_AND_OTHER = 0o077;
/** The file has five short fields; whatever is larger is not ours. */
const IDENTITY_BYTES_MAX = 4096;

export interface DataDirectory {
  readonly path: string;
  readonly identityFile: IdentityFile;
  engineLocation(engine: EngineName): string;
}

type ChangeMode = (path: string, mode: number) => Promise<void>;

/**
 * Makes the directory and its parents when missing. One that group or others may enter is closed to them, and refused
 * with PERMISSIONS where that is not allowed: mount points of volumes often belong to root, a folder inside one works.
 */
export async function openDataDirectory(directory: string, changeMode: ChangeMode = chmod): Promise<DataDirectory> {
  const path = resolve(directory);
  await makeDurableDirectory(path);
  await closeToOthers(path, changeMode);
  return {
    path,
    identityFile: identityFileIn(path),
    engineLocation: (engine) => join(path, engine),
  };
}

async function makeDurableDirectory(path: string): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  if (firstMade === undefined) return;
  // A new folder is an entry in its parent, and lost in a power cut until that one is synced.
  for (let made = path; made.length >= firstMade.length; made = dirname(made)) await syncDirectory(dirname(made));
}

async function closeToOthers(path: string, changeMode: ChangeMode): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & GROUP_AND_OTHER) === 0) return;
  try {
    await changeMode(path, DIRECTORY_MODE);
  } catch (error: unknown) {
    const found = (mode & 0o777).toString(8);
    const message = `${path} has mode ${found} and cannot be closed to group and others: give it mode 700, or name a \
folder inside it as data directory`;
    throw new DataDirectoryError('PERMISSIONS', message, { cause: error });
  }
}

function identityFileIn(directory: string): IdentityFile {
  const path = join(directory, 'identity.json');
  return {
    read: () => readSmallFile(path),
    write: (text) => replaceFile(path, text),
  };
}

async function readSmallFile(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > IDENTITY_BYTES_MAX) {
      const message = `${path} has ${size} bytes, an identity file has at most ${IDENTITY_BYTES_MAX}`;
      throw new DataDirectoryError('IDENTITY_UNREADABLE', message);
    }
    return await readFile(path, 'utf8');
  } catch (error: unknown) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Written aside, synced, renamed, and the rename synced: a crash leaves the old content or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  const aside = `${path}.tmp`;
  const file = await open(aside, 'w', FILE_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
