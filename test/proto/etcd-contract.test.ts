/**
 * The .proto files against etcd's v3 wire contract. testdata/etcd-v3-contract.txt lists every call, field and enum value
 * of etcd's main branch at c34dc7ee (2026-08-20), one a line; it was taken from there, not from our files.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

interface FileDescriptor {
  readonly name: string;
  readonly package: string;
  readonly messageType?: readonly MessageDescriptor[];
  readonly enumType?: readonly EnumDescriptor[];
  readonly service?: readonly ServiceDescriptor[];
}

interface MessageDescriptor {
  readonly name: string;
  readonly field?: readonly FieldDescriptor[];
  readonly oneofDecl?: readonly { readonly name: string }[];
  readonly nestedType?: readonly MessageDescriptor[];
  readonly enumType?: readonly EnumDescriptor[];
}

interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName?: string;
  readonly oneofIndex?: number;
}

interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number?: number }[];
}

interface ServiceDescriptor {
  readonly name: string;
  readonly method: readonly MethodDescriptor[];
}

interface MethodDescriptor {
  readonly name: string;
  readonly inputType: string;
  readonly outputType: string;
  readonly clientStreaming?: boolean;
  readonly serverStreaming?: boolean;
}

/** Ours inside etcd's messages: fields from 1000 on, which its clients skip, and their types. */
const extensions = [
  'message mvccpb.Event 1000 delete_cause mvccpb.Event.DeleteCause',
  'enum mvccpb.Event.DeleteCause 0 DELETE_CAUSE_UNSPECIFIED',
  'enum mvccpb.Event.DeleteCause 1 DELETE_CAUSE_DELETE',
  'enum mvccpb.Event.DeleteCause 2 DELETE_CAUSE_TXN',
  'enum mvccpb.Event.DeleteCause 3 DELETE_CAUSE_LEASE_EXPIRED',
  'enum mvccpb.Event.DeleteCause 4 DELETE_CAUSE_LEASE_REVOKED',
  'enum etcdserverpb.Compare.CompareTarget 1000 GRANT',
  'message etcdserverpb.Compare 1000 grant_token int64 in target_union',
  'message etcdserverpb.RequestOp 1000 request_fence etcdserverpb.FenceRequest in request',
  'message etcdserverpb.FenceRequest 1 key bytes',
  'message etcdserverpb.FenceRequest 2 token int64',
];

/** Type names in descriptors begin with a dot. */
const bare = (typeName: string): string => typeName.slice(1);

function fieldLine(message: MessageDescriptor, field: FieldDescriptor): string {
  const type = field.typeName === undefined ? field.type.replace('TYPE_', '').toLowerCase() : bare(field.typeName);
  const repeated = field.label === 'LABEL_REPEATED' ? 'repeated ' : '';
  const oneof = message.oneofDecl?.[field.oneofIndex ?? -1];
  return `${field.number} ${field.name} ${repeated}${type}${oneof === undefined ? '' : ` in ${oneof.name}`}`;
}

function enumLines(scope: string, { name, value }: EnumDescriptor): readonly string[] {
  return value.map((each) => `enum ${scope}.${name} ${each.number ?? 0} ${each.name}`);
}

function messageLines(scope: string, message: MessageDescriptor): readonly string[] {
  const name = `${scope}.${message.name}`;
  const fields = (message.field ?? []).map((field) => `message ${name} ${fieldLine(message, field)}`);
  return [
    ...(fields.length === 0 ? [`message ${name} is empty`] : fields),
    ...(message.enumType ?? []).flatMap((each) => enumLines(name, each)),
    ...(message.nestedType ?? []).flatMap((each) => messageLines(name, each)),
  ];
}

function serviceLines(scope: string, { name, method }: ServiceDescriptor): readonly string[] {
  const side = (isStream: boolean | undefined, type: string): string => `${isStream ? 'stream ' : ''}${bare(type)}`;
  return method.map(
    (each) =>
      `rpc /${scope}.${name}/${each.name} ` +
      `${side(each.clientStreaming, each.inputType)} -> ${side(each.serverStreaming, each.outputType)}`,
  );
}

it('is spoken by our .proto files, word by word, with our extensions and no other addition', async () => {
  const { stdout } = await promisify(execFile)(
    resolve(root, 'node_modules/.bin/buf'),
    ['build', 'proto', '--output', '-#format=json'],
    { cwd: root, maxBuffer: 16 * 1024 * 1024 },
  );
  const { file }: { file: readonly FileDescriptor[] } = JSON.parse(stdout);
  const ours = file
    .filter(({ name }) => name.startsWith('etcd/'))
    .flatMap(({ package: scope, messageType = [], enumType = [], service = [] }) => [
      ...messageType.flatMap((each) => messageLines(scope, each)),
      ...enumType.flatMap((each) => enumLines(scope, each)),
      ...service.flatMap((each) => serviceLines(scope, each)),
    ]);
  const contract = await readFile(resolve(root, 'test/testdata/etcd-v3-contract.txt'), 'utf8');
  expect(ours.toSorted()).toEqual([...contract.trim().split('\n'), ...extensions].toSorted());
});
