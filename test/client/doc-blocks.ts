/** The examples in the client's documents: every block of TypeScript is a whole program. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const client = join(root, 'client');

export interface DocBlock {
  /** Where it stands. */
  readonly name: string;
  readonly code: string;
  /** It needs members that keep grants. */
  readonly needsGrants: boolean;
}

export async function clientDocuments(): Promise<readonly string[]> {
  const pages = await readdir(join(client, 'docs'));
  return [join(client, 'README.md'), ...pages.toSorted().map((page) => join(client, 'docs', page))];
}

/**
 * A block that is no program of its own says so: `<!-- docs: shows -->` stands before it; `<!-- docs: grants -->` before one
 * that etcd's members do not run; `<!-- docs: databases -->` before one that needs databases beside a member: the suites of
 * the fence run it.
 */
export async function runnableBlocks(needs: 'nothing' | 'databases' = 'nothing'): Promise<readonly DocBlock[]> {
  const blocks: DocBlock[] = [];
  for (const document of await clientDocuments()) {
    const text = await readFile(document, 'utf8');
    const found = [...text.matchAll(/(?:<!-- docs: (\w+) -->\n+)?```ts\n([\s\S]*?)```/g)];
    for (const [place, [, mark, code = '']] of found.entries()) {
      const name = `${relative(root, document)} ${place + 1}`;
      const isWanted = needs === 'databases' ? mark === 'databases' : mark === undefined || mark === 'grants';
      if (isWanted) blocks.push({ name, code, needsGrants: mark === 'grants' });
    }
  }
  return blocks;
}
