/**
 * Runs the commands of golden stories on a cluster. After each command the members it touched do what their Readys ask
 * for; messages stay in the network until a command delivers them, saves finish at once unless they are held.
 */
import { InvariantError } from '../../server/lib/assert.js';
import { RAFT_DEFAULTS } from '../../server/raft/config.js';
import { describeMessage, describePeer, describeStatus } from '../../server/raft/describe.js';
import type { ConfChange } from '../../server/raft/membership.js';
import type { ProposeResult } from '../../server/raft/raft.js';
import type { ConfState, Entry, Message, NodeId } from '../../server/raft/types.js';
import type { DiskImage } from './fake-disk.js';
import { RaftCluster, settle } from './raft-cluster.js';
import { Command, toNumber } from './story-file.js';

/** Above what any story needs to come to rest. */
const STABILIZE_MESSAGES_MAX = 2000;

type Handler = (command: Command) => void;

export class Story {
  #cluster: RaftCluster = new RaftCluster({ random: () => ({ below: () => 0 }) });
  #firstConf: ConfState = { voters: [], learners: [] };
  #output: string[] = [];
  /** Copies of messages kept under a name, to come again later. */
  readonly #kept = new Map<string, readonly Message[]>();

  /** For tests that ask more than commands print. */
  get cluster(): RaftCluster {
    return this.#cluster;
  }

  /** What the commands print. A broken invariant is printed too: it stops the member, not the story. */
  run(commands: readonly string[]): readonly string[] {
    this.#output = [];
    for (const text of commands) this.#runOne(new Command(text));
    return this.#output.length === 0 ? ['ok'] : this.#output;
  }

  #runOne(command: Command): void {
    const handler = this.#handlers[command.name];
    if (handler === undefined) throw new Error(`no such command: ${command.text}`);
    try {
      handler(command);
      if (command.name !== 'quiet') command.assertAllUsed();
      for (const id of this.#cluster.running) this.#cluster.pump(id);
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.#print(`stops: ${error.message}`);
    }
  }

  readonly #handlers: Readonly<Record<string, Handler>> = {
    cluster: (command) => this.#start(command),
    prior: (command) => this.#prior(command),
    join: (command) => this.#startMember(idOf(command.word()), {}),

    tick: (command) => this.#tick(command),
    run: (command) => this.#run(toNumber(command.optionalWord() ?? '1')),
    elect: (command) => this.#elect(idOf(command.word())),
    campaign: (command) => this.#cluster.campaign(idOf(command.word())),
    propose: (command) => this.#propose(command),
    conf: (command) => this.#changeConf(command),
    read: (command) => this.#read(command),
    transfer: (command) => this.#transfer(command),
    stepDown: (command) => this.#cluster.stepDown(idOf(command.word())),
    unreachable: (command) => this.#cluster.reportUnreachable(idOf(command.word()), idOf(command.word())),
    snapshotEnded: (command) => this.#snapshotEnded(command),
    trim: (command) => this.#trim(idOf(command.word()), toNumber(command.word())),

    deliver: (command) => this.#deliver(this.#take(command)),
    drop: (command) => this.#list('dropped', this.#take(command)),
    duplicate: (command) => void this.#cluster.network.push(...this.#find(command)),
    keep: (command) => void this.#kept.set(command.word(), this.#find(command)),
    again: (command) => this.#deliver(this.#kept.get(command.word()) ?? []),
    inject: (command) => this.#deliver([parseMessage(command)]),
    network: () => this.#list('', this.#cluster.network),
    stabilize: () => settle(this.#cluster, STABILIZE_MESSAGES_MAX),
    cut: (command) => void this.#cluster.cuts.add(command.word()),
    isolate: (command) => this.#isolate(idOf(command.word())),
    heal: () => this.#cluster.cuts.clear(),

    holdSaves: (command) => this.#cluster.holdSaves(idOf(command.word()), true),
    save: (command) => void this.#cluster.completeSave(idOf(command.word())),
    releaseSaves: (command) => this.#releaseSaves(idOf(command.word())),
    holdApply: (command) => this.#cluster.holdApply(idOf(command.word()), true),
    apply: (command) => this.#cluster.completeApply(idOf(command.word())),
    releaseApply: (command) => this.#releaseApply(idOf(command.word())),
    crash: (command) => this.#crash(command),
    restart: (command) => this.#cluster.restart(idOf(command.word())),

    status: (command) => this.#status(command),
    log: (command) => this.#log(command),
    progress: (command) => this.#progress(command),
    applied: (command) => this.#applied(command),
    quiet: (command) => this.#quiet(command),
  };

