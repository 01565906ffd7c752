/** The engine is chosen before its binding is imported, because a wrong import ends the process. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseEngine, createEngine, rocksdbRefusal, thisHost } from '../../server/storage/choose-engine.js';
import type { EngineHost } from '../../server/storage/choose-engine.js';

const PACKAGE = '/app/node_modules/rocksdb';

interface HostOptions extends Partial<EngineHost> {
  readonly files?: Readonly<Record<string, readonly string[]>>;
}

const PREBUILT = { [join(PACKAGE, 'prebuilds', 'linux-x64')]: ['node.napi.glibc.node', 'node.napi.musl.node'] };
const SELF_BUILT = { [join(PACKAGE, 'build', 'Release')]: ['leveldown.node', 'obj.target'] };

function host({ files = PREBUILT, ...options }: HostOptions = {}): EngineHost {
  return {
    platform: 'linux',
    arch: 'x64',
    nodeVersion: '20.20.2',
    isMusl: false,
    rocksdbFolder: PACKAGE,
    listFiles: (folder) => files[folder] ?? [],
    ...options,
  };
}

describe('whether RocksDB can load', () => {
  test.each(['20.15.0', '20.15.1', '20.18.3', '20.20.2'])('the prebuilt binding loads on Node %s', (nodeVersion) => {
    expect(rocksdbRefusal(host({ nodeVersion }))).toBeUndefined();
  });

  test.each(['20.12.2', '20.14.0', '21.7.3', '22.23.3', '23.11.1', '24.21.0', '26.10.0', '19.9.0', '120.15.0', 'x'])(
    'it would abort the process on Node %s',
    (nodeVersion) => {
      expect(rocksdbRefusal(host({ nodeVersion }))).toContain(nodeVersion);
    },
  );

  test.each(['20.20.2', '22.23.3', '24.21.0', '26.10.0'])('a binding built here loads on Node %s', (nodeVersion) => {
    expect(rocksdbRefusal(host({ nodeVersion, files: SELF_BUILT }))).toBeUndefined();
    expect(rocksdbRefusal(host({ nodeVersion, arch: 'arm64', isMusl: true, files: SELF_BUILT }))).toBeUndefined();
  });

  test('a build folder without a binding in it counts for nothing', () => {
    const files = { ...PREBUILT, [join(PACKAGE, 'build', 'Release')]: ['obj.target'] };
    expect(rocksdbRefusal(host({ nodeVersion: '22.0.0', files }))).toContain('22.0.0');
  });

  test('other platforms have no prebuilt binding that was tried', () => {
    expect(rocksdbRefusal(host({ arch: 'arm64' }))).toContain('linux-arm64');
    expect(rocksdbRefusal(host({ platform: 'darwin' }))).toContain('darwin-x64');
    expect(rocksdbRefusal(host({ isMusl: true }))).toContain('musl');
  });

  test('without the package, or without its files, it cannot load', () => {
    expect(rocksdbRefusal(host({ rocksdbFolder: undefined }))).toContain('not installed');
    expect(rocksdbRefusal(host({ files: {} }))).toContain('no binding');
  });
});

describe('the choice', () => {
  const node22 = host({ nodeVersion: '22.23.3' });

  test('auto takes RocksDB where it loads, and classic-level elsewhere', () => {
    expect(chooseEngine('auto', undefined, host())).toEqual({ engine: 'rocksdb', reason: 'the default' });
    const elsewhere = chooseEngine('auto', undefined, node22);
    expect(elsewhere.engine).toBe('classic-level');
    expect(elsewhere.reason).toContain('22.23.3');
  });

  test('auto stays with the engine that made the directory', () => {
    expect(chooseEngine('auto', 'classic-level', host()).engine).toBe('classic-level');
    expect(chooseEngine('auto', 'classic-level', node22).engine).toBe('classic-level');
    expect(chooseEngine('auto', 'rocksdb', host()).engine).toBe('rocksdb');
  });

  test('what was asked for is taken where it loads', () => {
    expect(chooseEngine('rocksdb', undefined, host()).engine).toBe('rocksdb');
    expect(chooseEngine('rocksdb', 'rocksdb', host()).engine).toBe('rocksdb');
    expect(chooseEngine('classic-level', undefined, host()).engine).toBe('classic-level');
    expect(chooseEngine('classic-level', 'classic-level', node22).engine).toBe('classic-level');
  });

  test('RocksDB where it cannot load is refused with what to do', () => {
    expect(() => chooseEngine('rocksdb', undefined, node22)).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('--storage-engine classic-level'),
      }),
    );
    expect(() => chooseEngine('auto', 'rocksdb', node22)).toThrowError(
      expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining('Run Node.js 20') }),
    );
  });

  test('another engine than the one that made the directory is refused with what to do', () => {
    expect(() => chooseEngine('rocksdb', 'classic-level', host())).toThrowError(
      expect.objectContaining({
        code: 'WRONG_ENGINE',
        message: expect.stringContaining('--storage-engine classic-level'),
      }),
    );
    expect(() => chooseEngine('classic-level', 'rocksdb', host())).toThrowError(
      expect.objectContaining({ code: 'WRONG_ENGINE', message: expect.stringContaining('--storage-engine rocksdb') }),
    );
    expect(() => chooseEngine('auto', 'memory', host())).toThrowError(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });
});

test('this host is described by what it is', () => {
  const here = thisHost();
  expect(here.nodeVersion).toBe(process.versions.node);
  expect(here.platform).toBe(process.platform);
  expect(here.rocksdbFolder === undefined || here.listFiles(here.rocksdbFolder).includes('package.json')).toBe(true);
  expect(here.listFiles('/no/such/folder')).toEqual([]);
});

test('an engine is made by its name, and not opened', () => {
  expect(createEngine('rocksdb', '/nowhere/rocksdb').name).toBe('rocksdb');
  expect(createEngine('classic-level', '/nowhere/classic-level').name).toBe('classic-level');
});
