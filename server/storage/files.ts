/** The file calls that storage makes itself, beside those of the engines. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The sizes of the files in a folder, together. A file that goes away meanwhile counts as gone. */
export async function directoryBytes(folder: string): Promise<number> {
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map((name) => fileBytes(join(folder, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function fileBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error: unknown) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