  #print(line: string): void {
    this.#output.push(line);
  }

  /** `cluster voters=(1 2 3) [learners=(4)] [spread=(0 1 2)] [any setting of RaftConfig=number]` */
  #start(command: Command): void {
    const conf = { voters: command.list('voters').map(idOf), learners: command.list('learners').map(idOf) };
    const spread = command.list('spread').map(toNumber);
    const settings = command.otherNumbers();
    for (const name of Object.keys(settings)) if (!(name in RAFT_DEFAULTS)) throw new Error(`no such setting: ${name}`);
    this.#firstConf = conf;
    this.#cluster = new RaftCluster({
      settings,
      // Member 1 times out first, then 2, and so on, unless the story says otherwise.
      random: (id) => ({ below: (bound) => Math.min(spread[Number(id) - 1] ?? Number(id) - 1, bound - 1) }),
      trace: (line) => this.#print(line),
    });
    for (const id of [...conf.voters, ...conf.learners]) this.#startMember(id, {});
  }

  /** `prior 1 terms=(1 1 2) [term=2] [vote=0] [commit=0] [applied=0]`: member 1 was started from this disk. */
  #prior(command: Command): void {
    const id = idOf(command.word());
    const terms = command.list('terms').map(toNumber);
    const term = command.number('term', terms.at(-1) ?? 0);
    const vote = BigInt(command.number('vote', 0));
    const commit = command.number('commit', 0);
    const entries = terms.map((entryTerm, place) => normalEntry(entryTerm, place + 1, `e${place + 1}`));
    this.#startMember(id, { hardState: { term, vote, commit }, entries, appliedIndex: command.number('applied', 0) });
  }

  #startMember(id: NodeId, disk: Partial<DiskImage>): void {
    const start = { term: 0, index: 0, conf: this.#firstConf };
    this.#cluster.start(id, {
      hardState: { term: 0, vote: 0n, commit: 0 },
      start,
      entries: [],
      appliedIndex: 0,
      ...disk,
    });
  }

  #tick(command: Command): void {
    const who = command.word();
    const times = toNumber(command.optionalWord() ?? '1');
    for (let time = 0; time < times; time += 1) {
      const ids = who === 'all' ? this.#cluster.running : [idOf(who)];
      for (const id of ids) this.#cluster.tick(id);
      for (const id of ids) this.#cluster.pump(id);
    }
  }

  /** Time passes for all, and every message arrives. Nothing is printed. */
  #run(ticks: number): void {
    this.#silently(() => {
      for (let tick = 0; tick < ticks; tick += 1) {
        for (const id of this.#cluster.running) this.#cluster.tick(id);
        settle(this.#cluster, STABILIZE_MESSAGES_MAX);
      }
    });
  }

  /** `id` becomes leader, which must succeed, and everybody follows. Nothing is printed. */
  #elect(id: NodeId): void {
    this.#silently(() => {
      this.#cluster.campaign(id);
      settle(this.#cluster, STABILIZE_MESSAGES_MAX);
    });
    if (this.#cluster.raft(id).role !== 'leader') throw new Error(`${id} does not win`);
  }

  #silently(act: () => void): void {
    const shown = this.#output.length;
    act();
    this.#output.splice(shown);
  }

  /** `propose 1 text [times=n]` or `propose 1 bytes=100 [times=n]` */
  #propose(command: Command): void {
    const id = idOf(command.word());
    const bytes = command.value('bytes');
    const data = bytes === undefined ? Buffer.from(command.word()) : new Uint8Array(toNumber(bytes));
    const times = command.number('times', 1);
    for (let time = 0; time < times; time += 1) {
      this.#printRefusal(id, this.#cluster.propose(id, data));
    }
  }

  /** `conf 1 addVoter 4`, likewise addLearner, promote, remove */
  #changeConf(command: Command): void {
    const id = idOf(command.word());
    const kind = confChangeKind(command.word());
    this.#printRefusal(id, this.#cluster.changeConf(id, { kind, id: idOf(command.word()) }));
  }

  #printRefusal(id: NodeId, result: ProposeResult): void {
    if (!result.ok) this.#print(`${id}| refused: ${result.reason}`);
  }

  #read(command: Command): void {
    const id = idOf(command.word());
    const token = this.#cluster.requestRead(id);
    this.#print(`${id}| ${token === undefined ? 'read refused: no leader' : `read asked token=${token}`}`);
  }

  #transfer(command: Command): void {
    const id = idOf(command.word());
    const to = idOf(command.word());
    if (!this.#cluster.transfer(id, to)) this.#print(`${id}| transfer to ${to} refused`);
  }

  /** `snapshotEnded 1 3 installed=7` or `snapshotEnded 1 3 failed` */
  #snapshotEnded(command: Command): void {
    const id = idOf(command.word());
    const peer = idOf(command.word());
    const installed = command.value('installed');
    if (installed === undefined && !command.flag('failed')) throw new Error(`installed or failed? ${command.text}`);
    this.#cluster.reportSnapshot(id, peer, installed === undefined ? undefined : toNumber(installed));
  }

  /** The state that stands for what goes must be durable first. */
  #trim(id: NodeId, index: number): void {
    this.#cluster.disk(id).sync();
    this.#cluster.trim(id, index);
  }

  /** The messages under way that match `[from=1] [to=2] [type=appendRequest] [newestFirst] [n=1]`. */
  #find(command: Command): readonly Message[] {
    const from = command.value('from');
    const to = command.value('to');
    const type = command.value('type');
    const isNewestFirst = command.flag('newestFirst');
    const count = command.number('n', Infinity);
    const found = this.#cluster.network.filter(
      (message) =>
        (from === undefined || message.from === idOf(from)) &&
        (to === undefined || message.to === idOf(to)) &&
        (type === undefined || message.type === type),
    );
    const isFiltered = from !== undefined || to !== undefined || type !== undefined;
    if (found.length === 0 && isFiltered) throw new Error(`nothing under way matches: ${command.text}`);
    return (isNewestFirst ? found.reverse() : found).slice(0, count);
  }

  #take(command: Command): readonly Message[] {
    const taken = this.#find(command);
    this.#cluster.network = this.#cluster.network.filter((message) => !taken.includes(message));
    return taken;
  }

  #deliver(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#print(`   ${describeMessage(message)}`);
      if (!this.#cluster.deliver(message)) this.#print('   lost');
      else this.#cluster.pump(message.to);
    }
  }

  #list(word: string, messages: readonly Message[]): void {
    for (const message of messages) this.#print(`${word} ${describeMessage(message)}`.trim());
    if (messages.length === 0) this.#print('nothing under way');
  }

  #isolate(id: NodeId): void {
    for (const peer of this.#cluster.ids) {
      if (peer === id) continue;
      this.#cluster.cuts.add(`${id}->${peer}`);
      this.#cluster.cuts.add(`${peer}->${id}`);
    }
  }

  #releaseSaves(id: NodeId): void {
    while (this.#cluster.completeSave(id));
    this.#cluster.holdSaves(id, false);
  }

  #releaseApply(id: NodeId): void {
    this.#cluster.completeApply(id);
    this.#cluster.holdApply(id, false);
  }

  /** `crash 1 [saves=n] [writes=n]`: how many of the saves under way, or of the unsynced writes, survive. */
  #crash(command: Command): void {
    const id = idOf(command.word());
    this.#cluster.crash(id, { saves: command.number('saves', 0), writes: command.number('writes', 0) });
  }

  #status(command: Command): void {
    for (const id of this.#idsIn(command)) {
      if (this.#cluster.isRunning(id)) this.#print(describeStatus(this.#cluster.status(id)));
      else this.#print(`${id} down`);
    }
  }

  #log(command: Command): void {
    for (const id of this.#idsIn(command)) {
      const raft = this.#cluster.raft(id);
      const { startIndex, lastIndex, commitIndex } = raft.status();
      const terms: string[] = [];
      for (let index = startIndex + 1; index <= lastIndex; index += 1) terms.push(`${raft.termAt(index)}/${index}`);
      this.#print(`${id} start=${raft.termAt(startIndex)}/${startIndex} commit=${commitIndex} [${terms.join(' ')}]`);
    }
  }

  #progress(command: Command): void {
    const { peers } = this.#cluster.status(idOf(command.word()));
    for (const peer of peers) this.#print(describePeer(peer));
  }

  #applied(command: Command): void {
    for (const id of this.#idsIn(command)) {
      const entries = this.#cluster.applied(id).map((entry) => `${entry.term}/${entry.index}`);
      this.#print(`${id} applied [${entries.join(' ')}]`);
    }
  }

  /** `quiet <command>`: what it does is of no interest here. */
  #quiet(command: Command): void {
    const shown = this.#output.length;
    this.#runOne(new Command(command.text.replace(/^quiet /, '')));
    const stops = this.#output.slice(shown).filter((line) => line.startsWith('stops:'));
    this.#output.splice(shown, Infinity, ...stops);
  }

  #idsIn(command: Command): readonly NodeId[] {
    const words = command.words();
    return words.length === 0 ? this.#cluster.ids : words.map(idOf);
  }
}

