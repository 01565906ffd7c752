/**
 * The composition root: builds every part of a member by constructor, starts them inside out and stops them outside
 * in. It decides nothing that a part could decide, and nothing imports it but main.ts and index.ts.
 */
import { randomInt } from 'node:crypto';
import { createConfig, type ServerConfig } from './config.js';
import { type EndpointUrl, endpointUrl, parseEndpointUrl } from './endpoint-url.js';
import { type ExitReason, FatalError } from './exit-reason.js';
import { systemClock } from './lib/clock.js';
import { createDeferred } from './lib/deferred.js';
import { type Logger, silentLogger } from './lib/logger.js';
import { systemRandom } from './lib/system-random.js';
import { KvMember } from './node/kv-member.js';
import type { Fatal } from './node/fatal.js';
import { NodeGrantMember } from './node/grant-member.js';
import { NodeLeaseMember } from './node/lease-member.js';
import { RaftNode } from './node/raft-node.js';
import { rebuildState } from './node/rebuild.js';
import { NodeSessionMember } from './node/session-member.js';
import { type ClientServer, startClientServer } from './rpc/client-server.js';
import { ListenError } from './rpc/listeners.js';
import { GrpcPeerTransport } from './rpc/peer-transport.js';
import type { RunningServer } from './run.js';
import { chooseEngine, createEngine, thisHost } from './storage/choose-engine.js';
import { openDataDirectory } from './storage/data-directory.js';
import { type Engine, EngineError } from './storage/engine.js';
import { type IdentityFile, MemoryIdentityFile, readIdentity } from './storage/identity.js';
import { MemoryEngine } from './storage/memory-engine.js';
import type { MemberStore } from './storage/member-store.js';
import { openMemberStore } from './storage/open-member-store.js';
import { DataDirectoryError, StorageCorruptionError } from './storage/storage-errors.js';
import { ownVersion } from './version.js';

export interface ServerDependencies {
  /** Default: silent. */
  readonly logger?: Logger;
}

/** What requests in flight get to finish before they are cut, within the 5 s that a stop may take. */
const CLIENT_GRACE_MS = 1_500;

/** A member alone, for tests of programs that use one: everything is in memory, and nothing listens. */
export interface MemoryServer {
  readonly dataDir: ':memory:';
}

/** Nobody is there to vote or to be heard from: such a member may be quick to lead. */
const MEMORY_OPTIONS = { 'data-dir': ':memory:', 'heartbeat-interval': 20, 'election-timeout': 200 } as const;

/**
 * Starts one member. Rejects with FatalError, whose reason says what kept it from starting; nothing is left behind. With
 * the data directory `:memory:` its disk ends with it.
 */
export async function startServer(
  given: ServerConfig | MemoryServer,
  dependencies: ServerDependencies = {},
): Promise<RunningServer> {
  const logger = dependencies.logger ?? silentLogger;
  const config = 'memberId' in given ? given : memoryConfig();
  const { memberId, clusterId, name, dataDir } = config;
  logger.info('starting', { version: ownVersion(), name, memberId, clusterId, dataDir });
  const store = await openStore(config, logger);
  try {
    return await startOn(store, config, logger);
  } catch (error) {
    await store.close();
    throw fatalOf(error);
  }
}

function memoryConfig(): ServerConfig {
  return { ...createConfig(MEMORY_OPTIONS), listenClientUrls: [], listenPeerUrls: [] };
}

async function openStore(config: ServerConfig, logger: Logger): Promise<MemberStore> {
  try {
    const { engine, identityFile } = config.dataDir === ':memory:' ? memoryDisk() : await openDisk(config, logger);
    return await openMemberStore({
      engine,
      identityFile,
      identity: config,
      bootstrap: {
        conf: { voters: config.initialCluster.map(({ id }) => id), learners: [] },
        members: config.initialCluster.map(({ id, name, peerUrls }) => ({ id, name, peerUrls, clientUrls: [] })),
      },
    });
  } catch (error) {
    throw fatalOf(error);
  }
}

interface OpenedDisk {
  readonly engine: Engine;
  readonly identityFile: IdentityFile;
}

function memoryDisk(): OpenedDisk {
  return { engine: new MemoryEngine(), identityFile: new MemoryIdentityFile() };
}

async function openDisk(config: ServerConfig, logger: Logger): Promise<OpenedDisk> {
  const directory = await openDataDirectory(config.dataDir);
  const made = await readIdentity(directory.identityFile);
  if (config.initialClusterState === 'existing' && made === undefined) {
    throw new FatalError('badConfig', 'initial-cluster-state is "existing", but the data directory holds no member');
  }
  const { engine, reason } = chooseEngine(config.storageEngine, made?.engine, thisHost());
  logger.info('storage engine', { engine, reason });
  const { identityFile } = directory;
  return { engine: createEngine(engine, directory.engineLocation(engine)), identityFile };
}

