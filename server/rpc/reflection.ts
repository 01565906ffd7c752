/**
 * gRPC reflection: lets tools such as grpcurl call this member without having its .proto files. Off unless asked for,
 * because every reader of the port may then list what is served.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

const protoFiles = ['auth', 'cluster', 'election', 'kv', 'lease', 'lock', 'maintenance', 'watch'].map(
  (name) => `etcd/${name}.proto`,
);

/** Throws when the .proto files are not installed beside the code. */
export function serveReflection(server: Server): void {
  const definition = loadSync(protoFiles, { includeDirs: [protoRoot()], keepCase: true });
  new ReflectionService(definition).addToServer(server);
}

/** The folder of @quorate/proto, looked up as Node.js would: its sources are no modules, so import cannot find them. */
function protoRoot(): string {
  const folders = createRequire(import.meta.url).resolve.paths('@quorate/proto') ?? [];
  const root = folders
    .map((folder) => join(folder, '@quorate/proto'))
    .find((folder) => existsSync(join(folder, 'etcd')));
  if (root === undefined) throw new Error('the .proto files of @quorate/proto are not installed');
  return root;
}
