/**
 * The core of the engine contract on the built server, for a Node.js release that the test runner itself does not run
 * on: `node engine-smoke.mjs FOLDER`. Tries every engine that can load here and prints one line of JSON; any broken
 * rule is an uncaught error. Plain JavaScript, because it must start on every release without a loader.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';

const storage = new URL('../../server/dist/storage/', import.meta.url);
const { chooseEngine, createEngine, rocksdbRefusal, thisHost } = await import(
  new URL('choose-engine.js', storage).href
);
const { openDataDirectory } = await import(new URL('data-directory.js', storage).href);
const { openMemberStore } = await import(new URL('open-member-store.js', storage).href);

const [folder] = process.argv.slice(2);
assert(folder, 'usage: node engine-smoke.mjs FOLDER');

const ALL = { gte: Buffer.from([0]), lt: Buffer.from([0xff]) };
const put = (key, value) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from(value) });
const del = (key) => ({ type: 'del', key: Buffer.from(key) });

async function drain(iterator) {
  const pairs = [];
  for (let more = await iterator.next(2); more.length > 0; more = await iterator.next(2)) pairs.push(...more);
  await iterator.close();
  return pairs.map(([key, value]) => `${key}=${value}`);
}

async function tryEngine(name) {
  const location = join(folder, name, 'engine');
  const first = createEngine(name, location);
  await assert.rejects(first.get(Buffer.from('k')), { code: 'CLOSED' });
  await first.open();
  await first.write([put('a', '1'), put('b', '2'), del('a'), put('empty', ''), put('c', '3')], { sync: true });
  const iterator = first.iterate(ALL);
  await first.write([put('b', 'later'), del('c')], { sync: false });
  assert.deepEqual(await drain(iterator), ['b=2', 'c=3', 'empty=']);
  assert.deepEqual((await first.getMany(['b', 'c', 'empty'].map((key) => Buffer.from(key)))).map(String), [
    'later',
    'undefined',
    '',
  ]);
  await assert.rejects(createEngine(name, location).open(), { code: 'LOCKED' });
  await assert.rejects(first.write([put('', 'x')], { sync: true }), { code: 'INVALID_ARGUMENT' });
  const writes = Array.from({ length: 100 }, (_, i) => first.write([put(`k${i}`, `${i}`)], { sync: i % 2 === 0 }));
  await first.close();
  await Promise.all(writes);
  await assert.rejects(first.get(Buffer.from('k')), { code: 'CLOSED' });

  const second = createEngine(name, location);
  await second.open();
  assert.equal((await drain(second.iterate(ALL))).length, 102);
  await second.compactRange(ALL);
  assert((await second.allocatedBytes()) > 0);
  await second.close();
}

async function tryStore(name) {
  const directory = await openDataDirectory(join(folder, name, 'member'));
  const conf = { voters: [1n], learners: [] };
  const open = () =>
    openMemberStore({
      engine: createEngine(name, directory.engineLocation(name)),
      identityFile: directory.identityFile,
      identity: { clusterId: 9n, memberId: 1n },
      bootstrap: { conf, members: [] },
    });
  const first = await open();
  assert.equal((await first.load()).boot, 1);
  const kv = { key: 'k', value: 'v', createRevision: 2, modRevision: 2, version: 1, lease: 0n };
  const writes = [{ kind: 'putRevision', revision: { main: 2, sub: 0 }, tombstone: false, kv }];
  const entries = [{ kind: 'normal', index: 1, term: 1, data: Buffer.from('data') }];
  const state = { writes, applied: { index: 1, term: 1, conf, revision: 2 } };
  await first.save({ hardState: { term: 1, vote: 1n, commit: 1 }, entries, state }, { sync: true });
  await first.close();

  const second = await open();
  const loaded = await second.load();
  assert.equal(loaded.boot, 2);
  assert.deepEqual(loaded.entries, entries);
  const records = await second.openState();
  assert.deepEqual(await records.nextRevisions(10), [{ revision: { main: 2, sub: 0 }, tombstone: false, kv }]);
  await records.close();
  await second.close();
}

function outcomeOfAskingForRocksdb() {
  try {
    return { loads: true, engine: chooseEngine('rocksdb', undefined, thisHost()).engine };
  } catch (error) {
    return { loads: false, code: error.code, message: error.message };
  }
}

const engines = rocksdbRefusal(thisHost()) === undefined ? ['rocksdb', 'classic-level'] : ['classic-level'];
for (const name of engines) {
  await tryEngine(name);
  await tryStore(name);
}
const choice = chooseEngine('auto', undefined, thisHost());
const rocksdb = outcomeOfAskingForRocksdb();
console.log(JSON.stringify({ node: process.versions.node, choice, rocksdb, tried: engines }));