async function startOn(store: MemberStore, config: ServerConfig, logger: Logger): Promise<RunningServer> {
  const clock = systemClock;
  const random = systemRandom();
  const loaded = await store.load();
  const { hardState, applied, boot } = loaded;
  const machine = await rebuildState(store);
  logger.info('state loaded', { boot, term: hardState.term, applied: applied.index, revision: machine.revision });
  const transport = new GrpcPeerTransport({
    identity: config,
    listen: config.listenPeerUrls.map(addressOf),
    peers: peerAddresses(config),
    clock,
    logger,
  });
  await transport.listen();
  const node = new RaftNode({
    store,
    loaded,
    machine,
    rebuild: () => rebuildState(store),
    transport,
    clock,
    random,
    logger,
    options: {
      heartbeatMs: config.heartbeatMs,
      electionMs: config.electionTimeoutMs,
      snapshotCount: config.snapshotCount,
      snapshotCatchUpEntries: config.snapshotCatchupEntries,
      checkInvariants: config.checkInvariants,
    },
  });
  const member = new KvMember(node, store, clock, config.clusterId);
  const { clusterId, electionTimeoutMs: electionMs } = config;
  // Not the one that draws timeouts: with its 32 bits the members would choose the same ids too often.
  const ids = { below: (bound: number) => randomInt(bound) };
  const leases = new NodeLeaseMember({ node, clock, random: ids, clusterId, electionMs });
  const sessions = new NodeSessionMember({ node, store, clock, clusterId, kv: member, leases });
  const grants = new NodeGrantMember({ node, clock, clusterId });
  let clients: ClientServer;
  try {
    clients = await startClientServer({
      member,
      watches: member,
      leases,
      sessions,
      grants,
      electionMs,
      clock,
      random,
      logger,
      listen: config.listenClientUrls,
      maxRequestBytes: config.maxRequestBytes,
      maxTxnOps: config.maxTxnOps,
      enableReflection: config.enableReflection,
      watchProgressIntervalMs: config.watchProgressIntervalMs,
    });
  } catch (error) {
    await transport.stop();
    throw error;
  }
  await node.start();
  const clientUrls = clients.addresses.map(({ host, port }) => endpointUrl(host, port).url);
  const peerUrls = config.listenPeerUrls.map(({ host }, place) => endpointUrl(host, transport.ports[place] ?? 0).url);
  logger.info('serving', { clientUrls, peerUrls });
  const advertised = config.advertiseClientUrls.map(({ url }) => url);
  void member.publish(config.name, advertised.length > 0 ? advertised : clientUrls);
  return running(node, clients, logger, { clientUrls, peerUrls });
}

function running(
  node: RaftNode,
  clients: ClientServer,
  logger: Logger,
  urls: Pick<RunningServer, 'clientUrls' | 'peerUrls'>,
): RunningServer {
  const done = createDeferred<ExitReason>();
  let stopping: Promise<void> | undefined;
  const stop = async (graceMs: number): Promise<void> => {
    // Leadership first: while clients finish here, another member already takes their next requests.
    await Promise.all([node.handOver(), clients.stop(graceMs)]);
    await node.stop();
  };
  void node.fatal.then(async (fatal) => {
    const reason = reasonOf(fatal);
    logger.error('the member cannot go on', { reason, error: fatal.error });
    stopping ??= stop(0);
    await stopping;
    done.resolve(reason);
  });
  return {
    ...urls,
    sessions: clients.sessions,
    door: clients.door,
    done: done.promise,
    async stop() {
      stopping ??= stop(CLIENT_GRACE_MS);
      await stopping;
      done.resolve('stopped');
    },
  };
}

function reasonOf({ cause }: Fatal): ExitReason {
  return cause === 'storage' ? 'storageWriteFailed' : 'invariantBroken';
}

/** What the operator has to know by number. */
function fatalOf(error: unknown): unknown {
  const fatal = (reason: ExitReason): FatalError =>
    new FatalError(reason, error instanceof Error ? error.message : String(error), { cause: error });
  if (error instanceof DataDirectoryError || error instanceof StorageCorruptionError) return fatal('badDataDir');
  if (error instanceof ListenError) return fatal('cannotListen');
  if (!(error instanceof EngineError)) return error;
  switch (error.code) {
    case 'LOCKED':
      return new FatalError('dataDirLocked', `the data directory is in use by another process (${error.message})`);
    case 'UNSUPPORTED':
      return fatal('storageUnavailable');
    case 'CORRUPTION':
      return fatal('badDataDir');
    case 'CLOSED':
    case 'NO_SPACE':
    case 'IO':
    case 'INVALID_ARGUMENT':
      return fatal('storageWriteFailed');
  }
}

function peerAddresses(config: ServerConfig): ReadonlyMap<bigint, readonly string[]> {
  const others = config.initialCluster.filter(({ id }) => id !== config.memberId);
  return new Map(others.map(({ id, peerUrls }) => [id, peerUrls.map((url) => addressOf(parseEndpointUrl(url)))]));
}

/** As gRPC writes it. */
function addressOf({ host, port }: Pick<EndpointUrl, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
