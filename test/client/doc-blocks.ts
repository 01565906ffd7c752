/** The examples in the client's documents: every block of TypeScript is a whole program. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const client = join(root, 'client');

export interface DocBlock {
  /** Where it stands. */
  readonly name: string;
  readonly code: string;
}

export async function clientDocuments(): Promise<readonly string[]> {
  const pages = await readdir(join(client, 'docs'));
  return [join(client, 'README.md'), ...pages.toSorted().map((page) => join(client, 'docs', page))];
}

/** A block that is no program of its own says so: `<!-- docs: shows -->` stands before it. */
export async function runnableBlocks(): Promise<readonly DocBlock[]> {
  const blocks: DocBlock[] = [];
  for (const document of await clientDocuments()) {
    const text = await readFile(document, 'utf8');
    const found = [...text.matchAll(/(<!-- docs: shows -->\n)?```ts\n([\s\S]*?)```/g)];
    for (const [place, [, shows, code = '']] of found.entries()) {
      if (shows === undefined) blocks.push({ name: `${relative(root, document)} ${place + 1}`, code });
    }
  }
  return blocks;
}