function idOf(word: string): NodeId {
  return BigInt(word);
}

function confChangeKind(word: string): ConfChange['kind'] {
  switch (word) {
    case 'addVoter':
    case 'addLearner':
    case 'promote':
    case 'remove':
      return word;
    default:
      throw new Error(`no such change: ${word}`);
  }
}

function normalEntry(term: number, index: number, text: string): Entry {
  return { kind: 'normal', term, index, data: Buffer.from(text) };
}

/** `term/index` */
function entryIdOf(text: string): { readonly term: number; readonly index: number } {
  const [term = '', index = ''] = text.split('/');
  return { term: toNumber(term), index: toNumber(index) };
}

/** A message that no member sent: `inject appendRequest from=1 to=2 term=3 prev=1/2 commit=0 entries=(3/3 3/4)`, ... */
function parseMessage(command: Command): Message {
  const type = command.word();
  const from = BigInt(command.number('from', 0));
  const to = BigInt(command.number('to', 0));
  const term = command.number('term', 0);
  switch (type) {
    case 'voteRequest': {
      const last = entryIdOf(command.value('last') ?? '0/0');
      const round = { pre: command.flag('pre'), transfer: command.flag('transfer') };
      return { type, from, to, term, ...round, lastTerm: last.term, lastIndex: last.index };
    }
    case 'voteResponse':
      return { type, from, to, term, pre: command.flag('pre'), granted: command.flag('granted') };
    case 'appendRequest': {
      const prev = entryIdOf(command.value('prev') ?? '0/0');
      const ids = command.list('entries').map(entryIdOf);
      const entries = ids.map((id) => normalEntry(id.term, id.index, `e${id.index}`));
      const commit = command.number('commit', 0);
      return { type, from, to, term, prevTerm: prev.term, prevIndex: prev.index, entries, commit };
    }
    case 'installSnapshot': {
      const conf = { voters: command.list('voters').map(idOf), learners: [] };
      return { type, from, to, term, meta: { ...entryIdOf(command.value('at') ?? '0/0'), conf } };
    }
    case 'heartbeat':
      return { type, from, to, term, commit: command.number('commit', 0), readToken: command.number('read', 0) };
    case 'timeoutNow':
      return { type, from, to, term };
    default:
      throw new Error(`no such message: ${type}`);
  }
}
