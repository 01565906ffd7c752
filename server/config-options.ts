/**
 * The options of a member, one row each: how a value is read, what is allowed, what it defaults to, what --help says.
 * Flags, QUORATE_* variables and the keys of the config file all come from this table.
 */
import { z } from 'zod';
import { parseEndpointUrl } from './endpoint-url.js';

const mebibyte = 1024 * 1024;

export const optionsSchema = z.object({
  name: matching(/^[^\s,=]{1,64}$/, '1 to 64 characters without spaces, "," and "="')
    .prefault('default')
    .describe('name of this member, as --initial-cluster spells it'),
  'data-dir': matching(/^[^\0]+$/, 'a path')
    .prefault('./data')
    .describe('directory for all that this member knows; one for each member'),
  'listen-client-urls': endpoints(1)
    .prefault('http://127.0.0.1:2379')
    .describe('where to serve clients; port 0 takes any free port'),
  'advertise-client-urls': endpoints(0)
    .prefault('')
    .describe('where clients reach this member; empty: where it listens'),
  'listen-peer-urls': endpoints(1).prefault('http://127.0.0.1:2380').describe('where to serve the other members'),
  'initial-advertise-peer-urls': endpoints(0)
    .prefault('')
    .describe('where other members reach this one; empty: --listen-peer-urls'),
  'initial-cluster': listOf(namedEndpoint, 0)
    .prefault('')
    .describe('name=URL of every founding member; empty: this one alone'),
  'initial-cluster-state': z
    .enum(['new', 'existing'], 'must be new or existing')
    .prefault('new')
    .describe('whether this member founds the cluster or joins one that runs'),
  'initial-cluster-token': matching(/^[!-~]{1,128}$/, '1 to 128 printable ASCII characters without spaces')
    .prefault('quorate-cluster')
    .describe('tells clusters apart that are founded with equal URLs'),
  'heartbeat-interval': integer(1, 10_000).prefault(100).describe('how often the leader says that it lives, in ms'),
  'election-timeout': integer(5, 50_000)
    .prefault(1000)
    .describe('silence of the leader before an election, in ms; 5 heartbeats at least'),
  'snapshot-count': integer(1, 100_000_000).prefault(10_000).describe('applied entries between two trims of the log'),
  'snapshot-catchup-entries': integer(0, 100_000_000)
    .prefault(5000)
    .describe('entries kept behind a trim for members that lag'),
  'max-request-bytes': integer(256, 32 * mebibyte)
    .prefault(1_572_864)
    .describe('largest write that a client may send, in bytes'),
  'max-txn-ops': integer(1, 65_536).prefault(128).describe('most operations in each list of a transaction'),
  'watch-progress-interval': integer(100, 86_400_000)
    .prefault(600_000)
    .describe('silence after which watchers that ask hear how far they are, in ms'),
  'quota-backend-bytes': integer(-1, Number.MAX_SAFE_INTEGER)
    .prefault(0)
    .describe('reserved: bytes of the store at which writes are refused; -1: none'),
  'storage-engine': z
    .enum(['auto', 'rocksdb', 'classic-level'], 'must be auto, rocksdb or classic-level')
    .prefault('auto')
    .describe('rocksdb or classic-level; auto: rocksdb where its binding can load'),
  'log-level': z
    .enum(['debug', 'info', 'warn', 'error'], 'must be debug, info, warn or error')
    .prefault('info')
    .describe('least severity that is logged, to stderr'),
  'enable-reflection': flag().prefault(false).describe('serve gRPC reflection to clients'),
  'check-invariants': flag().prefault(false).describe('check the invariants of consensus after every step; slow'),
});

export type OptionName = keyof typeof optionsSchema.shape;
export type OptionValues = z.output<typeof optionsSchema>;

/** Their flag alone means true. */
const switches: ReadonlySet<string> = new Set<OptionName>(['enable-reflection', 'check-invariants']);

export const optionNames: readonly OptionName[] = optionsSchema.keyof().options;

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(optionsSchema.shape, name);
}

export function isSwitch(name: OptionName): boolean {
  return switches.has(name);
}

function matching(pattern: RegExp, allowed: string) {
  return z.string(`must be ${allowed}`).regex(pattern, `must be ${allowed}`);
}

/** Digits only, as a string or as a JSON number: no "1e3", no "0x10", no empty string that would become 0. */
function integer(min: number, max: number) {
  const rule = `must be an integer from ${min} to ${max}`;
  const digits = z
    .string()
    .regex(/^-?\d{1,16}$/)
    .transform(Number);
  return z.union([z.number(), digits], rule).pipe(z.number().int(rule).min(min, rule).max(max, rule));
}

function flag() {
  const words = z.enum(['true', 'false']).transform((word) => word === 'true');
  return z.union([z.boolean(), words], 'must be true or false');
}

function endpoints(countMin: 0 | 1) {
  return listOf(endpoint, countMin);
}

/** A comma-separated string, or in the config file a JSON array of strings. Empty means none. */
function listOf<T>(parse: (text: string, context: z.RefinementCtx<string>) => T, countMin: 0 | 1) {
  const split = z.string().transform((text) => (text.trim() === '' ? [] : text.split(',')));
  const texts = z.union([z.array(z.string()), split], 'must be a list of URLs separated by commas');
  return texts.pipe(z.array(z.string().trim().transform(parse)).min(countMin, 'must hold one URL at least'));
}

function endpoint(text: string, context: z.RefinementCtx<string>) {
  try {
    return parseEndpointUrl(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
}

function namedEndpoint(text: string, context: z.RefinementCtx<string>) {
  const separator = text.indexOf('=');
  if (separator >= 1) return { name: text.slice(0, separator), endpoint: endpoint(text.slice(separator + 1), context) };
  context.addIssue({ code: 'custom', message: `"${text}" is not of the form name=http://host:port` });
  return z.NEVER;
}
