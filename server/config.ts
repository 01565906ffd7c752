/**
 * From flags, environment and config file to a checked ServerConfig: every value allowed, every relation between
 * values holding, ids computed. Every problem is reported at once; nothing is started, opened or written here.
 */
import type { z } from 'zod';
import { clusterIdOf, memberIdOf } from './cluster-ids.js';
import { isOptionName, optionNames, optionsSchema, type OptionName, type OptionValues } from './config-options.js';
import { collectGiven, environmentName, type Environment, type GivenValue } from './config-sources.js';
import { isLoopback, isWildcard, type EndpointUrl } from './endpoint-url.js';
import { compareBigints } from './lib/bytes.js';

/** Times are milliseconds. Lists are never empty unless their comment says so. */
export interface ServerConfig {
  readonly name: string;
  readonly dataDir: string;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly listenClientUrls: readonly EndpointUrl[];
  /** Empty: what this member listens on, with the ports that were really taken. */
  readonly advertiseClientUrls: readonly EndpointUrl[];
  readonly listenPeerUrls: readonly EndpointUrl[];
  readonly initialAdvertisePeerUrls: readonly EndpointUrl[];
  /** The founding members, this one included, ascending by id. */
  readonly initialCluster: readonly InitialMember[];
  readonly initialClusterState: 'new' | 'existing';
  readonly initialClusterToken: string;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly snapshotCount: number;
  readonly snapshotCatchupEntries: number;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly watchProgressIntervalMs: number;
  /** Reserved. 0: the default, -1: none. */
  readonly quotaBackendBytes: number;
  /** auto: RocksDB where its binding can load, classic-level elsewhere. */
  readonly storageEngine: 'auto' | 'rocksdb' | 'classic-level';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly enableReflection: boolean;
  readonly checkInvariants: boolean;
}

