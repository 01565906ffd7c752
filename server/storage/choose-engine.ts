/**
 * Which storage engine a start uses. The prebuilt binding of RocksDB aborts the whole process when it is imported on a
 * Node release it was not built for, and no catch can help: so whether it can load is decided here, from facts that
 * need no import. Nothing here opens or changes anything.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ClassicLevelEngine } from './classic-level-engine.js';
import { EngineError, type Engine, type EngineName } from './engine.js';
import { RocksdbEngine } from './rocksdb-engine.js';
import { DataDirectoryError } from './storage-errors.js';

export type ProductionEngine = Exclude<EngineName, 'memory'>;

/** What the choice depends on, so that a test can stand on any platform. */
export interface EngineHost {
  readonly platform: string;
  readonly arch: string;
  /** As process.versions.node: 20.20.2. */
  readonly nodeVersion: string;
  readonly isMusl: boolean;
  /** The folder of the package `rocksdb`; undefined when it is not installed. */
  readonly rocksdbFolder: string | undefined;
  listFiles(folder: string): readonly string[];
}

export function thisHost(): EngineHost {
  return {
    platform: process.platform,
    arch: process.arch,
    nodeVersion: process.versions.node,
    // The test by which the binding's loader picks a prebuilt file.
    isMusl: existsSync('/etc/alpine-release'),
    rocksdbFolder: rocksdbFolder(),
    listFiles,
  };
}

export interface EngineChoice {
  readonly engine: ProductionEngine;
  /** For the log line of a start. */
  readonly reason: string;
}

/**
 * `madeBy`: the engine that made the data directory, undefined for a new one. `auto` stays with it; in a new directory
 * it takes RocksDB where that can load, else classic-level. Throws EngineError UNSUPPORTED for an engine that cannot
 * load here, and DataDirectoryError WRONG_ENGINE for one that did not make the directory.
 */
export function chooseEngine(
  requested: 'auto' | ProductionEngine,
  madeBy: EngineName | undefined,
  host: EngineHost,
): EngineChoice {
  if (madeBy === 'memory') throw new EngineError('UNSUPPORTED', 'the data directory was made by a test');
  if (requested !== 'auto' && madeBy !== undefined && requested !== madeBy) throw wrongEngine(requested, madeBy);
  const refusal = rocksdbRefusal(host);
  const wanted = requested === 'auto' ? madeBy : requested;
  if (wanted === undefined) {
    return refusal === undefined
      ? { engine: 'rocksdb', reason: 'the default' }
      : { engine: 'classic-level', reason: `the default here, because ${refusal}` };
  }
  if (wanted === 'rocksdb' && refusal !== undefined) throw cannotLoad(refusal, madeBy);
  return { engine: wanted, reason: requested === 'auto' ? 'it made the data directory' : 'it was asked for' };
}

/** `location`: see DataDirectory.engineLocation. Choose first: making RocksDB where it cannot load ends the process. */
export function createEngine(engine: ProductionEngine, location: string): Engine {
  switch (engine) {
    case 'rocksdb':
      return new RocksdbEngine(location);
    case 'classic-level':
      return new ClassicLevelEngine(location);
  }
}

/** Why RocksDB cannot load here, as the end of a sentence; undefined when it can. */
export function rocksdbRefusal(host: EngineHost): string | undefined {
  if (host.rocksdbFolder === undefined) return 'the package rocksdb is not installed';
  // Built from source on this machine: one such file runs on every Node release from 18 on.
  if (host.listFiles(join(host.rocksdbFolder, 'build', 'Release')).some(isBinding)) return undefined;
  const { platform, arch } = host;
  if (platform !== 'linux' || arch !== 'x64' || host.isMusl) {
    const here = `${platform}-${arch}${host.isMusl ? ' with musl' : ''}`;
    return `RocksDB's prebuilt binding is for linux-x64 with glibc and this is ${here}`;
  }
  if (!isTestedNode(host.nodeVersion)) {
    return `RocksDB's prebuilt binding runs on Node.js 20.15 to 20.x and this is ${host.nodeVersion}`;
  }
  if (!host.listFiles(join(host.rocksdbFolder, 'prebuilds', 'linux-x64')).some(isBinding)) {
    return 'the package rocksdb has no binding for this platform';
  }
  return undefined;
}

/** Node 20.12 and every release from 21 on abort on the prebuilt binding. */
function isTestedNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 20 && minor >= 15;
}

function isBinding(file: string): boolean {
  return file.endsWith('.node');
}

function rocksdbFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('rocksdb/package.json'));
  } catch {
    return undefined; // Not installed: optional in a build without it.
  }
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // No such folder holds no binding.
  }
}

function cannotLoad(refusal: string, madeBy: ProductionEngine | undefined): EngineError {
  const build = 'build the package rocksdb from source (`npm rebuild rocksdb --build-from-source`)';
  const message =
    madeBy === undefined
      ? `the storage engine rocksdb cannot load: ${refusal}. Use --storage-engine classic-level, or ${build}`
      : `the data directory was made by rocksdb, which cannot load: ${refusal}. Run Node.js 20, or ${build}, or start \
with an empty data directory as a new member`;
  return new EngineError('UNSUPPORTED', message);
}

function wrongEngine(requested: ProductionEngine, madeBy: EngineName): DataDirectoryError {
  const message = `the data directory was made by ${madeBy}, this start asks for ${requested}: start with \
--storage-engine ${madeBy}, or with an empty data directory as a new member`;
  return new DataDirectoryError('WRONG_ENGINE', message);
}
