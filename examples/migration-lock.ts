/**
 * Every instance of an app runs this before it serves: one of them brings the schema up to date, the others wait and find
 * it done. An instance that dies in the middle loses the lock within its ttl, and the next one goes on where it stopped.
 */
import { connect, put } from '@quorate/client';

const migrations = ['create table users', 'add column email to users', 'create index on users (email)'];
const me = process.argv[2] ?? `instance ${process.pid}`;

const client = await connect(process.env['QUORATE_ENDPOINTS'] ?? '127.0.0.1:2379');
await client.mutex('app/migrations').run(
  async (lock) => {
    const done = Number((await client.kv.get('app/schema'))?.text() ?? 0);
    for (const [place, migration] of migrations.entries()) {
      if (place < done) continue;
      lock.assertHeld();
      console.log(`${me} runs: ${migration}`); // here the database is asked, with lock.token where it can check it
      await client
        .txn()
        .require(lock)
        .then(put('app/schema', String(place + 1)))
        .commit();
    }
  },
  { ttl: 10_000, timeout: 60_000 },
);
console.log(`${me} serves schema ${(await client.kv.get('app/schema'))?.text()}`);
await client.close();
