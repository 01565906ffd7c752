/** npm run docs:errors: writes client/docs/errors.md from the table of codes; a test says when it is not current. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorReference } from './error-reference.js';

await writeFile(resolve(import.meta.dirname, '../client/docs/errors.md'), errorReference());