export interface InitialMember {
  readonly id: bigint;
  readonly name: string;
  /** Canonical and sorted. */
  readonly peerUrls: readonly string[];
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

export type LoadedConfig =
  | { readonly action: 'run'; readonly config: ServerConfig; readonly warnings: readonly string[] }
  | { readonly action: 'help' | 'version' };

/** An election must outlast several lost heartbeats, or a healthy leader is deposed by one delayed packet. */
const heartbeatsPerElectionMin = 5;

/** `args` without the program's name. Throws ConfigError with every problem found. */
export function loadConfig(args: readonly string[], environment: Environment): LoadedConfig {
  const given = collectGiven(args, environment);
  if (given.action !== 'run') return { action: given.action };
  const config = configFrom(given.values, given.problems);
  return { action: 'run', config, warnings: [...given.warnings, ...exposureWarnings(config)] };
}

/** For programs that embed a member: options by the names of their flags. Throws ConfigError with every problem found. */
export function createConfig(options: Readonly<Partial<Record<OptionName, unknown>>> = {}): ServerConfig {
  const values = new Map<OptionName, GivenValue>();
  for (const name of optionNames) {
    if (options[name] !== undefined) values.set(name, { value: options[name], source: name });
  }
  return configFrom(values, []);
}

/** The text of --help. */
export function usage(): string {
  const rows = optionNames.map((name) => {
    const { def, description = '' } = optionsSchema.shape[name];
    const shown =
      def.defaultValue === '' || def.defaultValue === false ? '' : ` (default: ${String(def.defaultValue)})`;
    return `  --${name.padEnd(29)}${description}${shown}`;
  });
  return [
    'Usage: quorate [flags]',
    '',
    'Runs one member of a Quorate cluster.',
    '',
    ...rows,
    `  --${'config-file'.padEnd(29)}JSON object whose keys are these flags without "--"`,
    `  --${'version'.padEnd(29)}print the version and leave`,
    `  --${'help'.padEnd(29)}print this and leave`,
    '',
    `Every flag is also a variable, --data-dir for example ${environmentName('data-dir')}.`,
    'A flag wins over a variable, a variable over the config file.',
    'Set UV_THREADPOOL_SIZE=16 in the environment: disk syncs share these threads with everything else.',
    '',
  ].join('\n');
}

function configFrom(given: ReadonlyMap<OptionName, GivenValue>, earlier: readonly string[]): ServerConfig {
  const parsed = optionsSchema.safeParse(Object.fromEntries([...given].map(([name, { value }]) => [name, value])));
  // Relations between values mean nothing while single values are wrong.
  if (!parsed.success)
    throw new ConfigError([...earlier, ...parsed.error.issues.map((issue) => complaint(issue, given))]);
  const problems = [...earlier, ...brokenRelations(parsed.data)];
  if (problems.length > 0) throw new ConfigError(problems);
  const values = parsed.data;
  const initialCluster = initialMembers(values);
  return {
    name: values.name,
    dataDir: values['data-dir'],
    memberId: memberIdOf(urlsOf(advertisedPeerUrls(values)), values['initial-cluster-token']),
    clusterId: clusterIdOf(initialCluster.map(({ id }) => id)),
    listenClientUrls: values['listen-client-urls'],
    advertiseClientUrls: values['advertise-client-urls'],
    listenPeerUrls: values['listen-peer-urls'],
    initialAdvertisePeerUrls: advertisedPeerUrls(values),
    initialCluster,
    initialClusterState: values['initial-cluster-state'],
    initialClusterToken: values['initial-cluster-token'],
    heartbeatMs: values['heartbeat-interval'],
    electionTimeoutMs: values['election-timeout'],
    snapshotCount: values['snapshot-count'],
    snapshotCatchupEntries: values['snapshot-catchup-entries'],
    maxRequestBytes: values['max-request-bytes'],
    maxTxnOps: values['max-txn-ops'],
    watchProgressIntervalMs: values['watch-progress-interval'],
    quotaBackendBytes: values['quota-backend-bytes'],
    storageEngine: values['storage-engine'],
    logLevel: values['log-level'],
    enableReflection: values['enable-reflection'],
    checkInvariants: values['check-invariants'],
  };
}

/** Which option, where it was given, which value, what is allowed. */
function complaint(issue: z.core.$ZodIssue, given: ReadonlyMap<OptionName, GivenValue>): string {
  const name = String(issue.path[0]);
  const { source, value } = (isOptionName(name) ? given.get(name) : undefined) ?? { source: name, value: undefined };
  return `${source}: ${JSON.stringify(value)}: ${issue.message}`;
}

function brokenRelations(values: OptionValues): string[] {
  const heartbeat = values['heartbeat-interval'];
  const election = values['election-timeout'];
  const electionMin = heartbeat * heartbeatsPerElectionMin;
  const problems: string[] = [];
  if (election < electionMin) {
    const rule = `must be at least ${heartbeatsPerElectionMin} heartbeats of ${heartbeat} ms: ${electionMin} ms`;
    problems.push(`election-timeout: ${election} ms ${rule}`);
  }
  return [...problems, ...sharedListeners(values), ...undialable(values), ...brokenCluster(values)];
}

function sharedListeners(values: OptionValues): string[] {
  const urls = [...values['listen-client-urls'], ...values['listen-peer-urls']].filter(({ port }) => port !== 0);
  return repeated(urlsOf(urls)).map((url) => `listen-client-urls, listen-peer-urls: ${url} is listed twice`);
}

function undialable(values: OptionValues): string[] {
  const alone = values['initial-cluster'].length === 0;
  const named: readonly (readonly [OptionName, readonly EndpointUrl[]])[] = [
    ['advertise-client-urls', values['advertise-client-urls']],
    ['initial-advertise-peer-urls', values['initial-advertise-peer-urls']],
    ['initial-cluster', alone ? [] : values['initial-cluster'].map(({ endpoint }) => endpoint)],
  ];
  return named.flatMap(([name, endpoints]) =>
    endpoints
      .filter((endpoint) => isWildcard(endpoint) || endpoint.port === 0)
      .map(({ url }) => `${name}: ${url} is no address that others can dial: give a host and a port`),
  );
}

function brokenCluster(values: OptionValues): string[] {
  const listed = values['initial-cluster'];
  if (listed.length === 0) return [];
  const problems = repeated(urlsOf(listed.map(({ endpoint }) => endpoint))).map(
    (url) => `initial-cluster: ${url} is listed twice`,
  );
  const own = listed.filter(({ name }) => name === values.name).map(({ endpoint }) => endpoint);
  const advertised = advertisedPeerUrls(values);
  if (own.length === 0) {
    problems.push(`initial-cluster: has no member called "${values.name}" (name)`);
  } else if (urlsOf(own).join() !== urlsOf(advertised).join()) {
    const rule = 'must equal what this member advertises to its peers';
    problems.push(`initial-cluster: ${urlsOf(own).join()} of "${values.name}" ${rule}: ${urlsOf(advertised).join()}`);
  }
  return problems;
}

function repeated(urls: readonly string[]): string[] {
  return [...new Set(urls.filter((url, position) => urls.indexOf(url) !== position))];
}

function initialMembers(values: OptionValues): readonly InitialMember[] {
  const alone = advertisedPeerUrls(values).map((endpoint) => ({ name: values.name, endpoint }));
  const listed = values['initial-cluster'].length === 0 ? alone : values['initial-cluster'];
  const names = [...new Set(listed.map(({ name }) => name))];
  return names
    .map((name) => {
      const peerUrls = urlsOf(listed.filter((entry) => entry.name === name).map(({ endpoint }) => endpoint));
      return { id: memberIdOf(peerUrls, values['initial-cluster-token']), name, peerUrls };
    })
    .sort((a, b) => compareBigints(a.id, b.id));
}

function advertisedPeerUrls(values: OptionValues): readonly EndpointUrl[] {
  const advertised = values['initial-advertise-peer-urls'];
  return advertised.length === 0 ? values['listen-peer-urls'] : advertised;
}

function urlsOf(endpoints: readonly EndpointUrl[]): readonly string[] {
  return endpoints.map(({ url }) => url).sort();
}

function exposureWarnings(config: ServerConfig): string[] {
  const open = [...config.listenClientUrls, ...config.listenPeerUrls].filter((endpoint) => !isLoopback(endpoint));
  const warnings = open.map(({ url }) => `${url} can be reached from other machines, without TLS or authentication`);
  if (config.advertiseClientUrls.length === 0 && config.listenClientUrls.some(isWildcard)) {
    warnings.push('clients cannot dial the URLs that this member listens on: set advertise-client-urls');
  }
  return warnings;
}
