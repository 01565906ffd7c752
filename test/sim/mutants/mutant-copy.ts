/** A copy of the sources, in a folder of its own, into which a bug is put. Nothing here touches the real ones. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applied, type Mutant, pathOf } from './mutant.js';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const COPIED = ['server', 'client', 'test', 'package.json', 'tsconfig.json', 'tsconfig.base.json'];
const NOT_COPIED: ReadonlySet<string> = new Set(['dist', 'node_modules']);

/** Like the real ones, but what a mutant leaves unused is no mistake. */
const TSCONFIG = {
  extends: './tsconfig.base.json',
  compilerOptions: {
    noEmit: true,
    composite: false,
    incremental: false,
    declarationMap: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    customConditions: ['quorate-source'],
  },
  include: ['server/**/*.ts', 'client/**/*.ts'],
};

const folders = new Set<string>();

// Also when the hunt is called off.
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Answers the folder; remove it by removeCopy. Throws when the mutant does not fit or does not compile. */
export async function copyWith(mutant: Mutant): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-mutant-'));
  folders.add(folder);
  try {
    const filter = (source: string): boolean => !NOT_COPIED.has(basename(source));
    for (const each of COPIED) await cp(join(ROOT, each), join(folder, each), { recursive: true, filter });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const replacement of mutant.replacements) {
      const file = join(folder, pathOf(replacement));
      await writeFile(file, applied(mutant, replacement, await readFile(file, 'utf8')));
    }
    await checkTypes(mutant, folder);
    return folder;
  } catch (error) {
    await removeCopy(folder);
    throw error;
  }
}

export async function removeCopy(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  folders.delete(folder);
}

async function checkTypes(mutant: Mutant, folder: string): Promise<void> {
  await writeFile(join(folder, 'tsconfig.mutant.json'), JSON.stringify(TSCONFIG));
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  await new Promise<void>((resolve, reject) => {
    execFile(tsc, ['-p', 'tsconfig.mutant.json', '--pretty', 'false'], { cwd: folder }, (error, stdout) => {
      if (error === null) resolve();
      else reject(new Error(`mutant "${mutant.name}" does not compile:\n${stdout}`, { cause: error }));
    });
  });
}
