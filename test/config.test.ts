import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { clusterIdOf, memberIdOf } from '../server/cluster-ids.js';
import { ConfigError, createConfig, loadConfig, usage, type ServerConfig } from '../server/config.js';
import { optionNames } from '../server/config-options.js';
import { environmentName } from '../server/config-sources.js';

const folder = mkdtempSync(join(tmpdir(), 'quorate-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function configOf(args: readonly string[], environment: Record<string, string> = {}): ServerConfig {
  const loaded = loadConfig(args, environment);
  if (loaded.action !== 'run') throw new Error(`asked for ${loaded.action}`);
  return loaded.config;
}

function problemsOf(args: readonly string[], environment: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig(args, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function fileWith(content: string): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, content);
  return path;
}

const urls = (endpoints: readonly { url: string }[]): string[] => endpoints.map(({ url }) => url);

describe('defaults', () => {
  it('run one member on loopback, with etcd timing', () => {
    const config = configOf([]);
    expect(config).toMatchObject({
      name: 'default',
      dataDir: './data',
      advertiseClientUrls: [],
      initialClusterState: 'new',
      initialClusterToken: 'quorate-cluster',
      heartbeatMs: 100,
      electionTimeoutMs: 1000,
      snapshotCount: 10_000,
      snapshotCatchupEntries: 5000,
      maxRequestBytes: 1_572_864,
      maxTxnOps: 128,
      watchProgressIntervalMs: 600_000,
      quotaBackendBytes: 0,
      storageEngine: 'auto',
      logLevel: 'info',
      enableReflection: false,
      checkInvariants: false,
    });
    expect(urls(config.listenClientUrls)).toEqual(['http://127.0.0.1:2379']);
    expect(urls(config.listenPeerUrls)).toEqual(['http://127.0.0.1:2380']);
    expect(config.initialCluster).toEqual([
      { id: config.memberId, name: 'default', peerUrls: ['http://127.0.0.1:2380'] },
    ]);
  });

  it('are what createConfig gives to a program that embeds a member', () => {
    expect(createConfig()).toEqual(configOf([]));
    expect(createConfig({ 'max-txn-ops': 7, 'listen-client-urls': ['http://127.0.0.1:0'] })).toMatchObject({
      maxTxnOps: 7,
      listenClientUrls: [{ host: '127.0.0.1', port: 0 }],
    });
    expect(() => createConfig({ 'max-txn-ops': 0 })).toThrow('max-txn-ops: 0: must be an integer from 1 to 65536');
  });
});

interface GoodValue {
  readonly flag: string;
  readonly value: string;
  readonly expected: Partial<Record<keyof ServerConfig, unknown>>;
}

const goodValues: readonly GoodValue[] = [
  { flag: 'name', value: 'm1', expected: { name: 'm1' } },
  { flag: 'data-dir', value: '/var/lib/quorate', expected: { dataDir: '/var/lib/quorate' } },
  {
    flag: 'listen-client-urls',
    value: 'http://127.0.0.1:1, HTTP://[::1]:0/',
    expected: {
      listenClientUrls: [
        { url: 'http://127.0.0.1:1', host: '127.0.0.1', port: 1 },
        { url: 'http://[::1]:0', host: '::1', port: 0 },
      ],
    },
  },
  {
    flag: 'advertise-client-urls',
    value: 'http://Node-1.example:2379',
    expected: { advertiseClientUrls: [{ url: 'http://node-1.example:2379', host: 'node-1.example', port: 2379 }] },
  },
  {
    flag: 'listen-peer-urls',
    value: 'http://127.0.0.1:3',
    expected: { listenPeerUrls: [{ url: 'http://127.0.0.1:3', host: '127.0.0.1', port: 3 }] },
  },
  {
    flag: 'initial-advertise-peer-urls',
    value: 'http://a:4',
    expected: { initialAdvertisePeerUrls: [{ url: 'http://a:4', host: 'a', port: 4 }] },
  },
  {
    flag: 'initial-cluster',
    value: 'default=http://127.0.0.1:2380',
    expected: { memberId: memberIdOf(['http://127.0.0.1:2380'], 'quorate-cluster') },
  },
  { flag: 'initial-cluster-state', value: 'existing', expected: { initialClusterState: 'existing' } },
  { flag: 'initial-cluster-token', value: 'blue', expected: { initialClusterToken: 'blue' } },
  { flag: 'heartbeat-interval', value: '10', expected: { heartbeatMs: 10 } },
  { flag: 'election-timeout', value: '50000', expected: { electionTimeoutMs: 50_000 } },
  { flag: 'snapshot-count', value: '1', expected: { snapshotCount: 1 } },
  { flag: 'snapshot-catchup-entries', value: '0', expected: { snapshotCatchupEntries: 0 } },
  { flag: 'max-request-bytes', value: '256', expected: { maxRequestBytes: 256 } },
  { flag: 'max-txn-ops', value: '65536', expected: { maxTxnOps: 65_536 } },
  { flag: 'watch-progress-interval', value: '100', expected: { watchProgressIntervalMs: 100 } },
  { flag: 'quota-backend-bytes', value: '-1', expected: { quotaBackendBytes: -1 } },
  { flag: 'storage-engine', value: 'classic-level', expected: { storageEngine: 'classic-level' } },
  { flag: 'log-level', value: 'debug', expected: { logLevel: 'debug' } },
  { flag: 'enable-reflection', value: 'true', expected: { enableReflection: true } },
  { flag: 'check-invariants', value: 'false', expected: { checkInvariants: false } },
];

describe('good values', () => {
  it('cover every option', () => {
    expect(new Set(goodValues.map(({ flag }) => flag))).toEqual(new Set(optionNames));
  });

  it.each(goodValues)('--$flag $value, as a flag, a variable and in the config file', ({ flag, value, expected }) => {
    const file = fileWith(JSON.stringify({ [flag]: value }));
    expect(configOf([`--${flag}=${value}`])).toMatchObject(expected);
    expect(configOf([], { [environmentName(flag)]: value })).toMatchObject(expected);
    expect(configOf(['--config-file', file])).toMatchObject(expected);
  });

  it('a switch needs no value, a flag may stand apart from its value', () => {
    expect(configOf(['--check-invariants', '--name', 'm1'])).toMatchObject({ checkInvariants: true, name: 'm1' });
    expect(configOf(['--quota-backend-bytes', '-1'])).toMatchObject({ quotaBackendBytes: -1 });
  });

  it('the config file may use JSON numbers, booleans and lists', () => {
    const file = fileWith(
      '{"max-txn-ops": 9, "enable-reflection": true, "listen-client-urls": ["http://127.0.0.1:5"]}',
    );
    expect(configOf(['--config-file', file])).toMatchObject({
      maxTxnOps: 9,
      enableReflection: true,
      listenClientUrls: [{ port: 5 }],
    });
  });
});

const badValues: readonly (readonly [flag: string, value: string, complaint: string])[] = [
  ['name', 'a,b', 'must be 1 to 64 characters'],
  ['name', 'a b', 'must be 1 to 64 characters'],
  ['name', 'x'.repeat(65), 'must be 1 to 64 characters'],
  ['data-dir', 'a\0b', 'must be a path'],
  ['listen-client-urls', 'http://127.0.0.1', 'is not of the form http://host:port'],
  ['listen-client-urls', 'https://127.0.0.1:2379', 'TLS is not supported yet'],
  ['listen-client-urls', 'unix://x:1', 'the scheme must be http'],
  ['listen-client-urls', 'http://127.0.0.1:65536', 'the port must be from 0 to 65535'],
  ['listen-client-urls', 'http://[1.2]:1', 'is no IPv6 address'],
  ['listen-client-urls', 'http://127.0.0.1:2379/path', 'is not of the form http://host:port'],
  ['listen-client-urls', 'http://a:1,', 'is not of the form http://host:port'],
  ['advertise-client-urls', 'http://0.0.0.0:2379', 'is no address that others can dial'],
  ['advertise-client-urls', 'http://127.0.0.1:0', 'is no address that others can dial'],
  ['listen-peer-urls', 'nonsense', 'is not of the form http://host:port'],
  ['initial-advertise-peer-urls', 'http://[::]:2380', 'is no address that others can dial'],
  ['initial-cluster', 'http://127.0.0.1:2380', 'is not of the form name=http://host:port'],
  ['initial-cluster', 'default=https://127.0.0.1:2380', 'TLS is not supported yet'],
  ['initial-cluster', 'other=http://127.0.0.1:2380', 'has no member called "default"'],
  ['initial-cluster', 'default=http://127.0.0.1:9', 'must equal what this member advertises'],
  ['initial-cluster', 'default=http://127.0.0.1:2380,b=http://127.0.0.1:2380', 'is listed twice'],
  ['initial-cluster', 'default=http://127.0.0.1:2380,b=http://c:0', 'is no address that others can dial'],
  ['initial-cluster-state', 'old', 'must be new or existing'],
  ['initial-cluster-token', 'a b', 'must be 1 to 128 printable ASCII characters'],
  ['heartbeat-interval', '0', 'must be an integer from 1 to 10000'],
  ['heartbeat-interval', '-100', 'must be an integer from 1 to 10000'],
  ['heartbeat-interval', '1e3', 'must be an integer from 1 to 10000'],
  ['heartbeat-interval', '100ms', 'must be an integer from 1 to 10000'],
  ['heartbeat-interval', '201', 'must be at least 5 heartbeats of 201 ms: 1005 ms'],
  ['election-timeout', '499', 'must be at least 5 heartbeats of 100 ms: 500 ms'],
  ['election-timeout', '50001', 'must be an integer from 5 to 50000'],
  ['snapshot-count', '0', 'must be an integer from 1 to 100000000'],
  ['snapshot-catchup-entries', '-1', 'must be an integer from 0 to 100000000'],
  ['max-request-bytes', '255', 'must be an integer from 256 to 33554432'],
  ['max-request-bytes', '33554433', 'must be an integer from 256 to 33554432'],
  ['max-txn-ops', '0', 'must be an integer from 1 to 65536'],
  ['max-txn-ops', '1.5', 'must be an integer from 1 to 65536'],
  ['watch-progress-interval', '99', 'must be an integer from 100 to 86400000'],
  ['quota-backend-bytes', '-2', 'must be an integer from -1'],
  ['quota-backend-bytes', '99999999999999999999', 'must be an integer from -1'],
  ['storage-engine', 'leveldb', 'must be auto, rocksdb or classic-level'],
  ['log-level', 'trace', 'must be debug, info, warn or error'],
  ['enable-reflection', 'yes', 'must be true or false'],
  ['check-invariants', '1', 'must be true or false'],
];

describe('bad values', () => {
  it('cover every option', () => {
    expect(new Set(badValues.map(([flag]) => flag))).toEqual(new Set(optionNames));
  });

  it.each(badValues)('--%s %j', (flag, value, complaint) => {
    expect(problemsOf([`--${flag}=${value}`]).join('\n')).toContain(complaint);
  });

  it('name flag, variable or file, the value and the rule, and are reported all at once', () => {
    const file = fileWith('{"max-txn-ops": -3, "no-such-key": 1}');
    const args = ['--log-level=loud', '--no-such-flag', 'stray', '--data-dir', '--name=x', '--config-file', file];
    expect(problemsOf(args, { QUORATE_SNAPSHOT_COUNT: 'many' })).toEqual([
      '--no-such-flag is unknown: see --help',
      '"stray" is not a flag: this command takes flags only',
      '--data-dir needs a value',
      `no-such-key in ${file} is unknown: keys are flags without "--", see --help`,
      'QUORATE_SNAPSHOT_COUNT: "many": must be an integer from 1 to 100000000',
      `max-txn-ops in ${file}: -3: must be an integer from 1 to 65536`,
      '--log-level: "loud": must be debug, info, warn or error',
    ]);
  });

  it('refuses a config file that is absent, no JSON or no object', () => {
    expect(problemsOf(['--config-file', join(folder, 'absent.json')])[0]).toContain('ENOENT');
    expect(problemsOf(['--config-file', fileWith('{')])[0]).toContain('config file');
    expect(problemsOf(['--config-file', fileWith('[]')])[0]).toContain('must hold one JSON object');
    expect(problemsOf(['--config-file', fileWith(' '.repeat(1024 * 1024 + 1))])[0]).toContain('more than 1048576');
    expect(problemsOf(['--config-file'])).toEqual(['--config-file needs a value']);
  });

  it('refuses to listen twice on one URL', () => {
    expect(problemsOf(['--listen-peer-urls=http://127.0.0.1:2379'])[0]).toContain(
      'http://127.0.0.1:2379 is listed twice',
    );
    expect(problemsOf(['--listen-peer-urls=http://127.0.0.1:0', '--listen-client-urls=http://127.0.0.1:0'])).toEqual(
      [],
    );
  });
});

describe('precedence', () => {
  const file = fileWith('{"name": "from-file"}');

  it('is flag, variable, config file, default', () => {
    expect(configOf(['--config-file', file, '--name=flag'], { QUORATE_NAME: 'variable' }).name).toBe('flag');
    expect(configOf(['--config-file', file], { QUORATE_NAME: 'variable' }).name).toBe('variable');
    expect(configOf([], { QUORATE_CONFIG_FILE: file }).name).toBe('from-file');
    expect(configOf([]).name).toBe('default');
  });

  it('takes an empty variable for none', () => {
    expect(configOf(['--config-file', file], { QUORATE_NAME: '' }).name).toBe('from-file');
  });
});

describe('--help and --version', () => {
  it('win over everything else', () => {
    expect(loadConfig(['--help', '--nonsense'], {})).toEqual({ action: 'help' });
    expect(loadConfig(['--version'], {})).toEqual({ action: 'version' });
  });

  it('--help lists every flag within 120 columns', () => {
    for (const name of optionNames) expect(usage()).toContain(`--${name} `);
    expect(
      Math.max(
        ...usage()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(120);
  });
});

describe('warnings', () => {
  it('name what is open to other machines, what nobody can dial, and variables with a typo', () => {
    const loaded = loadConfig(['--listen-client-urls=http://0.0.0.0:2379'], { QUORATE_NAMES: 'x', QUORATE_PORT: 'y' });
    expect(loaded).toMatchObject({
      warnings: [
        'QUORATE_NAMES is not a variable that quorate knows: ignored',
        'http://0.0.0.0:2379 can be reached from other machines, without TLS or authentication',
        'clients cannot dial the URLs that this member listens on: set advertise-client-urls',
      ],
    });
    expect(loadConfig([], {})).toMatchObject({ warnings: [] });
  });
});

describe('ids', () => {
  const three = 'a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://127.0.0.1:3,a=http://127.0.0.1:4';
  const memberA = ['--name=a', '--initial-advertise-peer-urls=http://127.0.0.1:4,http://127.0.0.1:1'];
  const memberB = ['--name=b', '--initial-advertise-peer-urls=http://127.0.0.1:2'];

  it('are computed alike on every member, whatever the order of the URLs', () => {
    const a = configOf([...memberA, `--initial-cluster=${three}`]);
    const b = configOf([...memberB, `--initial-cluster=${three.split(',').reverse().join()}`]);
    expect(a.initialCluster).toEqual(b.initialCluster);
    expect(a.clusterId).toBe(b.clusterId);
    expect(a.memberId).not.toBe(b.memberId);
    expect(a.initialCluster.map(({ id }) => id)).toContain(a.memberId);
    expect(a.initialCluster.map(({ id }) => id)).toContain(b.memberId);
    expect(a.initialCluster.find(({ name }) => name === 'a')?.peerUrls).toHaveLength(2);
  });

  it('never change: data directories remember them', () => {
    expect(memberIdOf(['http://b:2', 'http://a:1'], 'token')).toBe(memberIdOf(['http://a:1', 'http://b:2'], 'token'));
    expect(memberIdOf(['http://a:1'], 'token').toString(16)).toBe('f6fa2fa856a26ff3');
    expect(clusterIdOf([2n, 1n]).toString(16)).toBe('8c7654ecfd7b0b62');
    expect(clusterIdOf([1n, 2n])).toBe(clusterIdOf([2n, 1n]));
  });

  it('differ by token and by URL', () => {
    const ids = [memberIdOf(['http://a:1'], 'x'), memberIdOf(['http://a:1'], 'y'), memberIdOf(['http://a:2'], 'x')];
    expect(new Set(ids).size).toBe(3);
  });
});
