/** The data directory on a real disk: closed to others, its identity replaced in one step. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataDirectory } from '../../server/storage/data-directory.js';
import { readIdentity, writeIdentity, MemoryIdentityFile } from '../../server/storage/identity.js';
import { failureOf } from './member-kit.js';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quorate-directory-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

const IDENTITY = { clusterId: 0xabcn, memberId: 0xffff_ffff_ffff_ffffn, engine: 'rocksdb', phase: 'ready' } as const;

test('a missing directory is made with its parents, closed to group and others', async () => {
  const path = join(root, 'a', 'b', 'data');
  const directory = await openDataDirectory(path);
  expect(directory.path).toBe(path);
  for (const made of [join(root, 'a'), join(root, 'a', 'b'), path]) expect(await modeOf(made)).toBe('700');
  expect(directory.engineLocation('rocksdb')).toBe(join(path, 'rocksdb'));
  expect(await readdir(path)).toEqual([]);
});

test('an existing directory that others may enter is closed to them', async () => {
  const path = join(root, 'data');
  await mkdir(path);
  for (const mode of [0o755, 0o770, 0o701]) {
    await chmod(path, mode);
    await openDataDirectory(path);
    expect(await modeOf(path)).toBe('700');
  }
  await chmod(path, 0o500);
  await openDataDirectory(path);
  expect(await modeOf(path)).toBe('500');
});

test('one that cannot be closed to others is refused with its mode, and left as it is', async () => {
  const path = join(root, 'volume');
  await mkdir(path);
  await chmod(path, 0o755);
  const notOwner = Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
  const failure = await failureOf(openDataDirectory(path, () => Promise.reject(notOwner)));
  expect(failure).toMatchObject({ name: 'DataDirectoryError', code: 'PERMISSIONS', cause: notOwner });
  expect(failure.message).toContain(`${path} has mode 755`);
  expect(await modeOf(path)).toBe('755');
});

test('a path through a file is refused', async () => {
  await writeFile(join(root, 'file'), '');
  expect(await failureOf(openDataDirectory(join(root, 'file', 'data')))).toMatchObject({ code: 'ENOTDIR' });
});

describe('the identity file', () => {
  test('is absent, then reads as written, readable by its owner only', async () => {
    const { identityFile, path } = await openDataDirectory(join(root, 'data'));
    expect(await readIdentity(identityFile)).toBeUndefined();
    await writeIdentity(identityFile, { ...IDENTITY, phase: 'creating' });
    await writeIdentity(identityFile, IDENTITY);
    expect(await readIdentity(identityFile)).toEqual(IDENTITY);
    expect(await modeOf(join(path, 'identity.json'))).toBe('600');
    expect(await readdir(path)).toEqual(['identity.json']);
    expect(JSON.parse(await readFile(join(path, 'identity.json'), 'utf8'))).toEqual({
      formatVersion: 1,
      clusterId: 'abc',
      memberId: 'ffffffffffffffff',
      engine: 'rocksdb',
      phase: 'ready',
    });
  });

  test('what a crash left aside is overwritten, never read', async () => {
    const { identityFile, path } = await openDataDirectory(join(root, 'data'));
    await writeFile(join(path, 'identity.json.tmp'), 'half of an iden');
    expect(await readIdentity(identityFile)).toBeUndefined();
    await writeIdentity(identityFile, IDENTITY);
    expect(await readIdentity(identityFile)).toEqual(IDENTITY);
  });

  test('a file of another size is refused unread', async () => {
    const { identityFile, path } = await openDataDirectory(join(root, 'data'));
    await writeFile(join(path, 'identity.json'), ' '.repeat(4097));
    expect(await failureOf(readIdentity(identityFile))).toMatchObject({ code: 'IDENTITY_UNREADABLE' });
  });

  const good = { formatVersion: 1, clusterId: 'abc', memberId: '1', engine: 'rocksdb', phase: 'ready' };
  const bad: readonly (readonly [string, string, string])[] = [
    ['nothing at all', '', 'IDENTITY_UNREADABLE'],
    ['no JSON', '{', 'IDENTITY_UNREADABLE'],
    ['no object', '7', 'IDENTITY_UNREADABLE'],
    ['null', 'null', 'IDENTITY_UNREADABLE'],
    ['another format', JSON.stringify({ ...good, formatVersion: 2 }), 'FORMAT_UNKNOWN'],
    ['no format', JSON.stringify({ ...good, formatVersion: undefined }), 'FORMAT_UNKNOWN'],
    ['an id that is a number', JSON.stringify({ ...good, clusterId: 5 }), 'IDENTITY_UNREADABLE'],
    ['an id that is no hexadecimal number', JSON.stringify({ ...good, memberId: '0x1' }), 'IDENTITY_UNREADABLE'],
    ['an id that is too long', JSON.stringify({ ...good, memberId: '1'.repeat(17) }), 'IDENTITY_UNREADABLE'],
    ['an unknown engine', JSON.stringify({ ...good, engine: 'lmdb' }), 'IDENTITY_UNREADABLE'],
    ['an unknown phase', JSON.stringify({ ...good, phase: 'done' }), 'IDENTITY_UNREADABLE'],
  ];

  test.each(bad)('%s is refused', async (_, text, code) => {
    expect(await failureOf(readIdentity(new MemoryIdentityFile(text)))).toMatchObject({ code });
  });

  test('the good one of these is taken', async () => {
    expect(await readIdentity(new MemoryIdentityFile(JSON.stringify(good)))).toMatchObject({ memberId: 1n });
  });
});
