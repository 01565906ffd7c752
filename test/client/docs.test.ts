import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorReference } from '../../scripts/error-reference.js';
import { clientDocuments, runnableBlocks } from './doc-blocks.js';

describe('the documents of the client', () => {
  it('have every error code, as the code knows it (npm run docs:errors)', async () => {
    const page = await readFile(resolve(import.meta.dirname, '../../client/docs/errors.md'), 'utf8');
    expect(page).toBe(errorReference());
  });

  it('lead to pages that are there', async () => {
    for (const document of await clientDocuments()) {
      const text = await readFile(document, 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)\)/g)) {
        await expect(readFile(resolve(dirname(document), target)), `${document}: ${target}`).resolves.toBeDefined();
      }
    }
  });

  it('begin with a program of twenty lines', async () => {
    const [first] = await runnableBlocks();
    expect(first?.name).toBe('client/README.md 1');
    expect(first?.code.trim().split('\n').length).toBeLessThanOrEqual(22);
  });
});
